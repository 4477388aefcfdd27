import { isJsonObject, type Json, parseJson, parseJsonObject } from '../../base/json.js';
import type { StoredKey } from '../../cluster/view.js';
import type { Deadline } from '../shared/retry.js';
import type { Attempts, ConsulAnswer, ConsulClient } from './client.js';
import { ConsulError } from './errors.js';
import type { Consistency } from './settings.js';

/** All keys of the cluster, as of an index of the store. */
export interface Snapshot {
  readonly keys: readonly StoredKey[];
  readonly index: string;
}

/** The version to compare with; '0': there must be no such key. */
type Version = string | undefined;

/** What a transaction says of the key that it wrote. */
export interface TransactionOutcome {
  readonly isDone: boolean;
  readonly isAmbiguous: boolean;
  /** The new version of the key that the last operation wrote. */
  readonly version: string | undefined;
}

/** The keys of one cluster: single requests, and transactions where two steps must not come apart. */
export class ConsulKeys {
  readonly #client: ConsulClient;
  readonly #prefix: string;

  /** @param prefix the cluster's path without a slash in front: `service/demo/`. */
  constructor(client: ConsulClient, prefix: string) {
    this.#client = client;
    this.#prefix = prefix;
  }

  async readAll(consistency: Consistency, deadline: Deadline): Promise<Snapshot> {
    const query = { recurse: '1', ...consistencyQuery(consistency) };
    return this.#snapshot(
      await this.#client.send({ method: 'GET', path: this.#path(''), query, attempts: 'repeat', accept: [404] }, deadline),
    );
  }

  /** Waits until something has changed since `index`, at most for `waitMs`, which Consul stretches by a sixteenth. */
  async waitForChange(options: {
    readonly index: string;
    readonly waitMs: number;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  }): Promise<Snapshot> {
    const { index, waitMs, timeoutMs, signal } = options;
    const query = { recurse: '1', index, wait: `${waitMs}ms`, ...consistencyQuery(this.#client.access.consistency) };
    const request = { method: 'GET', path: this.#path(''), query, attempts: 'once', accept: [404] } as const;
    return this.#snapshot(await this.#client.sendOnce(request, timeoutMs, signal));
  }

  /** One key, as the quorum has it now. */
  async read(key: string, deadline: Deadline): Promise<StoredKey | undefined> {
    const query = consistencyQuery('consistent');
    const request = { method: 'GET', path: this.#path(key), query, attempts: 'repeat', accept: [404] } as const;
    return this.#snapshot(await this.#client.send(request, deadline)).keys[0];
  }

  /** @returns false: another session holds the key. @throws ConsulError `session-lost` */
  async acquire(key: string, value: string, session: string, deadline: Deadline, attempts: Attempts): Promise<boolean> {
    return (await this.#change('PUT', key, { acquire: session }, value, deadline, attempts)).isDone;
  }

  /** A write without comparison always succeeds. */
  put(key: string, value: string, version: Version, deadline: Deadline, attempts: Attempts): Promise<Changed> {
    return this.#change('PUT', key, { cas: version }, value, deadline, attempts);
  }

  delete(key: string, version: Version, deadline: Deadline, attempts: Attempts): Promise<Changed> {
    return this.#change('DELETE', key, { cas: version }, undefined, deadline, attempts);
  }

  async deleteAll(deadline: Deadline): Promise<void> {
    await this.#change('DELETE', '', { recurse: '1' }, undefined, deadline, 'repeat');
  }

  /** Writes and tells the new version, which a plain write does not. */
  write(key: string, value: string, version: Version, deadline: Deadline, attempts: Attempts): Promise<TransactionOutcome> {
    const operation = { Key: this.#name(key), Value: encode(value) };
    const compared = version === undefined ? { Verb: 'set', ...operation } : { Verb: 'cas', ...operation, Index: Number(version) };
    return this.#transact([compared], deadline, attempts);
  }

  /**
   * Moves a key from whatever session holds it to ours, in one step, so that it is never absent.
   * @param version only if the key still has it; undefined: whatever it holds.
   * @throws ConsulError `session-lost`
   */
  move(key: string, value: string, session: string, version: Version, deadline: Deadline, attempts: Attempts): Promise<TransactionOutcome> {
    const Key = this.#name(key);
    const removal = version === undefined ? { Verb: 'delete', Key } : { Verb: 'delete-cas', Key, Index: Number(version) };
    return this.#transact([removal, { Verb: 'lock', Key, Value: encode(value), Session: session }], deadline, attempts);
  }

  async #transact(operations: readonly unknown[], deadline: Deadline, attempts: Attempts): Promise<TransactionOutcome> {
    const body = JSON.stringify(operations.map((KV) => ({ KV })));
    const request = { method: 'PUT', path: '/v1/txn', body, attempts, accept: [409] } as const;
    const answer = await this.#client.send(request, deadline);
    const document = parseJsonObject(answer.body);
    if (document === undefined) throw new ConsulError('unavailable', 'not an answer of Consul: no document');
    const { isAmbiguous } = answer;
    if (answer.status === 200) return { isDone: true, isAmbiguous, version: versionOf(lastOf(document['Results'])) };
    const reason = reasonOf(document['Errors']);
    if (/invalid session/i.test(reason)) throw new ConsulError('session-lost', reason);
    if (/permission denied/i.test(reason)) throw new ConsulError('refused', reason);
    return { isDone: false, isAmbiguous, version: undefined };
  }

  async #change(
    method: 'PUT' | 'DELETE',
    key: string,
    query: Readonly<Record<string, string | undefined>>,
    value: string | undefined,
    deadline: Deadline,
    attempts: Attempts,
  ): Promise<Changed> {
    const request = { method, path: this.#path(key), query, attempts, ...(value === undefined ? {} : { body: value }) };
    const { body, isAmbiguous } = await this.#client.send(request, deadline);
    const word = body.trim();
    if (word !== 'true' && word !== 'false') throw new ConsulError('unavailable', 'not an answer of Consul: neither true nor false');
    return { isDone: word === 'true', isAmbiguous };
  }

  /** A 404 without index comes from something between us and Consul: it must not look like an empty cluster. */
  #snapshot(answer: ConsulAnswer): Snapshot {
    if (answer.index === undefined) throw new ConsulError('unavailable', `not an answer of Consul: status ${answer.status} without index`);
    const list = answer.status === 404 ? [] : parseList(answer.body);
    return { keys: list.flatMap((item) => parseKey(item, this.#prefix) ?? []), index: answer.index };
  }

  #name(key: string): string {
    return `${this.#prefix}${key}`;
  }

  #path(key: string): string {
    return `/v1/kv/${this.#name(key).split('/').map(encodeURIComponent).join('/')}`;
  }
}

interface Changed {
  readonly isDone: boolean;
  readonly isAmbiguous: boolean;
}

function consistencyQuery(consistency: Consistency): Readonly<Record<string, string>> {
  return consistency === 'default' ? {} : { [consistency]: '1' };
}

function encode(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

function parseList(body: string): readonly Json[] {
  try {
    const document = parseJson(body);
    if (Array.isArray(document)) return document;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new ConsulError('unavailable', 'not an answer of Consul: no list of keys');
}

function parseKey(item: Json, prefix: string): StoredKey | undefined {
  if (!isJsonObject(item)) return undefined;
  const { Key: path, Value: value, Session: session } = item;
  if (typeof path !== 'string' || !path.startsWith(prefix) || path === prefix) return undefined;
  const text = typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : '';
  const stored = { key: path.slice(prefix.length), value: text, version: versionOf(item) ?? '0' };
  return typeof session === 'string' && session !== '' ? { ...stored, session } : stored;
}

function versionOf(item: Json | undefined): string | undefined {
  if (!isJsonObject(item)) return undefined;
  const source = isJsonObject(item['KV']) ? item['KV'] : item;
  const version = source['ModifyIndex'];
  return version === undefined ? undefined : String(version);
}

function lastOf(list: Json | undefined): Json | undefined {
  return Array.isArray(list) ? list.at(-1) : undefined;
}

function reasonOf(errors: Json | undefined): string {
  if (!Array.isArray(errors)) return '';
  return errors.map((error) => (isJsonObject(error) ? String(error['What'] ?? '') : '')).join('; ');
}
