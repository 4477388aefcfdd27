import { isJsonObject, type JsonObject, parseJsonObject } from '../../base/json.js';
import type { StoredKey } from '../../cluster/view.js';

/** Error codes that say something of a key (etcd v2 API, `errorCode`). */
export const KEY_NOT_FOUND = 100;
export const COMPARE_FAILED = 101;
export const ALREADY_EXISTS = 105;

/** "Raft internal error" and "during leader election": another member may do it, or this one in a moment. */
const UNAVAILABLE: readonly number[] = [300, 301];

/** etcd answered with an error. Code 0: an answer that is not of the API. */
export class EtcdV2Error extends Error {
  override readonly name = 'EtcdV2Error';
  readonly code: number;
  /** It says nothing of the key: the request may have been applied. */
  readonly isUnavailable: boolean;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
    this.isUnavailable = code === 0 || UNAVAILABLE.includes(code);
  }
}

/** @throws EtcdV2Error unless the answer is a success. */
export function readAnswer(status: number, body: string): JsonObject {
  const document = parseJsonObject(body);
  const code = document?.['errorCode'];
  if (typeof code === 'number') throw new EtcdV2Error(code, `${document?.['message'] ?? 'error'} (code ${code})`);
  if (status === 401 || status === 403) throw new EtcdV2Error(110, `status ${status}: insufficient credentials`);
  if (document === undefined || (status !== 200 && status !== 201)) {
    throw new EtcdV2Error(0, `status ${status}: ${body.slice(0, 200).trim() || 'no answer text'}`);
  }
  return document;
}

/** The keys below a directory, with their paths below `prefix`. Directories are no values. */
export function keysOf(node: unknown, prefix: string): readonly StoredKey[] {
  if (!isJsonObject(node)) return [];
  if (node['dir'] === true) return Array.isArray(node['nodes']) ? node['nodes'].flatMap((child) => keysOf(child, prefix)) : [];
  const stored = keyOf(node, prefix);
  return stored === undefined ? [] : [stored];
}

/** One key; undefined for a directory and for what is not below `prefix`. */
export function keyOf(node: unknown, prefix: string): StoredKey | undefined {
  if (!isJsonObject(node) || node['dir'] === true || typeof node['key'] !== 'string' || !node['key'].startsWith(prefix)) return undefined;
  const value = typeof node['value'] === 'string' ? node['value'] : '';
  return { key: node['key'].slice(prefix.length), value, version: String(node['modifiedIndex'] ?? '0') };
}
