import { isJsonObject, type Json, parseJson } from '../base/json.js';
import { LSN_ZERO, type Lsn, lsnFromBytes } from '../base/lsn.js';
import { parseBigInteger } from '../base/python-values.js';

/** The content of `/status`: what the leader last said of its WAL and of the cluster's slots (dcs.md §3.5). */
export interface Status {
  readonly lastLsn: Lsn;
  /** Slot name → position; undefined when the leader does not publish slots. */
  readonly slots: ReadonlyMap<string, Lsn> | undefined;
  readonly retainSlots: readonly string[];
}

export const NO_STATUS: Status = { lastLsn: LSN_ZERO, slots: undefined, retainSlots: [] };

/** Reads `/status`, or the bare decimal number of the legacy `/optime/leader`. Unusable parts count as absent. */
export function parseStatus(value: string): Status {
  let document: Json;
  try {
    document = parseJson(value);
  } catch (error) {
    if (error instanceof SyntaxError) return NO_STATUS;
    throw error;
  }
  if (typeof document === 'number' || typeof document === 'bigint') return { ...NO_STATUS, lastLsn: position(document) };
  if (!isJsonObject(document)) return NO_STATUS;
  return {
    lastLsn: position(document['optime']),
    slots: slots(nested(document['slots'])),
    retainSlots: names(nested(document['retain_slots'])),
  };
}

function position(value: unknown): Lsn {
  const bytes = parseBigInteger(value);
  return (bytes === undefined ? undefined : lsnFromBytes(bytes)) ?? LSN_ZERO;
}

/** Kubernetes annotations hold the parts as JSON text inside of a string. */
function nested(value: Json | undefined): Json | undefined {
  if (typeof value !== 'string') return value;
  try {
    return parseJson(value);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function slots(value: Json | undefined): ReadonlyMap<string, Lsn> | undefined {
  if (!isJsonObject(value)) return undefined;
  return new Map(Object.entries(value).map(([name, lsn]) => [name, position(lsn)]));
}

function names(value: Json | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((name): name is string => typeof name === 'string') : [];
}

/** The document to write; parts without content are left out. */
export function statusDocument(status: Status): Record<string, unknown> {
  const document: Record<string, unknown> = { optime: status.lastLsn };
  if (status.slots !== undefined && status.slots.size > 0) document['slots'] = Object.fromEntries(status.slots);
  if (status.retainSlots.length > 0) document['retain_slots'] = [...status.retainSlots].sort();
  return document;
}
