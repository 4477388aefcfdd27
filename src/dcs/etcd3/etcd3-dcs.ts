import { isJsonObject, type JsonObject } from '../../base/json.js';
import { deepEqualByText } from '../../base/python-values.js';
import type { Timings } from '../../cluster/dynamic-config.js';
import { parseMemberData } from '../../cluster/member.js';
import { type ClusterView, type Leader, type Member, parseClusterView } from '../../cluster/view.js';
import type { Clock } from '../../ports/clock.js';
import { type CallOptions, type Dcs, type DcsEvent, DcsUnavailable } from '../../ports/dcs.js';
import type { Log } from '../../ports/log.js';
import type { Random } from '../../ports/random.js';
import { clusterPath } from '../shared/key-path.js';
import { Deadline } from '../shared/retry.js';
import { type Attempts, type EtcdAnswer, EtcdClient } from './client.js';
import { EtcdError } from './errors.js';
import { Lease } from './lease.js';
import { parseEtcdSettings } from './settings.js';
import { revisionOf, WatchCache } from './watch-cache.js';
import { encode, listOf, parseKey, rangeEnd } from './wire.js';

/** A sub-step of a lock operation must not begin with less than this. */
const MIN_STEP_MS = 500;
const START_PAUSE_MS = 5000;
/** The members' list is refreshed after so many times the ttl. */
const MEMBER_LIST_TTLS = 10;

export interface Etcd3Options {
  readonly section: Readonly<Record<string, unknown>>;
  readonly scope: string;
  readonly name: string;
  readonly namespace: string;
  readonly timings: Timings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** patronictl: no lease, no watch; every load is a linearizable read. */
  readonly isReadOnlyClient?: boolean;
}

/** The store of section `etcd3`. @throws Error when the section can't be used. */
export function createEtcd3(options: Etcd3Options): Dcs {
  return new Etcd3Dcs(options);
}

interface Transaction {
  readonly compare: readonly unknown[];
  readonly success: readonly unknown[];
  readonly failure?: readonly unknown[];
}

class Etcd3Dcs implements Dcs {
  readonly kind = 'etcd3';
  readonly #options: Etcd3Options;
  readonly #client: EtcdClient;
  readonly #lease: Lease;
  readonly #cache: WatchCache;
  readonly #prefix: string;
  readonly #listeners = new Set<(event: DcsEvent) => void>();
  #timings: Timings;
  #membersReadAt: number;

  constructor(options: Etcd3Options) {
    const { clock, random, log } = options;
    this.#options = options;
    this.#timings = options.timings;
    this.#prefix = clusterPath(options.namespace, options.scope);
    this.#client = new EtcdClient({ settings: parseEtcdSettings(options.section), clock, random, log });
    this.#lease = new Lease(this.#client, clock, options.timings.ttlMs, options.timings.loopWaitMs);
    const onEvent = (event: DcsEvent): void => {
      for (const listener of [...this.#listeners]) listener(event);
    };
    this.#cache = new WatchCache({ client: this.#client, clock, random, prefix: this.#prefix, onEvent });
    this.#client.onFailure = () => this.#cache.restart();
    this.#membersReadAt = clock.monotonic();
  }

  async start(signal?: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    while (!signal?.aborted && !this.#options.isReadOnlyClient) {
      try {
        await this.#lease.refresh(this.#deadline({ timeoutMs: this.#timings.retryTimeoutMs, ...(signal && { signal }) }), {
          isForced: true,
        });
        this.#cache.start();
        return;
      } catch (error) {
        if (!(error instanceof DcsUnavailable || error instanceof EtcdError)) throw error;
        if (error instanceof EtcdError && error.kind === 'auth-failed') throw error;
        log.info(`waiting on etcd: ${error.message}`);
        await clock.sleep(START_PAUSE_MS, signal);
      }
    }
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    await this.#cache.stop();
    this.#client.close();
  }

  async load(options: CallOptions): Promise<ClusterView> {
    const cached = this.#options.isReadOnlyClient ? undefined : this.#cache.current();
    this.#refreshMembersWhenDue();
    if (cached !== undefined) return parseClusterView(cached);
    return this.#trusted('read the cluster', async () => parseClusterView(await this.#cache.read(this.#deadline(options))));
  }

  acquireLeaderLock(options: CallOptions): Promise<'acquired' | 'held-by-other'> {
    return this.#trusted('acquire the leader lock', async () => {
      const deadline = this.#deadline(options);
      const isOurs = await this.#withLease(deadline, { isForced: false }, (lease) => this.#createLeader(lease, deadline));
      return isOurs ? 'acquired' : 'held-by-other';
    });
  }

  renewLeaderLock(leader: Leader | undefined, options: CallOptions): Promise<'renewed' | 'lost'> {
    return this.#trusted('renew the leader lock', async () => {
      const deadline = this.#deadline(options);
      const isOurs = await this.#withLease(deadline, { isForced: true }, (lease) => this.#renewWith(lease, leader, deadline));
      return isOurs ? 'renewed' : 'lost';
    });
  }

  takeLeaderLock(options: CallOptions): Promise<boolean> {
    return this.#trusted('take the leader lock', async () => {
      const deadline = this.#deadline(options);
      await this.#withLease(deadline, { isForced: false }, (lease) => this.#put('leader', this.#options.name, lease, deadline, 'repeat'));
      return true;
    });
  }

  releaseLeaderLock(_leader: Leader | undefined, options: CallOptions): Promise<boolean> {
    return this.#write('release the leader lock', async () => {
      const compare = [this.#isValue('leader', this.#options.name)];
      const { isDone } = await this.#transact(
        'leader',
        undefined,
        { compare, success: [this.#deleteOp('leader')] },
        this.#deadline(options),
        'once',
      );
      return isDone;
    });
  }

  touchMember(value: string, known: Member | undefined, options: CallOptions): Promise<boolean> {
    return this.#write('write the member key', async () => {
      const deadline = this.#deadline(options);
      const lease = await this.#lease.refresh(deadline, { isForced: false });
      if (known !== undefined && known.session === lease && deepEqualByText(known.data, parseMemberData(value))) return true;
      try {
        await this.#put(`members/${this.#options.name}`, value, lease, deadline, 'once');
        return true;
      } catch (error) {
        if (!isLeaseGone(error)) throw error;
        this.#lease.forget();
        return false;
      }
    });
  }

  writeInitialize(value: string, mode: 'create' | 'overwrite', options: CallOptions): Promise<boolean> {
    if (mode === 'overwrite') return this.#plainWrite('initialize', value, options, 'repeat');
    return this.#write('create /initialize', async () => {
      const transaction = {
        compare: [this.#isAbsent('initialize')],
        success: [this.#putOp('initialize', value)],
        failure: [this.#readOp('initialize')],
      };
      const { isDone, isAmbiguous, found } = await this.#transact('initialize', value, transaction, this.#deadline(options), 'repeat');
      if (isDone || !isAmbiguous || found?.value !== value) return isDone;
      // An identifier is ours alone. The empty text may be another member's: nobody can tell.
      if (value !== '') return true;
      throw new DcsUnavailable('create /initialize: the first attempt was not answered (etcd3)');
    });
  }

  deleteInitialize(options: CallOptions): Promise<boolean> {
    return this.#write('delete /initialize', async () => {
      await this.#delete('initialize', this.#deadline(options));
      return true;
    });
  }

  writeStatus(value: string, options: CallOptions): Promise<boolean> {
    return this.#plainWrite('status', value, options, 'once');
  }

  writeLegacyOptime(value: string, options: CallOptions): Promise<boolean> {
    return this.#plainWrite('optime/leader', value, options, 'once');
  }

  writeFailsafe(value: string, options: CallOptions): Promise<boolean> {
    return this.#plainWrite('failsafe', value, options, 'once');
  }

  writeTimeline(value: string, options: CallOptions): Promise<boolean> {
    return this.#plainWrite('timeline', value, options, 'once');
  }

  writeHistory(value: string, options: CallOptions): Promise<boolean> {
    return this.#plainWrite('history', value, options, 'once');
  }

  async writeConfig(value: string, version: string | undefined, options: CallOptions): Promise<boolean> {
    return (await this.#compareAndPut('config', value, version, options, 'once')) !== undefined;
  }

  async writeFailover(value: string, version: string | undefined, options: CallOptions): Promise<boolean> {
    return (await this.#compareAndPut('failover', value, version, options, 'once')) !== undefined;
  }

  writeSync(value: string, version: string | undefined, options: CallOptions): Promise<string | undefined> {
    return this.#compareAndPut('sync', value, version, options, 'repeat');
  }

  deleteSync(version: string | undefined, options: CallOptions): Promise<boolean> {
    return this.#write('delete /sync', async () => {
      const deadline = this.#deadline(options);
      if (version === undefined) {
        await this.#delete('sync', deadline);
        return true;
      }
      const transaction = {
        compare: [this.#isVersion('sync', version)],
        success: [this.#deleteOp('sync')],
        failure: [this.#readOp('sync')],
      };
      const { isDone, isAmbiguous, found } = await this.#transact('sync', undefined, transaction, deadline, 'repeat');
      return isDone || (isAmbiguous && found === undefined);
    });
  }

  deleteCluster(options: CallOptions): Promise<boolean> {
    return this.#write('delete the cluster', async () => {
      await this.#client.post(
        '/kv/deleterange',
        { key: encode(this.#prefix), range_end: rangeEnd(this.#prefix) },
        this.#deadline(options),
        'repeat',
      );
      return true;
    });
  }

  subscribe(listener: (event: DcsEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async configure(timings: Timings, settings: Readonly<Record<string, unknown>>): Promise<void> {
    this.#timings = timings;
    this.#lease.configure(timings.ttlMs, timings.loopWaitMs);
    const { username, password } = settings;
    if (username && password) this.#client.setCredentials({ username: String(username), password: String(password) });
  }

  #deadline(options: CallOptions): Deadline {
    return new Deadline(this.#options.clock, this.#options.random, options);
  }

  #refreshMembersWhenDue(): void {
    const now = this.#options.clock.monotonic();
    if (now - this.#membersReadAt < MEMBER_LIST_TTLS * this.#timings.ttlMs) return;
    this.#membersReadAt = now;
    this.#client.refreshMembers(this.#deadline({ timeoutMs: this.#timings.retryTimeoutMs })).catch((error: unknown) => {
      this.#options.log.info('the list of etcd members was not refreshed', error);
    });
  }

  /** Runs an operation whose only trustworthy answers are its results: an error of etcd's says nothing of the lock or the keys. */
  async #trusted<T>(what: string, operation: () => Promise<T>): Promise<T> {
    try {
      return await operation();
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      throw new DcsUnavailable(`Etcd is not responding properly: ${what}: ${error.message}`, { cause: error });
    }
  }

  /** Runs a write that etcd may refuse. */
  async #write(what: string, operation: () => Promise<boolean>): Promise<boolean> {
    try {
      return await operation();
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      this.#options.log.warning(`etcd refused to ${what}: ${error.message}`);
      return false;
    }
  }

  /** A lease may expire between its refresh and its use: one new lease, once. */
  async #withLease<T>(deadline: Deadline, options: { readonly isForced: boolean }, use: (lease: string) => Promise<T>): Promise<T> {
    const lease = await this.#lease.refresh(deadline, options);
    deadline.ensure(MIN_STEP_MS, 'leader lock');
    try {
      return await use(lease);
    } catch (error) {
      if (!isLeaseGone(error)) throw error;
      this.#lease.forget();
      const granted = await this.#lease.refresh(deadline, { isForced: true });
      deadline.ensure(MIN_STEP_MS, 'leader lock');
      return use(granted);
    }
  }

  async #createLeader(lease: string, deadline: Deadline): Promise<boolean> {
    const { name } = this.#options;
    const transaction = {
      compare: [this.#isAbsent('leader')],
      success: [this.#putOp('leader', name, lease)],
      failure: [this.#readOp('leader')],
    };
    const { isDone, found } = await this.#transact('leader', name, transaction, deadline, 'repeat', lease);
    // Our name with our lease: an attempt without an answer was applied.
    return isDone || (found?.value === name && found.session === lease);
  }

  async #renewWith(lease: string, leader: Leader | undefined, deadline: Deadline): Promise<boolean> {
    const { name, log } = this.#options;
    // The key is bound to the lease that was just prolonged, and the copy that says so is as new as the answer: no write.
    if (leader?.name === name && leader.session === lease && this.#cache.current() !== undefined) return true;
    const now = await this.#readKey('leader', deadline);
    if (now?.value === name && now.session === lease) return true;
    if (now?.value === name) log.warning('I am the leader but not owner of the lease');
    const put = this.#putOp('leader', name, lease);
    const create = { request_txn: { compare: [this.#isAbsent('leader')], success: [put], failure: [this.#readOp('leader')] } };
    const transaction = { compare: [this.#isValue('leader', name)], success: [put], failure: [create] };
    const { isDone } = await this.#transact('leader', name, transaction, deadline, 'repeat', lease);
    return isDone;
  }

  async #readKey(key: string, deadline: Deadline): Promise<ReturnType<typeof parseKey>> {
    const { body } = await this.#client.post('/kv/range', { key: this.#key(key) }, deadline, 'repeat');
    return parseKey(listOf(body['kvs'])[0], this.#prefix);
  }

  #plainWrite(key: string, value: string, options: CallOptions, attempts: Attempts): Promise<boolean> {
    return this.#write(`write /${key}`, async () => {
      await this.#put(key, value, undefined, this.#deadline(options), attempts);
      return true;
    });
  }

  async #compareAndPut(
    key: string,
    value: string,
    version: string | undefined,
    options: CallOptions,
    attempts: Attempts,
  ): Promise<string | undefined> {
    let written: string | undefined;
    await this.#write(`write /${key}`, async () => {
      const deadline = this.#deadline(options);
      if (version === undefined) written = String(await this.#put(key, value, undefined, deadline, attempts));
      else {
        const transaction = { compare: [this.#isVersion(key, version)], success: [this.#putOp(key, value)], failure: [this.#readOp(key)] };
        const { isDone, isAmbiguous, found, revision } = await this.#transact(key, value, transaction, deadline, attempts);
        if (isDone) written = String(revision);
        else if (isAmbiguous && found?.value === value) written = found.version;
      }
      return true;
    });
    return written;
  }

  async #put(key: string, value: string, lease: string | undefined, deadline: Deadline, attempts: Attempts): Promise<bigint> {
    const { body } = await this.#announced(key, value, lease, () =>
      this.#client.post(
        '/kv/put',
        { key: this.#key(key), value: encode(value), ...(lease === undefined ? {} : { lease }) },
        deadline,
        attempts,
      ),
    );
    return revisionOf(body);
  }

  async #delete(key: string, deadline: Deadline): Promise<void> {
    await this.#announced(key, undefined, undefined, () =>
      this.#client.post('/kv/deleterange', { key: this.#key(key) }, deadline, 'repeat'),
    );
  }

  async #transact(
    key: string,
    value: string | undefined,
    transaction: Transaction,
    deadline: Deadline,
    attempts: Attempts,
    lease?: string,
  ) {
    const { body, isAmbiguous } = await this.#announced(key, value, lease, () =>
      this.#client.post('/kv/txn', transaction, deadline, attempts),
    );
    return { isDone: isTransactionDone(body), isAmbiguous, revision: revisionOf(body), found: foundIn(body, this.#prefix) };
  }

  /** Tells the cache of an own write before it is sent and after it was answered. */
  async #announced(
    key: string,
    value: string | undefined,
    lease: string | undefined,
    send: () => Promise<EtcdAnswer>,
  ): Promise<EtcdAnswer> {
    const finish = this.#cache.ownWrite(key, value);
    try {
      const answer = await send();
      const isWritten = answer.body['responses'] === undefined ? answer.body['succeeded'] !== false : isTransactionDone(answer.body);
      finish(isWritten ? { revision: revisionOf(answer.body), ...(lease === undefined ? {} : { lease }) } : undefined);
      return answer;
    } catch (error) {
      finish(undefined);
      throw error;
    }
  }

  #key(key: string): string {
    return encode(`${this.#prefix}${key}`);
  }

  #isAbsent(key: string): unknown {
    return { key: this.#key(key), target: 'CREATE', create_revision: '0' };
  }

  #isVersion(key: string, version: string): unknown {
    return { key: this.#key(key), target: 'MOD', mod_revision: version };
  }

  #isValue(key: string, value: string): unknown {
    return { key: this.#key(key), target: 'VALUE', value: encode(value) };
  }

  #putOp(key: string, value: string, lease?: string): unknown {
    return { request_put: { key: this.#key(key), value: encode(value), ...(lease === undefined ? {} : { lease }) } };
  }

  #deleteOp(key: string): unknown {
    return { request_delete_range: { key: this.#key(key) } };
  }

  #readOp(key: string): unknown {
    return { request_range: { key: this.#key(key) } };
  }
}

function isLeaseGone(error: unknown): boolean {
  return error instanceof EtcdError && error.kind === 'lease-not-found';
}

/** Absent means false. A nested transaction that was done is as good. */
function isTransactionDone(body: JsonObject): boolean {
  if (body['succeeded'] === true) return true;
  const first = listOf(body['responses'])[0];
  const nested = isJsonObject(first) ? first['response_txn'] : undefined;
  return isJsonObject(nested) && nested['succeeded'] === true;
}

/** The key that the failure branch of a transaction has read. */
function foundIn(body: JsonObject, prefix: string): ReturnType<typeof parseKey> {
  const first = listOf(body['responses'])[0];
  const range = isJsonObject(first) ? first['response_range'] : undefined;
  return isJsonObject(range) ? parseKey(listOf(range['kvs'])[0], prefix) : undefined;
}
