import type { Timings } from '../../cluster/dynamic-config.js';
import type { ClusterView, Leader, Member } from '../../cluster/view.js';
import type { CallOptions, Dcs, DcsEvent } from '../../ports/dcs.js';
import { eventOf } from '../shared/key-events.js';
import { clusterPath } from '../shared/key-path.js';
import type { MemoryNetwork } from './network.js';
import type { MemoryStore, StoreChange } from './store.js';
import { isSameMember, ViewCache } from './view-cache.js';

export interface MemoryDcsOptions {
  readonly store: MemoryStore;
  readonly network: MemoryNetwork;
  readonly namespace?: string;
  readonly scope: string;
  readonly name: string;
  readonly timings: Timings;
  /** Identity in the network; the member's name unless told otherwise. A restarted member is the same client. */
  readonly client?: string;
}

/** One member's connection to a `MemoryStore`. It follows the etcd v3 mapping (dcs.md §10.5): one lease for both of its keys. */
export class MemoryDcs implements Dcs {
  readonly kind = 'memory';
  readonly #store: MemoryStore;
  readonly #network: MemoryNetwork;
  readonly #client: string;
  readonly #name: string;
  readonly #path: string;
  readonly #listeners = new Set<(event: DcsEvent) => void>();
  /** Identifies the writes of this instance: own writes wake nobody here. */
  readonly #writer: string;
  #ttlMs: number;
  #lease: string | undefined;
  #stop: () => void = () => undefined;

  constructor(options: MemoryDcsOptions) {
    this.#store = options.store;
    this.#network = options.network;
    this.#client = options.client ?? options.name;
    this.#name = options.name;
    this.#path = clusterPath(options.namespace ?? 'service', options.scope);
    this.#writer = `${this.#path}${this.#name}`;
    this.#ttlMs = options.timings.ttlMs;
  }

  async start(): Promise<void> {
    const stopWatch = this.#store.watch((change) => this.#onChange(change));
    const stopHealed = this.#network.onHealed((client) => {
      if (client === undefined || client === this.#client) this.#emit({ kind: 'reconnected' });
    });
    this.#stop = () => {
      stopWatch();
      stopHealed();
    };
  }

  async close(): Promise<void> {
    this.#stop();
    this.#listeners.clear();
  }

  load(options: CallOptions): Promise<ClusterView> {
    return this.#call('read the cluster', options, () => ViewCache.of(this.#store, this.#path).view());
  }

  acquireLeaderLock(options: CallOptions): Promise<'acquired' | 'held-by-other'> {
    return this.#call('acquire the leader lock', options, () => {
      this.#keepLease();
      return this.#createLeader() ? 'acquired' : 'held-by-other';
    });
  }

  renewLeaderLock(_leader: Leader | undefined, options: CallOptions & { readonly mayCreate?: boolean }): Promise<'renewed' | 'lost'> {
    const sentWith = this.#lease;
    return this.#call('renew the leader lock', options, () => {
      const lease = this.#keepLease();
      const entry = this.#store.get(this.#key('leader'));
      // A request that arrives after the end of its lease creates nothing: a store refuses keys with a lease that is gone.
      const mayCreate = options.mayCreate === undefined || (options.mayCreate && sentWith === lease);
      if (entry === undefined) return mayCreate && this.#createLeader() ? 'renewed' : 'lost';
      if (entry.value !== this.#name) return 'lost';
      if (entry.lease !== lease) this.#put('leader', this.#name, lease);
      return 'renewed';
    });
  }

  takeLeaderLock(options: CallOptions): Promise<boolean> {
    return this.#call('take the leader lock', options, () => this.#put('leader', this.#name, this.#keepLease()) !== undefined);
  }

  releaseLeaderLock(_leader: Leader | undefined, options: CallOptions): Promise<boolean> {
    return this.#call('release the leader lock', options, () => {
      if (this.#store.get(this.#key('leader'))?.value !== this.#name) return false;
      return this.#store.delete(this.#key('leader'), this.#writer);
    });
  }

  touchMember(value: string, known: Member | undefined, options: CallOptions): Promise<boolean> {
    return this.#call('write the member key', options, () => {
      const lease = this.#keepLease();
      if (known !== undefined && known.session === lease && isSameMember(known, value)) return true;
      return this.#put(`members/${this.#name}`, value, lease) !== undefined;
    });
  }

  writeInitialize(value: string, mode: 'create' | 'overwrite', options: CallOptions): Promise<boolean> {
    return this.#call('write /initialize', options, () => {
      if (mode === 'create' && this.#store.get(this.#key('initialize')) !== undefined) return false;
      return this.#put('initialize', value) !== undefined;
    });
  }

  deleteInitialize(options: CallOptions): Promise<boolean> {
    return this.#call('delete /initialize', options, () => this.#store.delete(this.#key('initialize'), this.#writer));
  }

  writeStatus(value: string, options: CallOptions): Promise<boolean> {
    return this.#write('status', value, undefined, options);
  }

  writeLegacyOptime(value: string, options: CallOptions): Promise<boolean> {
    return this.#write('optime/leader', value, undefined, options);
  }

  writeFailsafe(value: string, options: CallOptions): Promise<boolean> {
    return this.#write('failsafe', value, undefined, options);
  }

  writeTimeline(value: string, options: CallOptions): Promise<boolean> {
    return this.#write('timeline', value, undefined, options);
  }

  writeHistory(value: string, options: CallOptions): Promise<boolean> {
    return this.#write('history', value, undefined, options);
  }

  writeConfig(value: string, version: string | undefined, options: CallOptions): Promise<boolean> {
    return this.#write('config', value, version, options);
  }

  writeFailover(value: string, version: string | undefined, options: CallOptions): Promise<boolean> {
    return this.#write('failover', value, version, options);
  }

  writeSync(value: string, version: string | undefined, options: CallOptions): Promise<string | undefined> {
    return this.#call('write /sync', options, () =>
      version === undefined && this.#store.get(this.#key('sync')) !== undefined ? undefined : this.#compareAndPut('sync', value, version),
    );
  }

  deleteSync(version: string | undefined, options: CallOptions): Promise<boolean> {
    return this.#call('delete /sync', options, () => {
      if (!this.#isVersion('sync', version)) return false;
      this.#store.delete(this.#key('sync'), this.#writer);
      return true;
    });
  }

  deleteCluster(options: CallOptions): Promise<boolean> {
    return this.#call('delete the cluster', options, () => {
      for (const [key] of this.#store.list(this.#path)) this.#store.delete(this.#key(key), this.#writer);
      return true;
    });
  }

  subscribe(listener: (event: DcsEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async configure(timings: Timings): Promise<void> {
    // A lease's ttl can't be changed: the next renewal moves the keys to a new one.
    if (timings.ttlMs !== this.#ttlMs) this.#lease = undefined;
    this.#ttlMs = timings.ttlMs;
  }

  #call<T>(what: string, options: CallOptions, operation: () => T): Promise<T> {
    return this.#network.call(this.#client, what, options, operation);
  }

  #key(key: string): string {
    return `${this.#path}${key}`;
  }

  /** Prolongs the lease, or takes a new one when there is none or it has expired. */
  #keepLease(): string {
    if (this.#lease === undefined || !this.#store.keepLeaseAlive(this.#lease)) this.#lease = this.#store.grantLease(this.#ttlMs);
    return this.#lease;
  }

  #createLeader(): boolean {
    if (this.#store.get(this.#key('leader')) !== undefined) return false;
    return this.#put('leader', this.#name, this.#lease) !== undefined;
  }

  #put(key: string, value: string, lease?: string): number | undefined {
    return this.#store.put(this.#key(key), value, lease === undefined ? { writer: this.#writer } : { writer: this.#writer, lease });
  }

  #isVersion(key: string, version: string | undefined): boolean {
    return version === undefined || String(this.#store.get(this.#key(key))?.version) === version;
  }

  #compareAndPut(key: string, value: string, version: string | undefined): string | undefined {
    if (!this.#isVersion(key, version)) return undefined;
    const written = this.#put(key, value);
    return written === undefined ? undefined : String(written);
  }

  #write(key: string, value: string, version: string | undefined, options: CallOptions): Promise<boolean> {
    return this.#call(`write /${key}`, options, () => this.#compareAndPut(key, value, version) !== undefined);
  }

  #onChange(change: StoreChange): void {
    if (change.writer === this.#writer || !change.path.startsWith(this.#path)) return;
    const event = eventOf(change.path.slice(this.#path.length), change.before, change.after);
    if (event !== undefined) this.#network.push(this.#client, () => this.#emit(event));
  }

  #emit(event: DcsEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }
}
