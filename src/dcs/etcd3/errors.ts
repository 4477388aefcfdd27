import { isJsonObject, type JsonObject, parseJsonObject } from '../../base/json.js';

/**
 * What an error answer means for the request (dcs.md §10.2).
 * `unavailable`: this member can't serve now, another may; the request may have been applied.
 * `repeat`: as `unavailable`, but any member would say so at this moment.
 * `auth`: the token is not good (any more). `auth-failed`: the password is not good. `auth-off`: there are no users.
 * `lease-not-found`: our lease has expired. `refused`: the server understood and does not do it.
 */
export type EtcdErrorKind = 'unavailable' | 'repeat' | 'auth' | 'auth-failed' | 'auth-off' | 'lease-not-found' | 'refused';

/** etcd answered with an error. It says nothing about who owns the leader lock. */
export class EtcdError extends Error {
  override readonly name = 'EtcdError';
  readonly kind: EtcdErrorKind;

  constructor(kind: EtcdErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Text first: some versions send the right sentence with another code. */
const BY_TEXT: readonly (readonly [text: string, kind: EtcdErrorKind])[] = [
  ['etcdserver: requested lease not found', 'lease-not-found'],
  ['etcdserver: user name is empty', 'auth'],
  ['etcdserver: authentication failed, invalid user ID or password', 'auth-failed'],
  ['etcdserver: revision of auth store is old', 'auth'],
  ['etcdserver: permission denied', 'auth'],
  ['etcdserver: authentication is not enabled', 'auth-off'],
  ['etcdserver: invalid auth token', 'auth'],
  ['context deadline exceeded', 'repeat'],
  ['not a primary lessor', 'unavailable'],
  ['etcdserver: no leader', 'unavailable'],
  ['etcdserver: leader changed', 'unavailable'],
  ['etcdserver: request timed out', 'unavailable'],
  ['etcdserver: too many requests', 'unavailable'],
  ['etcdserver: server stopped', 'unavailable'],
];

const BY_CODE: Readonly<Record<number, EtcdErrorKind>> = { 4: 'repeat', 9: 'repeat', 14: 'unavailable', 16: 'auth' };

/**
 * Classifies an answer that is not a plain success; undefined when it is one. Answers that are no JSON come from
 * something between us and etcd, or from a server that is starting: unknown, never "no".
 */
export function errorOf(status: number, body: string): EtcdError | undefined {
  const document = parseJsonObject(body);
  if (document === undefined) return new EtcdError('unavailable', `status ${status}: ${body.slice(0, 200).trim() || 'no answer text'}`);
  const nested = document['error'];
  if (status === 200 && nested === undefined) return undefined;
  const source: JsonObject = isJsonObject(nested) ? nested : document;
  const code = Number(source['code'] ?? source['grpc_code'] ?? 0);
  const text = String(source['message'] ?? source['error'] ?? '');
  const kind = BY_TEXT.find(([known]) => text.includes(known))?.[1] ?? BY_CODE[code];
  return new EtcdError(kind ?? (code === 0 ? 'unavailable' : 'refused'), `${text || `status ${status}`} (code ${code})`);
}
