import { isJsonObject, parseJson, parseJsonObject } from '../base/json.js';
import { type FailoverRequest, parseFailoverRequest } from './failover-request.js';
import { parseHistory, type TimelineHistory } from './history.js';
import { type Member, parseMemberData } from './member.js';
import { NO_STATUS, parseStatus, type Status } from './status.js';
import { NO_SYNC_STATE, parseSyncState, type SyncState } from './sync-state.js';

/** The dynamic configuration as stored. An unusable value has no data and `isValid` false: the last valid one stays in force. */
export interface ConfigEntry {
  /** For compare-and-set. */
  readonly version: string;
  /** To notice a change; equal to `version` on most stores. */
  readonly modifyVersion: string;
  readonly isValid: boolean;
  /** What stands there where it is no JSON object. */
  readonly found?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The leader key. `member` is the leader's own key, or a stand-in without data when there is none. */
export interface Leader {
  readonly name: string;
  readonly version: string;
  readonly session: string | undefined;
  readonly member: Member;
}

/** One read of the cluster's keys, as immutable values (dcs.md §4.1). */
export interface ClusterView {
  /** undefined: no such key; empty text: somebody is bootstrapping; else the system identifier. */
  readonly initialize: string | undefined;
  readonly config: ConfigEntry | undefined;
  readonly leader: Leader | undefined;
  readonly status: Status;
  /** In the order of the store. */
  readonly members: readonly Member[];
  readonly failover: FailoverRequest | undefined;
  readonly sync: SyncState;
  readonly history: TimelineHistory | undefined;
  /** Our extension, key `timeline`: the highest number that a promotion has reserved; 0: none. Other implementations ignore it. */
  readonly reservedTimeline: number;
  /** Member name → api_url; undefined when the key is absent or not an object. */
  readonly failsafe: ReadonlyMap<string, string> | undefined;
}

/** One key below the cluster's path. `key` is relative: `leader`, `members/pg-1`. */
export interface StoredKey {
  readonly key: string;
  readonly value: string;
  readonly version: string;
  readonly session?: string;
  /** Where the store tells "changed" by another number than the one for compare-and-set. */
  readonly modifyVersion?: string;
}

export const EMPTY_VIEW: ClusterView = {
  initialize: undefined,
  config: undefined,
  leader: undefined,
  status: NO_STATUS,
  members: [],
  failover: undefined,
  sync: NO_SYNC_STATE,
  history: undefined,
  reservedTimeline: 0,
  failsafe: undefined,
};

/** Builds the view from the keys of a tree store. Unknown keys are ignored; unusable values count as the contract says. */
export function parseClusterView(keys: Iterable<StoredKey>): ClusterView {
  const byName = new Map<string, StoredKey>();
  const members: Member[] = [];
  for (const stored of keys) {
    const member = /^members\/([^/]+)$/.exec(stored.key);
    if (member?.[1] !== undefined) {
      members.push({ name: member[1], version: stored.version, session: stored.session, data: parseMemberData(stored.value) });
    } else byName.set(stored.key, stored);
  }
  const failover = byName.get('failover');
  const sync = byName.get('sync');
  const history = byName.get('history');
  const status = byName.get('status') ?? byName.get('optime/leader');
  return {
    initialize: byName.get('initialize')?.value,
    config: parseConfigEntry(byName.get('config')),
    leader: parseLeader(byName.get('leader'), members),
    status: status === undefined ? NO_STATUS : parseStatus(status.value),
    members,
    failover: failover && parseFailoverRequest(failover.value, failover.version),
    sync: sync === undefined ? NO_SYNC_STATE : parseSyncState(sync.value, sync.version),
    history: history && parseHistory(history.value, history.version),
    reservedTimeline: parseReservedTimeline(byName.get('timeline')?.value),
    failsafe: parseFailsafe(byName.get('failsafe')?.value),
  };
}

function parseConfigEntry(stored: StoredKey | undefined): ConfigEntry | undefined {
  if (stored === undefined) return undefined;
  const data = parseJsonObject(stored.value);
  const versions = { version: stored.version, modifyVersion: stored.modifyVersion ?? stored.version };
  if (data === undefined) return { ...versions, isValid: false, found: kindOfJson(stored.value), data: {} };
  return { ...versions, isValid: true, data };
}

/** Not the value itself: a configuration that somebody mistyped may hold passwords. */
function kindOfJson(text: string): string {
  try {
    const value = parseJson(text);
    return value === null ? 'null' : Array.isArray(value) ? 'a list' : `a ${typeof value}`;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return text.trim() === '' ? 'nothing' : 'no JSON';
  }
}

function parseLeader(stored: StoredKey | undefined, members: readonly Member[]): Leader | undefined {
  if (stored === undefined || stored.value === '') return undefined;
  const name = stored.value;
  const member = members.find((m) => m.name === name) ?? { name, version: stored.version, session: undefined, data: {} };
  return { name, version: stored.version, session: stored.session, member };
}

function parseReservedTimeline(value: string | undefined): number {
  return value !== undefined && /^[0-9]{1,10}$/.test(value) ? Number(value) : 0;
}

function parseFailsafe(value: string | undefined): ReadonlyMap<string, string> | undefined {
  if (value === undefined) return undefined;
  try {
    const document = parseJson(value);
    if (!isJsonObject(document)) return undefined;
    return new Map(Object.entries(document).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export function memberNamed(view: ClusterView, name: string): Member | undefined {
  return view.members.find((member) => member.name === name);
}

/** A system identifier as `/initialize` must hold it: decimal, at least ten digits (dcs.md §3.1). */
export function isValidSystemId(value: string | undefined): value is string {
  return value !== undefined && /^[0-9]{10,}$/.test(value);
}

export type { Member } from './member.js';
