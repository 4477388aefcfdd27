import { deepEqualByText } from '../../base/python-values.js';
import type { Timings } from '../../cluster/dynamic-config.js';
import { parseMemberData } from '../../cluster/member.js';
import { type ClusterView, type Leader, type Member, parseClusterView } from '../../cluster/view.js';
import type { Clock } from '../../ports/clock.js';
import { type CallOptions, type Dcs, type DcsEvent, DcsUnavailable } from '../../ports/dcs.js';
import type { Log } from '../../ports/log.js';
import type { Random } from '../../ports/random.js';
import { clusterPath } from '../shared/key-path.js';
import { Outcomes } from '../shared/outcomes.js';
import { Deadline } from '../shared/retry.js';
import { type Attempts, ConsulClient } from './client.js';
import { ConsulError } from './errors.js';
import { ConsulKeys } from './keys.js';
import { LeaderLock } from './leader-lock.js';
import { MemberKey } from './member-key.js';
import { ServiceRegistration } from './service.js';
import { Session } from './session.js';
import { accessOf, parseConsulSettings, serviceOf } from './settings.js';
import { Watch } from './watch.js';

const START_PAUSE_MS = 5000;
/** The version to compare with of a key that must not exist. */
const ABSENT = '0';

export interface ConsulOptions {
  readonly section: Readonly<Record<string, unknown>>;
  readonly scope: string;
  readonly name: string;
  readonly namespace: string;
  readonly timings: Timings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** patronictl: no session, no watch; every load is a read of the quorum. */
  readonly isReadOnlyClient?: boolean;
}

/** The store of section `consul`. @throws Error when the section can't be used. */
export function createConsul(options: ConsulOptions): Dcs {
  return new ConsulDcs(options);
}

class ConsulDcs implements Dcs {
  readonly kind = 'consul';
  readonly #options: ConsulOptions;
  readonly #outcomes: Outcomes;
  readonly #client: ConsulClient;
  readonly #session: Session;
  readonly #keys: ConsulKeys;
  readonly #watch: Watch;
  readonly #lock: LeaderLock;
  readonly #member: MemberKey;
  readonly #service: ServiceRegistration;
  readonly #stopping = new AbortController();
  readonly #listeners = new Set<(event: DcsEvent) => void>();
  #timings: Timings;

  constructor(options: ConsulOptions) {
    const { clock, random, log, name, scope, timings } = options;
    this.#options = options;
    this.#timings = timings;
    this.#outcomes = new Outcomes({ store: 'Consul', log, verdictOf: (error) => (error instanceof ConsulError ? 'refused' : undefined) });
    const settings = parseConsulSettings(options.section);
    this.#client = new ConsulClient(settings, clock);
    const { ttlMs, loopWaitMs } = timings;
    this.#session = new Session({ client: this.#client, clock, log, scope, name, checks: settings.checks, ttlMs, loopWaitMs });
    this.#keys = new ConsulKeys(this.#client, clusterPath(options.namespace, scope).slice(1));
    const onEvent = (event: DcsEvent): void => {
      for (const listener of [...this.#listeners]) listener(event);
    };
    this.#watch = new Watch({ keys: this.#keys, clock, random, onEvent });
    this.#lock = new LeaderLock({ name, keys: this.#keys, session: this.#session, watch: this.#watch, clock, log });
    const { service } = settings;
    this.#service = new ServiceRegistration({ client: this.#client, session: this.#session, log, scope, name, service });
    this.#member = new MemberKey({ name, keys: this.#keys, session: this.#session, watch: this.#watch, service: this.#service });
  }

  async start(signal?: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    signal?.addEventListener('abort', () => this.#stopping.abort(), { once: true });
    const aborted = this.#stopping.signal;
    if (signal?.aborted) return;
    while (!aborted.aborted && !this.#options.isReadOnlyClient) {
      try {
        const deadline = this.#deadline({ timeoutMs: this.#timings.retryTimeoutMs, signal: aborted });
        await this.#session.refresh(deadline, { isForced: true });
        if (!aborted.aborted) this.#watch.start();
        return;
      } catch (error) {
        if (!(error instanceof DcsUnavailable || error instanceof ConsulError)) throw error;
        log.info(`waiting on consul: ${error.message}`);
        // A refused ttl was replaced by one that the server allows.
        const isAdjusted = error instanceof ConsulError && error.kind === 'session-ttl';
        await clock.sleep(isAdjusted ? 0 : START_PAUSE_MS, aborted);
      }
    }
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    this.#stopping.abort();
    // First, so that nothing that runs waits for an answer any more.
    this.#client.close();
    await this.#watch.stop();
  }

  load(options: CallOptions): Promise<ClusterView> {
    return this.#outcomes.trusted('read the cluster', async () => {
      const startedAt = this.#options.clock.monotonic();
      const { consistency } = this.#client.access;
      // A renewal rests on what the owner of the lock has read.
      const isQuorum = this.#options.isReadOnlyClient || this.#lock.isHeld || consistency === 'consistent';
      const snapshot = await this.#keys.readAll(isQuorum ? 'consistent' : consistency, this.#deadline(options));
      this.#watch.learn(snapshot);
      const leader = snapshot.keys.find(({ key }) => key === 'leader');
      if (isQuorum) this.#lock.prove(leader, startedAt, this.#timings.retryTimeoutMs);
      return parseClusterView(snapshot.keys);
    });
  }

  acquireLeaderLock(options: CallOptions): Promise<'acquired' | 'held-by-other'> {
    return this.#outcomes.trusted('acquire the leader lock', async () =>
      (await this.#lock.acquire(this.#deadline(options))) ? 'acquired' : 'held-by-other',
    );
  }

  renewLeaderLock(_leader: Leader | undefined, options: CallOptions & { readonly mayCreate?: boolean }): Promise<'renewed' | 'lost'> {
    return this.#outcomes.trusted('renew the leader lock', async () =>
      (await this.#lock.renew(this.#deadline(options), options.mayCreate !== false)) ? 'renewed' : 'lost',
    );
  }

  /** Consul can't take a lock from another session: the same as acquiring, as in Patroni. */
  takeLeaderLock(options: CallOptions): Promise<boolean> {
    return this.#outcomes.trusted('take the leader lock', () => this.#lock.acquire(this.#deadline(options)));
  }

  releaseLeaderLock(leader: Leader | undefined, options: CallOptions): Promise<boolean> {
    return this.#outcomes.write('release the leader lock', () => this.#lock.release(leader, this.#deadline(options)));
  }

  touchMember(value: string, known: Member | undefined, options: CallOptions): Promise<boolean> {
    const isEqual = known !== undefined && deepEqualByText(known.data, parseMemberData(value));
    return this.#outcomes.write('write the member key', () => this.#member.write(value, known, isEqual, this.#deadline(options)));
  }

  writeInitialize(value: string, mode: 'create' | 'overwrite', options: CallOptions): Promise<boolean> {
    if (mode === 'overwrite') return this.#put('initialize', value, undefined, options, 'repeat');
    return this.#outcomes.write('create /initialize', async () => {
      const deadline = this.#deadline(options);
      const { isDone, isAmbiguous } = await this.#keys.put('initialize', value, ABSENT, deadline, 'repeat');
      if (isDone || !isAmbiguous || (await this.#keys.read('initialize', deadline))?.value !== value) return isDone;
      // An identifier is ours alone. The empty text may be another member's: nobody can tell.
      if (value !== '') return true;
      throw new DcsUnavailable('create /initialize: the first attempt was not answered (consul)');
    });
  }

  deleteInitialize(options: CallOptions): Promise<boolean> {
    return this.#outcomes.write(
      'delete /initialize',
      async () => (await this.#keys.delete('initialize', undefined, this.#deadline(options), 'repeat')).isDone,
    );
  }

  writeStatus(value: string, options: CallOptions): Promise<boolean> {
    return this.#put('status', value, undefined, options);
  }

  writeLegacyOptime(value: string, options: CallOptions): Promise<boolean> {
    return this.#put('optime/leader', value, undefined, options);
  }

  writeFailsafe(value: string, options: CallOptions): Promise<boolean> {
    return this.#put('failsafe', value, undefined, options);
  }

  writeTimeline(value: string, options: CallOptions): Promise<boolean> {
    return this.#put('timeline', value, undefined, options);
  }

  writeHistory(value: string, options: CallOptions): Promise<boolean> {
    return this.#put('history', value, undefined, options);
  }

  writeConfig(value: string, version: string | undefined, options: CallOptions): Promise<boolean> {
    return this.#put('config', value, version, options);
  }

  writeFailover(value: string, version: string | undefined, options: CallOptions): Promise<boolean> {
    return this.#put('failover', value, version, options);
  }

  async writeSync(value: string, version: string | undefined, options: CallOptions): Promise<string | undefined> {
    let written: string | undefined;
    await this.#outcomes.write('write /sync', async () => {
      const deadline = this.#deadline(options);
      this.#watch.ownWrite('sync', value);
      const outcome = await this.#keys.write('sync', value, version ?? ABSENT, deadline, 'repeat');
      written = outcome.version;
      if (!outcome.isDone && outcome.isAmbiguous) {
        const found = await this.#keys.read('sync', deadline);
        if (found?.value === value) written = found.version;
      }
      return true;
    });
    return written;
  }

  deleteSync(version: string | undefined, options: CallOptions): Promise<boolean> {
    return this.#outcomes.write('delete /sync', async () => {
      const deadline = this.#deadline(options);
      this.#watch.ownWrite('sync', undefined);
      const { isDone, isAmbiguous } = await this.#keys.delete('sync', version, deadline, 'repeat');
      return isDone || (isAmbiguous && (await this.#keys.read('sync', deadline)) === undefined);
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
    this.#session.configure(timings.ttlMs, timings.loopWaitMs);
    // Without a section only the timings have changed.
    if (Object.keys(settings).length === 0) return;
    this.#client.setAccess(accessOf(settings));
    this.#service.configure(serviceOf(settings));
  }

  #deadline(options: CallOptions): Deadline {
    return new Deadline(this.#options.clock, this.#options.random, options);
  }

  #put(key: string, value: string, version: string | undefined, options: CallOptions, attempts: Attempts = 'once'): Promise<boolean> {
    return this.#outcomes.write(`write /${key}`, async () => {
      this.#watch.ownWrite(key, value);
      return (await this.#keys.put(key, value, version, this.#deadline(options), attempts)).isDone;
    });
  }
}
