import { isJsonObject, parseJson } from '../base/json.js';

/** The content of `/failover` (dcs.md §3.6). At least one of `leader` and `candidate` is set. */
export interface FailoverRequest {
  readonly version: string;
  readonly leader: string | undefined;
  readonly candidate: string | undefined;
  /** As written by the requester: ISO 8601; undefined when the request is due at once. */
  readonly scheduledAt: string | undefined;
}

/**
 * Reads `/failover`. The legacy form `leader:candidate` is understood.
 * @returns undefined when there is no request. A schedule that is no date-time makes the whole value no request: it
 * must never be taken for an immediate one, and never stop the agent from reading the cluster (dcs.md §3.6 «RISK»).
 */
export function parseFailoverRequest(value: string, version: string): FailoverRequest | undefined {
  const fields = readFields(value);
  if (fields === undefined) return undefined;
  const { leader, candidate, scheduledAt } = fields;
  if (leader === undefined && candidate === undefined) return undefined;
  if (scheduledAt !== undefined && parseScheduledAt(scheduledAt) === undefined) return undefined;
  return { version, leader, candidate, scheduledAt };
}

type Fields = Pick<FailoverRequest, 'leader' | 'candidate' | 'scheduledAt'>;

function readFields(value: string): Fields | undefined {
  try {
    const document = parseJson(value);
    if (!isJsonObject(document)) return undefined;
    return { leader: word(document['leader']), candidate: word(document['member']), scheduledAt: word(document['scheduled_at']) };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const [leader, candidate] = value.split(':');
    return { leader: word(leader?.trim()), candidate: word(candidate?.trim()), scheduledAt: undefined };
  }
}

function word(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export interface ScheduledTime {
  /** Epoch milliseconds. */
  readonly at: number;
  /** Without an offset the time is ambiguous: such a schedule is refused, no zone is ever guessed. */
  readonly hasTimezone: boolean;
  /** East of UTC; 0 without an offset. */
  readonly offsetMinutes: number;
}

/**
 * Reads an ISO 8601 date-time: `2031-05-04` or `20310504`, `T` or a space, time with or without colons, seconds and fraction
 * optional, `Z`, `UTC`, `GMT` or `±HH[[:]MM]`.
 */
export function parseScheduledAt(text: string): ScheduledTime | undefined {
  const match =
    /^(\d{4})(?:-(?=\d\d-)|(?=\d{4}(?:\D|$)))(\d{2})-?(\d{2})(?:[T ](\d{2})(?::?(\d{2})(?::?(\d{2})(?:[.,](\d+))?)?)?)?\s*(Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?$/i.exec(
      text.trim(),
    );
  if (!match) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '0', zone] = match;
  const utc = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
    Math.floor(Number(`0.${fraction}`) * 1000),
  );
  if (Number(month) < 1 || Number(month) > 12 || Number(day) < 1 || Number(day) > daysIn(Number(year), Number(month))) return undefined;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  if (/^[+-](?:2[4-9]|[3-9]|\d\d:?[6-9])/.test(zone ?? '')) return undefined;
  const offsetMinutes = zoneOffset(zone);
  return { at: utc - offsetMinutes * 60_000, hasTimezone: zone !== undefined, offsetMinutes };
}

function daysIn(year: number, month: number): number {
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
}

function zoneOffset(zone: string | undefined): number {
  const match = /^([+-])(\d{2}):?(\d{2})?$/.exec(zone ?? '');
  if (!match) return 0;
  return (match[1] === '-' ? -1 : 1) * (Number(match[2]) * 60 + Number(match[3] ?? 0));
}
