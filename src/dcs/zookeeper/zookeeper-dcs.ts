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
import { type Attempts, ZooKeeperClient } from './client.js';
import type { Connection } from './connection.js';
import { ConnectionFailure, verdictOf } from './errors.js';
import { ExhibitorServers } from './exhibitor.js';
import { ZooKeeperKeys } from './keys.js';
import { LeaderLock } from './leader-lock.js';
import { MemberKey } from './member-key.js';
import { fixedServers, type ServerSource } from './servers.js';
import { Session } from './session.js';
import { credentialsOf, parseCommonSettings, parseEnsemble } from './settings.js';
import { WatchedCopy } from './watched-copy.js';

export interface ZooKeeperOptions {
  readonly section: Readonly<Record<string, unknown>>;
  readonly scope: string;
  readonly name: string;
  readonly namespace: string;
  readonly timings: Timings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** patronictl: no watch; the session ends with the client; every load is a read of the quorum. */
  readonly isReadOnlyClient?: boolean;
}

/** The store of section `zookeeper`. @throws DcsSettingError when the section can't be used. */
export function createZooKeeper(options: ZooKeeperOptions): Dcs {
  const { servers, chroot } = parseEnsemble(options.section['hosts']);
  return new ZooKeeperDcs('zookeeper', fixedServers(servers), chroot, options);
}

/** The store of section `exhibitor`: ZooKeeper, whose servers are asked for over HTTP. @throws DcsSettingError as above. */
export function createExhibitor(options: ZooKeeperOptions): Dcs {
  return new ZooKeeperDcs('exhibitor', new ExhibitorServers(options), '', options);
}

class ZooKeeperDcs implements Dcs {
  readonly kind: string;
  readonly #options: ZooKeeperOptions;
  readonly #outcomes: Outcomes;
  readonly #session: Session;
  readonly #keys: ZooKeeperKeys;
  readonly #copy: WatchedCopy;
  readonly #lock: LeaderLock;
  readonly #member: MemberKey;
  readonly #listeners = new Set<(event: DcsEvent) => void>();
  #isStarted = false;
  #timings: Timings;

  constructor(kind: string, servers: ServerSource, chroot: string, options: ZooKeeperOptions) {
    const { clock, random, log, name, namespace, scope, timings } = options;
    this.kind = kind;
    this.#options = options;
    this.#timings = timings;
    this.#outcomes = new Outcomes({ store: 'ZooKeeper', log, verdictOf });
    const settings = parseCommonSettings(options.section, kind);
    this.#session = new Session({
      ...{ servers, tls: settings.tls, credentials: settings.credentials, timings, clock, random, log },
      prepare: async (connection, timeoutMs) => {
        if (this.#isStarted) await this.#copy.prepare(connection, timeoutMs);
      },
      onConnect: (connection) => void (this.#isStarted && this.#copy.begin(connection)),
      onChange: (path) => this.#copy.noteChange(path),
    });
    const client = new ZooKeeperClient(this.#session);
    this.#keys = new ZooKeeperKeys(client, `${chroot}${clusterPath(namespace, scope).slice(0, -1)}`, settings.acl);
    const onEvent = (event: DcsEvent): void => {
      for (const listener of [...this.#listeners]) listener(event);
    };
    this.#copy = new WatchedCopy({ keys: this.#keys, clock, onEvent });
    const common = { name, keys: this.#keys, session: this.#session, copy: this.#copy };
    this.#lock = new LeaderLock({ ...common, client, log });
    this.#member = new MemberKey(common);
  }

  get grantedLeaseMs(): number {
    return this.#session.leaseMs;
  }

  async start(signal?: AbortSignal): Promise<void> {
    if (this.#options.isReadOnlyClient) return;
    this.#isStarted = true;
    while (!signal?.aborted) {
      try {
        await this.#session.connection(this.#deadline({ timeoutMs: this.#timings.retryTimeoutMs, ...(signal ? { signal } : {}) }));
        return;
      } catch (error) {
        if (!(error instanceof ConnectionFailure)) throw error;
        if (!signal?.aborted) this.#options.log.info(`waiting on ${this.kind}: ${error.message}`);
      }
    }
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    this.#copy.stop();
    await this.#session.close(this.#options.isReadOnlyClient === true);
  }

  load(options: CallOptions): Promise<ClusterView> {
    return this.#outcomes.trusted('read the cluster', async () => {
      const deadline = this.#deadline(options);
      if (this.#options.isReadOnlyClient) return parseClusterView(await this.#keys.readFresh(deadline));
      const copy = (connection: Connection, timeoutMs: number) => this.#copy.current(connection, timeoutMs, deadline.signal);
      return parseClusterView(await this.#keys.exchange(deadline, copy));
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

  /** ZooKeeper can't take a node from another session: the same as acquiring, as in Patroni. */
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
      const { isDone, isAmbiguous } = await this.#keys.create('initialize', value, false, deadline, 'repeat');
      if (isDone || !isAmbiguous || (await this.#keys.read('initialize', deadline))?.value !== value) return isDone;
      // An identifier is ours alone. The empty text may be another member's: nobody can tell.
      if (value !== '') return true;
      throw new DcsUnavailable('create /initialize: the first attempt was not answered (zookeeper)');
    });
  }

  deleteInitialize(options: CallOptions): Promise<boolean> {
    return this.#outcomes.write('delete /initialize', async () => {
      await this.#keys.delete('initialize', undefined, this.#deadline(options), 'repeat');
      return true;
    });
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
      this.#copy.ownWrite('sync', value);
      const outcome =
        version === undefined
          ? await this.#keys.create('sync', value, false, deadline, 'repeat')
          : await this.#keys.set('sync', value, version, deadline, 'repeat');
      written = outcome.version;
      if (!outcome.isDone && outcome.isAmbiguous) {
        const found = await this.#keys.read('sync', deadline);
        if (found?.value === value) written = found.version;
      }
      return true;
    });
    return written;
  }

  /** Emptied, not deleted: a node that is created again counts its versions from the beginning, and old ones would fit. */
  async deleteSync(version: string | undefined, options: CallOptions): Promise<boolean> {
    return (await this.writeSync('{}', version, options)) !== undefined;
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
    // Without a section only the timings have changed.
    const hasSection = Object.keys(settings).length > 0;
    this.#session.configure(timings, hasSection ? credentialsOf(settings, this.kind) : undefined);
  }

  #deadline(options: CallOptions): Deadline {
    return new Deadline(this.#options.clock, this.#options.random, options);
  }

  #put(key: string, value: string, version: string | undefined, options: CallOptions, attempts: Attempts = 'once'): Promise<boolean> {
    return this.#outcomes.write(`write /${key}`, async () => {
      this.#copy.ownWrite(key, value);
      return (await this.#keys.set(key, value, version, this.#deadline(options), attempts)).isDone;
    });
  }
}
