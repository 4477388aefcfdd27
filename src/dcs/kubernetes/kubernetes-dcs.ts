import type { Timings } from '../../cluster/dynamic-config.js';
import { type ClusterView, type Leader, type Member, parseClusterView, type StoredKey } from '../../cluster/view.js';
import type { Clock } from '../../ports/clock.js';
import { type CallOptions, type Dcs, type DcsEvent, DcsUnavailable } from '../../ports/dcs.js';
import type { Log } from '../../ports/log.js';
import type { Random } from '../../ports/random.js';
import { eventOf } from '../shared/key-events.js';
import { Outcomes } from '../shared/outcomes.js';
import { Deadline } from '../shared/retry.js';
import { apiAccess, type Surroundings } from './access.js';
import { AnnotatedObject } from './annotated-object.js';
import { KubernetesClient } from './client.js';
import { ConfigService } from './config-service.js';
import { KubernetesError, verdictOf } from './errors.js';
import { LeaderEndpoint } from './leader-endpoint.js';
import { LeaderLock } from './leader-lock.js';
import { LeaderRecord } from './leader-record.js';
import { MemberPod } from './member-pod.js';
import { ObjectCache } from './object-cache.js';
import type { KubeObject } from './objects.js';
import { RenewTime } from './renew-time.js';
import { Resource } from './resource.js';
import { type KubernetesSettings, parseKubernetesSettings, retriableCodesOf } from './settings.js';
import {
  failoverAnnotations,
  failsafeAnnotations,
  keysOf,
  memberKey,
  NO_SYNC,
  type ObjectNames,
  objectNames,
  statusAnnotations,
  syncAnnotations,
} from './stored-keys.js';

const START_PAUSE_MS = 5000;
/** A watch that is silent for longer is opened anew. Of pods bookmarks come about once a minute; of the objects, while nobody leads, nothing need come. */
const IDLE_SILENCE_MS = 150_000;
/** The list of API servers is looked at once per cycle, which may come a little early. */
const SERVERS_AGE_MARGIN_MS = 500;

export interface KubernetesOptions {
  readonly section: Readonly<Record<string, unknown>>;
  readonly scope: string;
  readonly name: string;
  readonly timings: Timings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly surroundings: Surroundings;
  /** patronictl: no watch; every load is a list of the quorum. */
  readonly isReadOnlyClient?: boolean;
}

/** The store of section `kubernetes`. @throws DcsSettingError */
export function createKubernetes(options: KubernetesOptions): Dcs {
  return new KubernetesDcs(options);
}

class KubernetesDcs implements Dcs {
  readonly kind = 'kubernetes';
  readonly #options: KubernetesOptions;
  readonly #outcomes: Outcomes;
  readonly #settings: KubernetesSettings;
  readonly #client: KubernetesClient;
  readonly #names: ObjectNames;
  readonly #resource: Resource;
  readonly #objects: ObjectCache;
  readonly #pods: ObjectCache;
  readonly #record: LeaderRecord;
  readonly #lock: LeaderLock;
  readonly #member: MemberPod;
  readonly #configService: ConfigService | undefined;
  readonly #stopping = new AbortController();
  readonly #listeners = new Set<(event: DcsEvent) => void>();
  #timings: Timings;

  constructor(options: KubernetesOptions) {
    const { clock, random, log, name, scope, timings } = options;
    this.#options = options;
    this.#timings = timings;
    this.#outcomes = new Outcomes({ store: 'Kubernetes API', log, verdictOf });
    const settings = parseKubernetesSettings(options.section, scope);
    this.#settings = settings;
    const access = apiAccess(settings, options.surroundings, clock);
    this.#client = new KubernetesClient({ access, clock, random, log, retriableCodes: settings.retriableCodes });
    const { namespace, useEndpoints, labels } = settings;
    this.#names = objectNames(scope, useEndpoints);
    this.#record = new LeaderRecord(clock, timings.ttlMs, () => this.#emit({ kind: 'leader-changed' }));
    this.#resource = new Resource(this.#client, namespace, useEndpoints ? 'endpoints' : 'configmaps', labels);
    const onReconnected = (): void => this.#emit({ kind: 'reconnected' });
    this.#objects = new ObjectCache({
      // The leader's renewals show that this watch lives.
      ...{ resource: this.#resource, clock, random, hasBookmarks: false, onReconnected },
      onChange: (objectName, before, after, isOwn) => this.#onObject(objectName, before, after, isOwn),
    });
    const pods = new Resource(this.#client, namespace, 'pods', labels);
    this.#pods = new ObjectCache({
      ...{ resource: pods, clock, random, hasBookmarks: true, onReconnected },
      // Our own pod is written by us alone; that Kubernetes makes it is no news.
      onChange: (podName, before, after, isOwn) => {
        if (!isOwn && podName !== name) this.#tellChanges(before && [memberKey(before)], after && [memberKey(after)]);
      },
    });
    this.#client.onFailure = () => {
      this.#objects.restart();
      this.#pods.restart();
    };
    const ownPod = (): KubeObject | undefined => this.#pods.get(name);
    const { ports, podIp } = settings;
    this.#lock = new LeaderLock({
      ...{ name, log, resource: this.#resource, cache: this.#objects, record: this.#record, renewTime: new RenewTime(clock) },
      objectName: this.#names.leader,
      endpoint: useEndpoints ? new LeaderEndpoint({ name, namespace, ports, podIp, ownPod }) : undefined,
      ttlMs: () => this.#timings.ttlMs,
    });
    this.#member = new MemberPod({ name, namespace, resource: pods, cache: this.#pods, labels: settings.role });
    const services = new Resource(this.#client, namespace, 'services', labels);
    this.#configService = useEndpoints ? new ConfigService(services, this.#names.config, log) : undefined;
  }

  async start(signal?: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    signal?.addEventListener('abort', () => this.#stopping.abort(), { once: true });
    const aborted = this.#stopping.signal;
    if (signal?.aborted) return;
    while (!aborted.aborted && !this.#options.isReadOnlyClient) {
      try {
        const deadline = this.#deadline({ timeoutMs: this.#timings.retryTimeoutMs, signal: aborted });
        await this.#followApiServers(deadline);
        await this.#objects.list(deadline);
        await this.#pods.list(deadline);
        if (aborted.aborted) return;
        this.#objects.start();
        this.#pods.start();
        return;
      } catch (error) {
        if (!(error instanceof DcsUnavailable || error instanceof KubernetesError)) throw error;
        log.info(`waiting on kubernetes: ${error.message}`);
        await clock.sleep(START_PAUSE_MS, aborted);
      }
    }
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    this.#stopping.abort();
    this.#record.stop();
    // First, so that nothing that runs waits for an answer any more.
    this.#client.close();
    await Promise.all([this.#objects.stop(), this.#pods.stop()]);
  }

  load(options: CallOptions): Promise<ClusterView> {
    return this.#outcomes.trusted('read the cluster', async () => {
      const deadline = this.#deadline(options);
      await this.#followApiServers(deadline);
      const [, pods] = await Promise.all([
        this.#objects.current(deadline, this.#silenceMs()),
        this.#pods.current(deadline, IDLE_SILENCE_MS),
      ]);
      // Nobody is taken for gone because a watch is silent: what looks ended is read once more.
      const { owner, isValid, endsAt } = this.#record;
      if (owner !== undefined && !isValid && this.#objects.listedAt < endsAt) await this.#objects.list(deadline);
      return parseClusterView([...this.#objectKeys(), ...pods.map(memberKey)]);
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

  /** The same as acquiring, as in Patroni. */
  takeLeaderLock(options: CallOptions): Promise<boolean> {
    return this.#outcomes.trusted('take the leader lock', () => this.#lock.acquire(this.#deadline(options)));
  }

  releaseLeaderLock(_leader: Leader | undefined, options: CallOptions): Promise<boolean> {
    return this.#outcomes.write('release the leader lock', () => this.#lock.release(this.#deadline(options)));
  }

  touchMember(value: string, _known: Member | undefined, options: CallOptions): Promise<boolean> {
    return this.#outcomes.write('write the member key', async () => {
      const deadline = this.#deadline(options);
      await this.#configService?.ensure(deadline);
      const isLeader = this.#record.isValid && this.#record.owner === this.#options.name;
      await this.#member.write(value, isLeader, deadline);
      return true;
    });
  }

  writeInitialize(value: string, mode: 'create' | 'overwrite', options: CallOptions): Promise<boolean> {
    const annotations = { initialize: value };
    return this.#outcomes.write(`${mode} initialize`, async () => {
      const deadline = this.#deadline(options);
      if (mode === 'create') return (await this.#object('config').claim(annotations, ['initialize'], deadline)) !== undefined;
      await this.#object('config').put(annotations, deadline, 'repeat');
      return true;
    });
  }

  deleteInitialize(options: CallOptions): Promise<boolean> {
    return this.#outcomes.write('delete initialize', async () => {
      await this.#object('config').remove({ initialize: null }, this.#deadline(options));
      return true;
    });
  }

  writeStatus(value: string, options: CallOptions): Promise<boolean> {
    return this.#put('leader', 'status', statusAnnotations(value), options);
  }

  /** The annotation `optime` is what old and new members read: it is written with the status. */
  async writeLegacyOptime(value: string, options: CallOptions): Promise<boolean> {
    if (this.#objects.get(this.#names.leader)?.annotations['optime'] !== undefined) return true;
    return this.#put('leader', 'optime', { optime: value }, options);
  }

  writeFailsafe(value: string, options: CallOptions): Promise<boolean> {
    return this.#put('leader', 'failsafe', failsafeAnnotations(value), options);
  }

  writeTimeline(value: string, options: CallOptions): Promise<boolean> {
    return this.#put('config', 'timeline', { timeline: value }, options);
  }

  writeHistory(value: string, options: CallOptions): Promise<boolean> {
    return this.#put('config', 'history', { history: value }, options);
  }

  writeConfig(value: string, version: string | undefined, options: CallOptions): Promise<boolean> {
    return this.#putIf('config', 'config', { config: value }, version, options);
  }

  writeFailover(value: string, version: string | undefined, options: CallOptions): Promise<boolean> {
    return this.#putIf('failover', 'failover', failoverAnnotations(value), version, options);
  }

  async writeSync(value: string, version: string | undefined, options: CallOptions): Promise<string | undefined> {
    let written: string | undefined;
    await this.#outcomes.write('write sync', async () => {
      const [deadline, annotations] = [this.#deadline(options), syncAnnotations(value)];
      written =
        version === undefined
          ? await this.#object('sync').claim(annotations, Object.keys(NO_SYNC), deadline)
          : await this.#object('sync').replace(annotations, version, deadline, 'repeat');
      return true;
    });
    return written;
  }

  deleteSync(version: string | undefined, options: CallOptions): Promise<boolean> {
    return this.#outcomes.write('delete sync', async () => {
      const [deadline, object] = [this.#deadline(options), this.#object('sync')];
      if (version !== undefined) return (await object.replace(NO_SYNC, version, deadline, 'repeat')) !== undefined;
      await object.remove(NO_SYNC, deadline);
      return true;
    });
  }

  /** The pods are Kubernetes' own. */
  deleteCluster(options: CallOptions): Promise<boolean> {
    return this.#outcomes.write('delete the cluster', async () => {
      const deadline = this.#deadline(options);
      await this.#resource.deleteAll(deadline);
      await this.#objects.list(deadline);
      return true;
    });
  }

  subscribe(listener: (event: DcsEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async configure(timings: Timings, settings: Readonly<Record<string, unknown>>): Promise<void> {
    this.#timings = timings;
    this.#record.setOwnTtl(timings.ttlMs);
    // Without a section only the timings have changed.
    if (Object.keys(settings).length > 0) this.#client.setRetriableCodes(retriableCodesOf(settings));
  }

  #objectKeys(): readonly StoredKey[] {
    const keys = Object.values(this.#names).flatMap((name) => {
      const object = this.#objects.get(name);
      return object === undefined ? [] : keysOf(object, this.#names);
    });
    return this.#record.isValid ? keys : keys.filter(({ key }) => key !== 'leader');
  }

  #onObject(name: string, before: KubeObject | undefined, after: KubeObject | undefined, isOwn: boolean): void {
    if (name === this.#names.leader) this.#record.observe(after);
    if (!isOwn) this.#tellChanges(before && keysOf(before, this.#names), after && keysOf(after, this.#names));
  }

  #tellChanges(before: readonly StoredKey[] = [], after: readonly StoredKey[] = []): void {
    const [old, now] = [before, after].map((keys) => new Map(keys.map(({ key, value }) => [key, value])));
    for (const key of new Set([...before, ...after].map((stored) => stored.key))) {
      const event = eventOf(key, old?.get(key), now?.get(key));
      if (event !== undefined) this.#emit(event);
    }
  }

  #emit(event: DcsEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  /** The leader's renewals are what a watch has to tell at least. */
  #silenceMs(): number {
    const { loopWaitMs, retryTimeoutMs } = this.#timings;
    return this.#record.isValid ? loopWaitMs + retryTimeoutMs : IDLE_SILENCE_MS;
  }

  async #followApiServers(deadline: Deadline): Promise<void> {
    if (!this.#settings.bypassApiService || this.#options.isReadOnlyClient) return;
    await this.#client.followApiServers(this.#timings.loopWaitMs - SERVERS_AGE_MARGIN_MS, deadline);
  }

  #object(key: keyof ObjectNames): AnnotatedObject {
    return new AnnotatedObject(this.#names[key], this.#resource, this.#objects);
  }

  #deadline(options: CallOptions): Deadline {
    return new Deadline(this.#options.clock, this.#options.random, options);
  }

  #put(
    object: keyof ObjectNames,
    what: string,
    annotations: Readonly<Record<string, string | null>>,
    options: CallOptions,
  ): Promise<boolean> {
    return this.#outcomes.write(`write ${what}`, async () => {
      await this.#object(object).put(annotations, this.#deadline(options));
      return true;
    });
  }

  #putIf(
    object: keyof ObjectNames,
    what: string,
    annotations: Readonly<Record<string, string | null>>,
    version: string | undefined,
    options: CallOptions,
  ): Promise<boolean> {
    if (version === undefined) return this.#put(object, what, annotations, options);
    return this.#outcomes.write(
      `write ${what}`,
      async () => (await this.#object(object).replace(annotations, version, this.#deadline(options), 'once')) !== undefined,
    );
  }
}
