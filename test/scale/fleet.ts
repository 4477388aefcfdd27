import { seconds } from '../../src/base/duration.js';
import type { Timings } from '../../src/cluster/dynamic-config.js';
import { nodeClock } from '../../src/platform/node-clock.js';
import { SeededRandom } from '../../src/sim/prng.js';
import { Scheduler } from '../../src/sim/scheduler.js';
import { type EtcdServer, startEtcd } from '../support/etcd-server.js';
import { ScaleCluster } from './cluster.js';
import { storeFigures } from './store-figures.js';

/** The servers' time follows the machine's in steps of this. */
const TICK_MS = 20;
/** Clusters that begin at the same moment: a bootstrap is many times dearer than a cycle, and takes about one loop_wait. */
const STARTS_AT_ONCE = 40;
const HEALTHY_LIMIT_MS = 60_000;

export interface FleetOptions {
  readonly timings?: Timings;
}

/** What was measured in one window. Rates are per second. */
export interface Figures {
  readonly clusters: number;
  readonly cpuCores: number;
  readonly requests: number;
  readonly kilobytes: number;
  readonly commits: number;
  readonly watchStreams: number;
  readonly residentMb: number;
  readonly renewals: number;
  readonly failedRenewals: number;
  readonly leaderChanges: number;
  readonly renewalMs: { readonly median: number; readonly p99: number; readonly longest: number };
  /** How late this process itself came to its timers: it is part of what a renewal took. */
  readonly ownLatenessMs: number;
}

/** Many clusters on one real etcd, all of their agents in this process. */
export class Fleet {
  readonly #scheduler = new Scheduler();
  readonly #clusters: ScaleCluster[] = [];
  readonly #etcd: EtcdServer;
  readonly #stopping = new AbortController();
  readonly #driving: Promise<void>;
  readonly #timings: Timings;
  #renewals: (number | undefined)[] = [];
  #latenessMs = 0;

  static async start(options: FleetOptions = {}): Promise<Fleet> {
    return new Fleet(options, await startEtcd());
  }

  private constructor(options: FleetOptions, etcd: EtcdServer) {
    this.#etcd = etcd;
    this.#timings = options.timings ?? { ttlMs: seconds(30), loopWaitMs: seconds(10), retryTimeoutMs: seconds(10) };
    this.#driving = this.#drive();
  }

  /** Starts clusters until there are so many, and waits until all are healthy. */
  async growTo(count: number): Promise<void> {
    while (this.#clusters.length < count) {
      const batch: ScaleCluster[] = [];
      while (this.#clusters.length < count && batch.length < STARTS_AT_ONCE) {
        const number = this.#clusters.length + 1;
        const cluster = new ScaleCluster({
          scope: `cluster-${String(number).padStart(4, '0')}`,
          etcdPort: this.#etcd.port,
          timings: this.#timings,
          scheduler: this.#scheduler,
          random: new SeededRandom(number),
          onRenewal: (ms) => this.#renewals.push(ms),
        });
        batch.push(cluster);
        this.#clusters.push(cluster);
      }
      await Promise.all(batch.map((cluster) => cluster.start()));
      await this.#untilHealthy(batch);
    }
    await this.#untilHealthy(this.#clusters);
  }

  /** @param writesPerSecond transactions of each cluster: their positions then move from cycle to cycle. */
  async measure(windowMs: number, writesPerSecond: number): Promise<Figures> {
    const leaders = this.#clusters.map(({ primary }) => primary);
    const before = await storeFigures(this.#etcd.url, this.#etcd.pid);
    this.#renewals = [];
    this.#latenessMs = 0;
    for (const end = performance.now() + windowMs; performance.now() < end; ) {
      await nodeClock.sleep(Math.min(1000, Math.max(0, end - performance.now())));
      for (let n = 0; n < writesPerSecond; n += 1) for (const cluster of this.#clusters) cluster.write();
    }
    const after = await storeFigures(this.#etcd.url, this.#etcd.pid);
    const elapsed = (after.atMs - before.atMs) / 1000;
    const took = this.#renewals.filter((ms) => ms !== undefined).sort((a, b) => a - b);
    const at = (share: number): number => took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? Number.NaN;
    return {
      clusters: this.#clusters.length,
      cpuCores: (after.cpuSeconds - before.cpuSeconds) / elapsed,
      requests: (after.requests - before.requests) / elapsed,
      kilobytes: (after.bytes - before.bytes) / 1024 / elapsed,
      commits: (after.commits - before.commits) / elapsed,
      watchStreams: after.watchStreams,
      residentMb: after.residentMb,
      renewals: took.length / elapsed,
      failedRenewals: this.#renewals.length - took.length,
      leaderChanges: this.#clusters.filter(({ primary }, i) => primary !== leaders[i]).length,
      renewalMs: { median: at(0.5), p99: at(0.99), longest: at(1) },
      ownLatenessMs: this.#latenessMs,
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#clusters.map((cluster) => cluster.stop()));
    this.#stopping.abort();
    await this.#driving;
    await this.#etcd.stop();
  }

  async #untilHealthy(clusters: readonly ScaleCluster[]): Promise<void> {
    for (const end = performance.now() + HEALTHY_LIMIT_MS; ; await nodeClock.sleep(100)) {
      const missing = clusters.filter(({ isHealthy }) => !isHealthy);
      const [first] = missing;
      if (first === undefined) return;
      if (performance.now() > end)
        throw new Error(
          `${missing.length} of ${clusters.length} clusters not healthy within ${HEALTHY_LIMIT_MS / 1000} s: ${first.describe()}`,
        );
    }
  }

  async #drive(): Promise<void> {
    const started = performance.now();
    while (!this.#stopping.signal.aborted) {
      const asleepSince = performance.now();
      await nodeClock.sleep(TICK_MS, this.#stopping.signal);
      this.#latenessMs = Math.max(this.#latenessMs, performance.now() - asleepSince - TICK_MS);
      await this.#scheduler.runUntil(performance.now() - started);
    }
  }
}
