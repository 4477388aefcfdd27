import { isJsonObject } from '../../base/json.js';
import { deepEqualByText } from '../../base/python-values.js';
import type { Timings } from '../../cluster/dynamic-config.js';
import { parseMemberData } from '../../cluster/member.js';
import { type ClusterView, type Leader, type Member, parseClusterView } from '../../cluster/view.js';
import type { Clock } from '../../ports/clock.js';
import { type CallOptions, type Dcs, type DcsEvent, DcsUnavailable } from '../../ports/dcs.js';
import type { Log } from '../../ports/log.js';
import type { Random } from '../../ports/random.js';
import type { ResolveService } from '../shared/dns.js';
import { credentialsOf, parseEtcdSettings } from '../shared/etcd/settings.js';
import { clusterPath } from '../shared/key-path.js';
import { Outcomes } from '../shared/outcomes.js';
import { Deadline } from '../shared/retry.js';
import { ALREADY_EXISTS, COMPARE_FAILED, KEY_NOT_FOUND, keysOf } from './answer.js';
import { type EtcdV2Answer, EtcdV2Client, EtcdV2Refusal, type EtcdV2Request } from './client.js';
import { Watch } from './watch.js';

const START_PAUSE_MS = 5000;
/** The answer to a write needs no values, neither the old nor the new one; servers that do not know it send them. */
const BRIEF_ANSWER = { noValueOnSuccess: 'true' };
/** The members' list is refreshed after so many times the ttl. */
const MEMBER_LIST_TTLS = 10;

export interface Etcd2Options {
  readonly section: Readonly<Record<string, unknown>>;
  readonly scope: string;
  readonly name: string;
  readonly namespace: string;
  readonly timings: Timings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** patronictl: no watch. */
  readonly isReadOnlyClient?: boolean;
  /** Instead of DNS, for tests of `srv`. */
  readonly resolveService?: ResolveService;
}

/** The store of section `etcd`: the v2 API. @throws Error when the section can't be used. */
export function createEtcd2(options: Etcd2Options): Dcs {
  return new Etcd2Dcs(options);
}

type Condition = Readonly<Record<'prevExist' | 'prevValue' | 'prevIndex', string>>;
type Attempts = EtcdV2Request['attempts'];

/** Each key has a time to live of its own, and is written anew to prolong it (dcs.md §9). */
class Etcd2Dcs implements Dcs {
  readonly kind = 'etcd';
  readonly #options: Etcd2Options;
  readonly #outcomes: Outcomes;
  readonly #client: EtcdV2Client;
  readonly #watch: Watch;
  readonly #prefix: string;
  readonly #stopping = new AbortController();
  readonly #listeners = new Set<(event: DcsEvent) => void>();
  #timings: Timings;
  #membersReadAt: number;
  /** What this process wrote as its member key. */
  #memberValue: string | undefined;

  constructor(options: Etcd2Options) {
    const { clock, random, log, resolveService } = options;
    this.#options = options;
    this.#timings = options.timings;
    this.#outcomes = new Outcomes({ store: 'Etcd', log, verdictOf: (error) => (error instanceof EtcdV2Refusal ? 'refused' : undefined) });
    this.#prefix = clusterPath(options.namespace, options.scope);
    const settings = parseEtcdSettings(options.section);
    this.#client = new EtcdV2Client({ settings, clock, random, log, ...(resolveService && { resolveService }) });
    this.#watch = new Watch({
      client: this.#client,
      clock,
      random,
      prefix: this.#prefix,
      onEvent: (event) => {
        for (const listener of [...this.#listeners]) listener(event);
      },
    });
    this.#client.onFailure = () => this.#watch.restart();
    this.#membersReadAt = clock.monotonic();
  }

  async start(signal?: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    signal?.addEventListener('abort', () => this.#stopping.abort(), { once: true });
    const aborted = this.#stopping.signal;
    while (!signal?.aborted && !aborted.aborted && !this.#options.isReadOnlyClient) {
      try {
        await this.#read(this.#deadline({ timeoutMs: this.#timings.retryTimeoutMs, signal: aborted }));
        if (!aborted.aborted) await this.#watch.start();
        return;
      } catch (error) {
        if (!(error instanceof DcsUnavailable || error instanceof EtcdV2Refusal)) throw error;
        log.info(`waiting on etcd: ${error.message}`);
        await clock.sleep(START_PAUSE_MS, aborted);
      }
    }
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    this.#stopping.abort();
    this.#client.close();
    await this.#watch.stop();
  }

  load(options: CallOptions): Promise<ClusterView> {
    this.#refreshMembersWhenDue();
    return this.#outcomes.trusted('read the cluster', async () => {
      const keys = await this.#read(this.#deadline(options));
      this.#watch.learn(keys);
      return parseClusterView(keys);
    });
  }

  acquireLeaderLock(options: CallOptions): Promise<'acquired' | 'held-by-other'> {
    return this.#outcomes.trusted('acquire the leader lock', async () =>
      (await this.#createLock(this.#deadline(options))) ? 'acquired' : 'held-by-other',
    );
  }

  renewLeaderLock(_leader: Leader | undefined, options: CallOptions & { readonly mayCreate?: boolean }): Promise<'renewed' | 'lost'> {
    return this.#outcomes.trusted('renew the leader lock', async () => {
      const { name } = this.#options;
      const deadline = this.#deadline(options);
      try {
        await this.#put('leader', name, deadline, 'repeat', { prevValue: name }, true);
        return 'renewed';
      } catch (error) {
        const code = error instanceof EtcdV2Refusal ? error.code : undefined;
        if (code === COMPARE_FAILED) return 'lost';
        if (code !== KEY_NOT_FOUND) throw error;
        return options.mayCreate !== false && (await this.#createLock(deadline)) ? 'renewed' : 'lost';
      }
    });
  }

  takeLeaderLock(options: CallOptions): Promise<boolean> {
    return this.#outcomes.trusted('take the leader lock', async () => {
      await this.#put('leader', this.#options.name, this.#deadline(options), 'repeat', {}, true);
      return true;
    });
  }

  releaseLeaderLock(_leader: Leader | undefined, options: CallOptions): Promise<boolean> {
    return this.#outcomes.write('release the leader lock', () =>
      this.#delete('leader', this.#deadline(options), 'once', { prevValue: this.#options.name }),
    );
  }

  touchMember(value: string, known: Member | undefined, options: CallOptions): Promise<boolean> {
    return this.#outcomes.write('write the member key', async () => {
      const deadline = this.#deadline(options);
      const key = `members/${this.#options.name}`;
      const isKnown = known !== undefined && deepEqualByText(known.data, parseMemberData(value));
      if (isKnown && this.#memberValue === value && (await this.#prolong(key, deadline))) return true;
      await this.#put(key, value, deadline, 'once', {}, true);
      this.#memberValue = value;
      return true;
    });
  }

  writeInitialize(value: string, mode: 'create' | 'overwrite', options: CallOptions): Promise<boolean> {
    return this.#outcomes.write('write /initialize', async () => {
      try {
        await this.#put('initialize', value, this.#deadline(options), 'repeat', { prevExist: String(mode !== 'create') });
        return true;
      } catch (error) {
        if (!(error instanceof EtcdV2Refusal)) throw error;
        if (mode === 'overwrite' && error.code === KEY_NOT_FOUND) return this.#plainWrite('initialize', value, options);
        if (error.code !== ALREADY_EXISTS) throw error;
        if (!error.isAmbiguous) return false;
        // An identifier is ours alone. The empty text may be another member's: nobody can tell.
        if (value !== '' && (await this.#get('initialize', this.#deadline(options)))?.value === value) return true;
        throw new DcsUnavailable('create /initialize: the first attempt was not answered (etcd)');
      }
    });
  }

  deleteInitialize(options: CallOptions): Promise<boolean> {
    return this.#outcomes.write('delete /initialize', async () => {
      await this.#delete('initialize', this.#deadline(options), 'repeat', {});
      return true;
    });
  }

  writeStatus(value: string, options: CallOptions): Promise<boolean> {
    return this.#plainWrite('status', value, options);
  }

  writeLegacyOptime(value: string, options: CallOptions): Promise<boolean> {
    return this.#plainWrite('optime/leader', value, options);
  }

  writeFailsafe(value: string, options: CallOptions): Promise<boolean> {
    return this.#plainWrite('failsafe', value, options);
  }

  writeHistory(value: string, options: CallOptions): Promise<boolean> {
    return this.#plainWrite('history', value, options);
  }

  writeTimeline(value: string, options: CallOptions): Promise<boolean> {
    return this.#plainWrite('timeline', value, options);
  }

  async writeConfig(value: string, version: string | undefined, options: CallOptions): Promise<boolean> {
    return (await this.#compareAndPut('config', value, version, options, 'once')) !== undefined;
  }

  async writeFailover(value: string, version: string | undefined, options: CallOptions): Promise<boolean> {
    return (await this.#compareAndPut('failover', value, version, options, 'once')) !== undefined;
  }

  writeSync(value: string, version: string | undefined, options: CallOptions): Promise<string | undefined> {
    return this.#compareAndPut('sync', value, version, options, 'repeat', { prevExist: 'false' });
  }

  deleteSync(version: string | undefined, options: CallOptions): Promise<boolean> {
    return this.#outcomes.write('delete /sync', async () => {
      const deadline = this.#deadline(options);
      const isDeleted = await this.#delete('sync', deadline, 'repeat', version === undefined ? {} : { prevIndex: version });
      return isDeleted || version === undefined;
    });
  }

  deleteCluster(options: CallOptions): Promise<boolean> {
    return this.#outcomes.write('delete the cluster', async () => {
      const request = { method: 'DELETE', path: this.#prefix, query: { recursive: 'true' }, attempts: 'repeat' } as const;
      try {
        await this.#client.send(request, this.#deadline(options));
      } catch (error) {
        if (!(error instanceof EtcdV2Refusal) || error.code !== KEY_NOT_FOUND) throw error;
      }
      return true;
    });
  }

  subscribe(listener: (event: DcsEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async configure(timings: Timings, settings: Readonly<Record<string, unknown>>): Promise<void> {
    this.#timings = timings;
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
    this.#client.refreshMembers();
  }

  /** All keys, as of a moment not before the call. */
  async #read(deadline: Deadline): Promise<ReturnType<typeof keysOf>> {
    const request = { method: 'GET', path: this.#prefix, query: { recursive: 'true', quorum: 'true' }, attempts: 'repeat' } as const;
    try {
      return keysOf((await this.#client.send(request, deadline)).body['node'], this.#prefix);
    } catch (error) {
      if (error instanceof EtcdV2Refusal && error.code === KEY_NOT_FOUND) return [];
      throw error;
    }
  }

  async #get(key: string, deadline: Deadline): Promise<{ readonly value: string; readonly version: string } | undefined> {
    const request = { method: 'GET', path: `${this.#prefix}${key}`, query: { quorum: 'true' }, attempts: 'repeat' } as const;
    return keysOf((await this.#client.send(request, deadline)).body['node'], this.#prefix)[0];
  }

  /** @returns the key's new version. */
  async #put(
    key: string,
    value: string,
    deadline: Deadline,
    attempts: Attempts,
    condition: Partial<Condition>,
    isTemporary = false,
  ): Promise<string> {
    const finish = this.#watch.ownWrite(key, value);
    let version: string | undefined;
    try {
      const ttl: Record<string, string> = isTemporary ? { ttl: this.#ttlSeconds() } : {};
      const form = { value, ...ttl, ...condition, ...BRIEF_ANSWER };
      const request = { method: 'PUT', path: `${this.#prefix}${key}`, form, attempts } as const;
      version = versionOf(await this.#client.send(request, deadline));
      return version;
    } finally {
      finish(version);
    }
  }

  /** Prolongs a key's life without an event. False: it is gone. */
  async #prolong(key: string, deadline: Deadline): Promise<boolean> {
    const form = { ttl: this.#ttlSeconds(), refresh: 'true', prevExist: 'true', ...BRIEF_ANSWER };
    try {
      await this.#client.send({ method: 'PUT', path: `${this.#prefix}${key}`, form, attempts: 'once' }, deadline);
      return true;
    } catch (error) {
      if (error instanceof EtcdV2Refusal && error.code === KEY_NOT_FOUND) return false;
      throw error;
    }
  }

  /** False: somebody has it, or, after an attempt without answer, nobody can tell who: then it throws. */
  async #createLock(deadline: Deadline): Promise<boolean> {
    try {
      await this.#put('leader', this.#options.name, deadline, 'repeat', { prevExist: 'false' }, true);
      return true;
    } catch (error) {
      if (!(error instanceof EtcdV2Refusal) || error.code !== ALREADY_EXISTS) throw error;
      if (!error.isAmbiguous) return false;
      throw new DcsUnavailable('acquire the leader lock: the first attempt was not answered (etcd)', { cause: error });
    }
  }

  /** False: the condition does not hold, or there is no such key. */
  async #delete(key: string, deadline: Deadline, attempts: Attempts, condition: Partial<Condition>): Promise<boolean> {
    const finish = this.#watch.ownWrite(key, undefined);
    let version: string | undefined;
    try {
      const request = { method: 'DELETE', path: `${this.#prefix}${key}`, query: condition as Record<string, string>, attempts } as const;
      version = versionOf(await this.#client.send(request, deadline));
      return true;
    } catch (error) {
      if (!(error instanceof EtcdV2Refusal)) throw error;
      if (error.code === KEY_NOT_FOUND) return error.isAmbiguous;
      if (error.code === COMPARE_FAILED) return false;
      throw error;
    } finally {
      finish(version);
    }
  }

  #plainWrite(key: string, value: string, options: CallOptions): Promise<boolean> {
    return this.#outcomes.write(`write /${key}`, async () => {
      await this.#put(key, value, this.#deadline(options), 'once', {});
      return true;
    });
  }

  async #compareAndPut(
    key: string,
    value: string,
    version: string | undefined,
    options: CallOptions,
    attempts: Attempts,
    withoutVersion: Readonly<Record<string, string>> = {},
  ): Promise<string | undefined> {
    let written: string | undefined;
    await this.#outcomes.write(`write /${key}`, async () => {
      const deadline = this.#deadline(options);
      try {
        written = await this.#put(key, value, deadline, attempts, version === undefined ? withoutVersion : { prevIndex: version });
      } catch (error) {
        if (!(error instanceof EtcdV2Refusal) || ![COMPARE_FAILED, ALREADY_EXISTS].includes(error.code ?? 0)) throw error;
        const now = error.isAmbiguous ? await this.#get(key, deadline) : undefined;
        if (now?.value === value) written = now.version;
      }
      return written !== undefined;
    });
    return written;
  }

  #ttlSeconds(): string {
    return String(Math.ceil(this.#timings.ttlMs / 1000));
  }
}

/** The brief answer has no node, and its index is the new version. */
function versionOf({ body, index }: EtcdV2Answer): string {
  const node = body['node'];
  return String(isJsonObject(node) ? (node['modifiedIndex'] ?? index) : index);
}
