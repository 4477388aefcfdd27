import { isJsonObject, type JsonObject } from '../../base/json.js';
import type { StoredKey } from '../../cluster/view.js';
import type { Deadline } from '../shared/retry.js';
import type { Attempts, EtcdAnswer, EtcdClient } from './client.js';
import type { WatchCache } from './watch-cache.js';
import { encode, listOf, parseKey, rangeEnd, revisionOf } from './wire.js';

export interface Transaction {
  readonly compare: readonly unknown[];
  readonly success: readonly unknown[];
  readonly failure?: readonly unknown[];
}

export interface TransactionOutcome {
  readonly isDone: boolean;
  /** An earlier attempt of it went without answer and may have been applied. */
  readonly isAmbiguous: boolean;
  readonly revision: bigint;
  /** The key as the failure branch has read it. */
  readonly found: StoredKey | undefined;
}

/** What a transaction does to one key, for the cache and for the attempts. */
export interface TransactionOptions {
  readonly key: string;
  /** The value that it writes; undefined when it deletes. */
  readonly value: string | undefined;
  readonly lease?: string;
  readonly attempts: Attempts;
}

/** Reads and writes single keys below the cluster's path, and tells the cache of its own writes. */
export class KeyWriter {
  readonly #client: EtcdClient;
  readonly #cache: WatchCache;
  readonly #prefix: string;

  constructor(client: EtcdClient, cache: WatchCache, prefix: string) {
    this.#client = client;
    this.#cache = cache;
    this.#prefix = prefix;
  }

  async read(key: string, deadline: Deadline): Promise<StoredKey | undefined> {
    const { body } = await this.#client.post('/kv/range', { key: this.#path(key) }, deadline, 'repeat');
    return parseKey(listOf(body['kvs'])[0], this.#prefix);
  }

  /** @returns the revision, which is the key's new version. */
  async put(key: string, value: string, lease: string | undefined, deadline: Deadline, attempts: Attempts): Promise<bigint> {
    const document = { key: this.#path(key), value: encode(value), ...(lease === undefined ? {} : { lease }) };
    const send = () => this.#client.post('/kv/put', document, deadline, attempts);
    const { body } = await this.#announced(key, value, lease, () => true, send);
    return revisionOf(body);
  }

  async delete(key: string, deadline: Deadline): Promise<void> {
    const send = () => this.#client.post('/kv/deleterange', { key: this.#path(key) }, deadline, 'repeat');
    await this.#announced(key, undefined, undefined, () => true, send);
  }

  async deleteAll(deadline: Deadline): Promise<void> {
    await this.#client.post('/kv/deleterange', { key: encode(this.#prefix), range_end: rangeEnd(this.#prefix) }, deadline, 'repeat');
  }

  async transact(transaction: Transaction, deadline: Deadline, options: TransactionOptions): Promise<TransactionOutcome> {
    const { key, value, lease, attempts } = options;
    const send = () => this.#client.post('/kv/txn', transaction, deadline, attempts);
    const { body, isAmbiguous } = await this.#announced(key, value, lease, isTransactionDone, send);
    return { isDone: isTransactionDone(body), isAmbiguous, revision: revisionOf(body), found: foundIn(body, this.#prefix) };
  }

  /** @returns the new version; undefined when the key has another version than the known one. */
  async compareAndPut(key: string, value: string, version: string, deadline: Deadline, attempts: Attempts): Promise<string | undefined> {
    const transaction = { compare: [this.isVersion(key, version)], success: [this.putOp(key, value)], failure: [this.readOp(key)] };
    const { isDone, isAmbiguous, found, revision } = await this.transact(transaction, deadline, { key, value, attempts });
    if (isDone) return String(revision);
    return isAmbiguous && found?.value === value ? found.version : undefined;
  }

  /** Deletes the key if it still has the known version. */
  async compareAndDelete(key: string, version: string, deadline: Deadline): Promise<boolean> {
    const transaction = { compare: [this.isVersion(key, version)], success: [this.deleteOp(key)], failure: [this.readOp(key)] };
    const { isDone, isAmbiguous, found } = await this.transact(transaction, deadline, { key, value: undefined, attempts: 'repeat' });
    return isDone || (isAmbiguous && found === undefined);
  }

  /** Writes the key if nobody has. */
  create(key: string, value: string, deadline: Deadline): Promise<TransactionOutcome> {
    const transaction = { compare: [this.isAbsent(key)], success: [this.putOp(key, value)], failure: [this.readOp(key)] };
    return this.transact(transaction, deadline, { key, value, attempts: 'repeat' });
  }

  isAbsent(key: string): unknown {
    return { key: this.#path(key), target: 'CREATE', create_revision: '0' };
  }

  isVersion(key: string, version: string): unknown {
    return { key: this.#path(key), target: 'MOD', mod_revision: version };
  }

  isValue(key: string, value: string): unknown {
    return { key: this.#path(key), target: 'VALUE', value: encode(value) };
  }

  putOp(key: string, value: string, lease?: string): unknown {
    return { request_put: { key: this.#path(key), value: encode(value), ...(lease === undefined ? {} : { lease }) } };
  }

  deleteOp(key: string): unknown {
    return { request_delete_range: { key: this.#path(key) } };
  }

  readOp(key: string): unknown {
    return { request_range: { key: this.#path(key) } };
  }

  /** Tells the cache of an own write before it is sent and after it was answered. */
  async #announced(
    key: string,
    value: string | undefined,
    lease: string | undefined,
    isWritten: (body: JsonObject) => boolean,
    send: () => Promise<EtcdAnswer>,
  ): Promise<EtcdAnswer> {
    const finish = this.#cache.ownWrite(key, value);
    try {
      const answer = await send();
      finish(isWritten(answer.body) ? { revision: revisionOf(answer.body), ...(lease === undefined ? {} : { lease }) } : undefined);
      return answer;
    } catch (error) {
      finish(undefined);
      throw error;
    }
  }

  #path(key: string): string {
    return encode(`${this.#prefix}${key}`);
  }
}

/** Absent means false. A nested transaction that was done is as good. */
function isTransactionDone(body: JsonObject): boolean {
  if (body['succeeded'] === true) return true;
  const first = listOf(body['responses'])[0];
  const nested = isJsonObject(first) ? first['response_txn'] : undefined;
  return isJsonObject(nested) && nested['succeeded'] === true;
}

/** The key that the failure branch of a transaction has read. */
function foundIn(body: JsonObject, prefix: string): StoredKey | undefined {
  const first = listOf(body['responses'])[0];
  const range = isJsonObject(first) ? first['response_range'] : undefined;
  return isJsonObject(range) ? parseKey(listOf(range['kvs'])[0], prefix) : undefined;
}
