import { deepEqualByText } from '../../base/python-values.js';
import type { Timings } from '../../cluster/dynamic-config.js';
import { parseMemberData } from '../../cluster/member.js';
import { type ClusterView, type Leader, type Member, parseClusterView, type StoredKey } from '../../cluster/view.js';
import type { Clock } from '../../ports/clock.js';
import { type CallOptions, type Dcs, type DcsEvent, DcsUnavailable } from '../../ports/dcs.js';
import type { Log } from '../../ports/log.js';
import type { Random } from '../../ports/random.js';
import type { ResolveService } from '../shared/dns.js';
import { credentialsOf, parseEtcdSettings } from '../shared/etcd/settings.js';
import { clusterPath } from '../shared/key-path.js';
import { Outcomes } from '../shared/outcomes.js';
import { Deadline } from '../shared/retry.js';
import { type Attempts, EtcdClient } from './client.js';
import { EtcdError } from './errors.js';
import { KeyWriter } from './key-writer.js';
import { isLeaseGone, LeaderLock } from './leader-lock.js';
import { Lease } from './lease.js';
import { WatchCache } from './watch-cache.js';

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
  /** Instead of DNS, for tests of `srv`. */
  readonly resolveService?: ResolveService;
}

/** The store of section `etcd3`. @throws Error when the section can't be used. */
export function createEtcd3(options: Etcd3Options): Dcs {
  return new Etcd3Dcs(options);
}

class Etcd3Dcs implements Dcs {
  readonly kind = 'etcd3';
  readonly #options: Etcd3Options;
  readonly #outcomes: Outcomes;
  readonly #client: EtcdClient;
  readonly #lease: Lease;
  readonly #cache: WatchCache;
  readonly #keys: KeyWriter;
  readonly #lock: LeaderLock;
  readonly #stopping = new AbortController();
  readonly #listeners = new Set<(event: DcsEvent) => void>();
  #timings: Timings;
  #membersReadAt: number;

  constructor(options: Etcd3Options) {
    const { clock, random, log, name, resolveService } = options;
    this.#options = options;
    this.#timings = options.timings;
    this.#outcomes = new Outcomes({ store: 'Etcd', log, verdictOf: (error) => (error instanceof EtcdError ? 'refused' : undefined) });
    const prefix = clusterPath(options.namespace, options.scope);
    const settings = parseEtcdSettings(options.section);
    this.#client = new EtcdClient({ settings, clock, random, log, ...(resolveService && { resolveService }) });
    this.#lease = new Lease(this.#client, clock, options.timings.ttlMs, options.timings.loopWaitMs);
    const onEvent = (event: DcsEvent): void => {
      for (const listener of [...this.#listeners]) listener(event);
    };
    this.#cache = new WatchCache({ client: this.#client, clock, random, prefix, onEvent });
    this.#keys = new KeyWriter(this.#client, this.#cache, prefix);
    this.#lock = new LeaderLock({ name, keys: this.#keys, lease: this.#lease, cache: this.#cache, log });
    this.#client.onFailure = () => this.#cache.restart();
    this.#membersReadAt = clock.monotonic();
  }

  async start(signal?: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    signal?.addEventListener('abort', () => this.#stopping.abort(), { once: true });
    const aborted = this.#stopping.signal;
    if (signal?.aborted) return;
    while (!aborted.aborted && !this.#options.isReadOnlyClient) {
      try {
        await this.#lease.refresh(this.#deadline({ timeoutMs: this.#timings.retryTimeoutMs, signal: aborted }), { isForced: true });
        if (aborted.aborted) return;
        this.#cache.start();
        return;
      } catch (error) {
        if (!(error instanceof DcsUnavailable || error instanceof EtcdError)) throw error;
        if (error instanceof EtcdError && error.kind === 'auth-failed') throw error;
        log.info(`waiting on etcd: ${error.message}`);
        await clock.sleep(START_PAUSE_MS, aborted);
      }
    }
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    this.#stopping.abort();
    // First, so that nothing that runs waits for an answer any more.
    this.#client.close();
    await this.#cache.stop();
  }

  load(options: CallOptions): Promise<ClusterView> {
    this.#refreshMembersWhenDue();
    return this.#outcomes.trusted('read the cluster', async () => {
      const deadline = this.#deadline(options);
      const copy = this.#options.isReadOnlyClient ? undefined : (this.#copyOfFollower() ?? (await this.#cache.current(deadline)));
      return parseClusterView(copy ?? (await this.#cache.read(deadline)));
    });
  }

  /**
   * While another member leads, ours decides nothing that an older copy could make dangerous: it takes the lock by comparing,
   * and before that reads what the watch has told of the leader's end. So the copy is asked for once in a ttl, not in each
   * cycle: where others write in the same store that would be a request more for each member and cycle.
   */
  #copyOfFollower(): readonly StoredKey[] | undefined {
    const leader = this.#cache.get('leader')?.value ?? '';
    return leader === '' || leader === this.#options.name ? undefined : this.#cache.recent(this.#timings.ttlMs);
  }

  acquireLeaderLock(options: CallOptions): Promise<'acquired' | 'held-by-other'> {
    return this.#outcomes.trusted('acquire the leader lock', async () =>
      (await this.#lock.acquire(this.#deadline(options))) ? 'acquired' : 'held-by-other',
    );
  }

  renewLeaderLock(leader: Leader | undefined, options: CallOptions & { readonly mayCreate?: boolean }): Promise<'renewed' | 'lost'> {
    return this.#outcomes.trusted('renew the leader lock', async () =>
      (await this.#lock.renew(leader, this.#deadline(options), options.mayCreate !== false)) ? 'renewed' : 'lost',
    );
  }

  takeLeaderLock(options: CallOptions): Promise<boolean> {
    return this.#outcomes.trusted('take the leader lock', async () => {
      await this.#lock.take(this.#deadline(options));
      return true;
    });
  }

  releaseLeaderLock(_leader: Leader | undefined, options: CallOptions): Promise<boolean> {
    return this.#outcomes.write('release the leader lock', () => this.#lock.release(this.#deadline(options)));
  }

  touchMember(value: string, known: Member | undefined, options: CallOptions): Promise<boolean> {
    return this.#outcomes.write('write the member key', async () => {
      const deadline = this.#deadline(options);
      const lease = await this.#lease.refresh(deadline, { isForced: false });
      if (known !== undefined && known.session === lease && deepEqualByText(known.data, parseMemberData(value))) return true;
      try {
        await this.#keys.put(`members/${this.#options.name}`, value, lease, deadline, 'once');
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
    return this.#outcomes.write('create /initialize', async () => {
      const { isDone, isAmbiguous, found } = await this.#keys.create('initialize', value, this.#deadline(options));
      if (isDone || !isAmbiguous || found?.value !== value) return isDone;
      // An identifier is ours alone. The empty text may be another member's: nobody can tell.
      if (value !== '') return true;
      throw new DcsUnavailable('create /initialize: the first attempt was not answered (etcd3)');
    });
  }

  deleteInitialize(options: CallOptions): Promise<boolean> {
    return this.#outcomes.write('delete /initialize', async () => {
      await this.#keys.delete('initialize', this.#deadline(options));
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
    return version === undefined ? this.#createSync(value, options) : this.#compareAndPut('sync', value, version, options, 'repeat');
  }

  async #createSync(value: string, options: CallOptions): Promise<string | undefined> {
    let written: string | undefined;
    await this.#outcomes.write('create /sync', async () => {
      const { isDone, isAmbiguous, found, revision } = await this.#keys.create('sync', value, this.#deadline(options));
      if (isDone) written = String(revision);
      else if (isAmbiguous && found?.value === value) written = found.version;
      return true;
    });
    return written;
  }

  deleteSync(version: string | undefined, options: CallOptions): Promise<boolean> {
    return this.#outcomes.write('delete /sync', async () => {
      const deadline = this.#deadline(options);
      if (version !== undefined) return this.#keys.compareAndDelete('sync', version, deadline);
      await this.#keys.delete('sync', deadline);
      return true;
    });
  }

  deleteCluster(options: CallOptions): Promise<boolean> {
    return this.#outcomes.write('delete the cluster', async () => {
      await this.#keys.deleteAll(this.#deadline(options));
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
    const credentials = credentialsOf(settings);
    if (credentials !== undefined) this.#client.setCredentials(credentials);
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

  #plainWrite(key: string, value: string, options: CallOptions, attempts: Attempts): Promise<boolean> {
    return this.#outcomes.write(`write /${key}`, async () => {
      await this.#keys.put(key, value, undefined, this.#deadline(options), attempts);
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
    await this.#outcomes.write(`write /${key}`, async () => {
      const deadline = this.#deadline(options);
      if (version === undefined) written = String(await this.#keys.put(key, value, undefined, deadline, attempts));
      else written = await this.#keys.compareAndPut(key, value, version, deadline, attempts);
      return true;
    });
    return written;
  }
}
