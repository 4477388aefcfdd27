import type { Clock } from '../../ports/clock.js';

/** One key as the store holds it. Versions are revisions of the whole store, as in etcd v3. */
export interface StoreEntry {
  readonly value: string;
  readonly version: number;
  readonly lease: string | undefined;
}

/** A change of one key, told to watchers. `writer` is undefined when a lease expired. */
export interface StoreChange {
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
  readonly writer: string | undefined;
}

interface Lease {
  readonly ttlMs: number;
  expiresAt: number;
  cancelTimer: () => void;
}

/**
 * The server: keys with versions, leases on the given clock, watchers, compare-and-set. It has no client side: what may
 * go wrong between the two is `MemoryNetwork`'s. Every operation is atomic because none of them waits.
 */
export class MemoryStore {
  readonly #clock: Clock;
  readonly #expiryDelayMs: (ttlMs: number) => number;
  readonly #entries = new Map<string, StoreEntry>();
  readonly #leases = new Map<string, Lease>();
  readonly #watchers = new Set<(change: StoreChange) => void>();
  #revision = 0;
  #leaseCount = 0;

  /** @param expiryDelayMs how much later than promised a lease ends; no store ends one early, several are late. */
  constructor(clock: Clock, expiryDelayMs: (ttlMs: number) => number = () => 0) {
    this.#clock = clock;
    this.#expiryDelayMs = expiryDelayMs;
  }

  /** Grows with every change. */
  get revision(): number {
    this.#expireDue();
    return this.#revision;
  }

  get(path: string): StoreEntry | undefined {
    this.#expireDue();
    return this.#entries.get(path);
  }

  /** Entries below `prefix`, sorted by path, with the prefix cut off. */
  list(prefix: string): [string, StoreEntry][] {
    this.#expireDue();
    const found = [...this.#entries].filter(([path]) => path.startsWith(prefix));
    found.sort(([a], [b]) => (a < b ? -1 : 1));
    return found.map(([path, entry]) => [path.slice(prefix.length), entry]);
  }

  /** @returns the new version, or undefined when `lease` is not alive. */
  put(path: string, value: string, options: { readonly lease?: string; readonly writer?: string } = {}): number | undefined {
    this.#expireDue();
    if (options.lease !== undefined && !this.#leases.has(options.lease)) return undefined;
    const before = this.#entries.get(path)?.value;
    this.#revision += 1;
    this.#entries.set(path, { value, version: this.#revision, lease: options.lease });
    this.#tell({ path, before, after: value, writer: options.writer });
    return this.#revision;
  }

  delete(path: string, writer?: string): boolean {
    const entry = this.get(path);
    if (entry === undefined) return false;
    this.#revision += 1;
    this.#entries.delete(path);
    this.#tell({ path, before: entry.value, after: undefined, writer });
    return true;
  }

  grantLease(ttlMs: number): string {
    this.#leaseCount += 1;
    const id = String(this.#leaseCount);
    const lease: Lease = { ttlMs, expiresAt: 0, cancelTimer: () => undefined };
    this.#leases.set(id, lease);
    this.#prolong(lease);
    return id;
  }

  /** @returns false when the lease has expired. */
  keepLeaseAlive(id: string): boolean {
    this.#expireDue();
    const lease = this.#leases.get(id);
    if (lease === undefined) return false;
    this.#prolong(lease);
    return true;
  }

  watch(watcher: (change: StoreChange) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Stops all timers, so that nothing keeps the process (or the simulator) busy. */
  close(): void {
    for (const lease of this.#leases.values()) lease.cancelTimer();
    this.#watchers.clear();
  }

  #prolong(lease: Lease): void {
    lease.cancelTimer();
    const lifeMs = lease.ttlMs + this.#expiryDelayMs(lease.ttlMs);
    lease.expiresAt = this.#clock.monotonic() + lifeMs;
    lease.cancelTimer = this.#clock.after(lifeMs, () => this.#expireDue());
  }

  /** Called by the lease's timer and before every access: a late timer must not let an expired lease look alive. */
  #expireDue(): void {
    const now = this.#clock.monotonic();
    for (const [id, lease] of this.#leases) {
      if (lease.expiresAt > now) continue;
      lease.cancelTimer();
      this.#leases.delete(id);
      this.#deleteKeysOf(id);
    }
  }

  #deleteKeysOf(lease: string): void {
    for (const [path, entry] of [...this.#entries]) {
      if (entry.lease !== lease) continue;
      this.#revision += 1;
      this.#entries.delete(path);
      this.#tell({ path, before: entry.value, after: undefined, writer: undefined });
    }
  }

  #tell(change: StoreChange): void {
    for (const watcher of [...this.#watchers]) watcher(change);
  }
}
