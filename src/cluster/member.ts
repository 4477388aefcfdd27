import { parseJsonObject } from '../base/json.js';
import { type Lsn, lsnFromBytes } from '../base/lsn.js';
import { isPlainObject, isTruthy, parseBigInteger, parseInteger } from '../base/python-values.js';
import { type MemberTraits, type Tags, traitsOf } from './tags.js';

/** A member key as read from the store. `data` keeps every field of the document, ours or not. */
export interface Member {
  readonly name: string;
  readonly version: string;
  /** Lease or session to which the key is bound; undefined where the store has none. */
  readonly session: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Where a member's PostgreSQL listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Reads the value of `members/<name>`: a JSON object, or the legacy connection URL. Anything else is a member without data. */
export function parseMemberData(value: string): Readonly<Record<string, unknown>> {
  if (value.startsWith('postgres')) {
    const [url = '', query = ''] = value.split('?', 2);
    const apiUrl = new URLSearchParams(query).get('application_name');
    return apiUrl === null ? { conn_url: url } : { conn_url: url, api_url: apiUrl };
  }
  return parseJsonObject(value) ?? {};
}

function text(member: Member, field: string): string | undefined {
  const value = member.data[field];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function apiUrlOf(member: Member): string | undefined {
  return text(member, 'api_url');
}

export function connUrlOf(member: Member): string | undefined {
  return text(member, 'conn_url');
}

export function stateOf(member: Member): string {
  return text(member, 'state') ?? 'unknown';
}

export function isRunning(member: Member): boolean {
  return stateOf(member) === 'running';
}

/** The published role, with `master` of old members read as `primary`. */
export function roleOf(member: Member): string | undefined {
  const role = text(member, 'role');
  return role === 'master' ? 'primary' : role;
}

export function tagsOf(member: Member): Tags {
  const tags = member.data['tags'];
  return isPlainObject(tags) ? tags : {};
}

export function traitsOfMember(member: Member): MemberTraits {
  return traitsOf(tagsOf(member));
}

/** A WAL position field (`xlog_location`, `receive_lsn`, `replay_lsn`); undefined when absent or not a position. */
export function memberLsn(member: Member, field: 'xlog_location' | 'receive_lsn' | 'replay_lsn' = 'xlog_location'): Lsn | undefined {
  const value = parseBigInteger(member.data[field]);
  return value === undefined ? undefined : lsnFromBytes(value);
}

export function timelineOf(member: Member): number | undefined {
  const timeline = parseInteger(member.data['timeline']);
  return timeline !== undefined && timeline > 0 ? timeline : undefined;
}

export function isPendingRestart(member: Member): boolean {
  return isTruthy(member.data['pending_restart']);
}

/** The dotted version as numbers; undefined when it is absent or not numeric. */
export function versionOf(member: Member): readonly number[] | undefined {
  const version = text(member, 'version');
  if (version === undefined || !/^[0-9]+(\.[0-9]+)*$/.test(version)) return undefined;
  return version.split('.').map(Number);
}

/** Negative, zero or positive, as for numbers; missing parts count less than any number (Python compares tuples so). */
export function compareVersions(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? -1) - (b[i] ?? -1);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Host and port of a `postgres://` URL; IPv6 without brackets. */
export function addressOf(connUrl: string): Address | undefined {
  const match = /^postgres(?:ql)?:\/\/(?:[^@/]*@)?(\[[^\]]+\]|[^:/?]*)(?::([0-9]+))?/.exec(connUrl);
  if (!match?.[1]) return undefined;
  return { host: match[1].replace(/^\[|\]$/g, '').toLowerCase(), port: match[2] ? Number(match[2]) : 5432 };
}
