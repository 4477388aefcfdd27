import { isJsonObject, type Json, type JsonObject } from '../../base/json.js';
import type { StoredKey } from '../../cluster/view.js';

/** Keys and values cross the gateway in base64. */
export function encode(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

export function decode(value: unknown): string {
  return typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : '';
}

/** The first key after all that begin with `prefix`, in base64. */
export function rangeEnd(prefix: string): string {
  const bytes = Buffer.from(prefix, 'utf8');
  const last = bytes.length - 1;
  bytes[last] = (bytes[last] ?? 0) + 1;
  return bytes.toString('base64');
}

/** A key-value of an answer or event, with its path below `prefix`. Absent fields mean zero or empty. */
export function parseKey(kv: Json | undefined, prefix: string): StoredKey | undefined {
  if (!isJsonObject(kv)) return undefined;
  const path = decode(kv['key']);
  if (!path.startsWith(prefix)) return undefined;
  const lease = kv['lease'];
  const stored = { key: path.slice(prefix.length), value: decode(kv['value']), version: String(integerOf(kv['mod_revision'])) };
  return lease === undefined || lease === '0' ? stored : { ...stored, session: String(lease) };
}

export function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

/** An int64, which the gateway writes as text. What is absent or no number is 0. */
export function integerOf(value: Json | undefined): bigint {
  const text = String(value ?? '0');
  return /^\d{1,20}$/.test(text) ? BigInt(text) : 0n;
}

export function revisionOf(body: JsonObject): bigint {
  const header = body['header'];
  return isJsonObject(header) ? integerOf(header['revision']) : 0n;
}

/** The path of the gateway for a version of the cluster (dcs.md §10.1); undefined below 3.0, or while it is not decided. */
export function gatewayPrefix(version: string): string | undefined {
  const [major = Number.NaN, minor = 0] = version.split('.').map(Number);
  if (!(major >= 3)) return undefined;
  if (major > 3 || minor >= 4) return '/v3';
  return minor === 3 ? '/v3beta' : '/v3alpha';
}

/** The client addresses in the answer of `/cluster/member/list`. A member that was added but never started has none yet. */
export function clientUrls(answer: JsonObject): readonly string[] {
  return listOf(answer['members']).flatMap((member) =>
    isJsonObject(member) && Array.isArray(member['clientURLs']) ? member['clientURLs'].map(String) : [],
  );
}
