import { Agent } from '../../src/agent/agent.js';
import type { AgentConfiguration } from '../../src/agent/environment.js';
import { noWatchdog } from '../../src/agent/no-watchdog.js';
import { LSN_ZERO, maxLsn } from '../../src/base/lsn.js';
import type { Timings } from '../../src/cluster/dynamic-config.js';
import { traitsOf } from '../../src/cluster/tags.js';
import { createEtcd3 } from '../../src/dcs/etcd3/etcd3-dcs.js';
import { nodeClock } from '../../src/platform/node-clock.js';
import { nodeRandom } from '../../src/platform/node-random.js';
import type { Dcs } from '../../src/ports/dcs.js';
import type { Log } from '../../src/ports/log.js';
import type { Peers } from '../../src/ports/peers.js';
import { noLogicalSlots } from '../../src/sim/no-logical-slots.js';
import { SimPostgres } from '../../src/sim/postgres.js';
import type { SeededRandom } from '../../src/sim/prng.js';
import type { Scheduler } from '../../src/sim/scheduler.js';
import { SimServer } from '../../src/sim/server.js';
import { silentLog } from '../support/silent-log.js';
import { timed } from './timed-dcs.js';

const MEMBERS = ['a', 'b', 'c'];

export interface ScaleClusterOptions {
  readonly scope: string;
  readonly etcdPort: number;
  readonly timings: Timings;
  /** Keeps the servers' time; it is driven by the clock of this machine. */
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  /** How long a renewal of the leader lock took; undefined: it failed. */
  readonly onRenewal: (ms: number | undefined) => void;
}

interface Member {
  readonly server: SimServer;
  readonly dcs: Dcs;
  readonly agent: Agent;
  readonly running: Promise<unknown>;
}

/** Three real agents with the real client of etcd, each beside a modelled PostgreSQL. */
export class ScaleCluster {
  readonly #options: ScaleClusterOptions;
  readonly #servers = new Map<string, SimServer>();
  readonly #members = new Map<string, Member>();
  /** What each member has said last, for a failure. */
  readonly #lastWords = new Map<string, string>();

  constructor(options: ScaleClusterOptions) {
    this.#options = options;
    const network = { canConnect: () => true, server: (name: string) => this.#servers.get(name), acknowledged: () => undefined };
    for (const name of MEMBERS) this.#servers.set(name, new SimServer(name, options.scheduler, options.random, network));
  }

  async start(): Promise<void> {
    await Promise.all([...this.#servers].map(([name, server]) => this.#startMember(name, server)));
  }

  /** The member whose server takes writes, while there is one. */
  get primary(): string | undefined {
    return [...this.#servers].find(([, server]) => server.isWritable)?.[0];
  }

  /** One takes writes, and the others stream from it. */
  get isHealthy(): boolean {
    const servers = [...this.#servers.values()];
    return (
      servers.filter(({ isWritable }) => isWritable).length === 1 &&
      servers.filter(({ isStreaming }) => isStreaming).length === MEMBERS.length - 1
    );
  }

  /** Why it is not healthy, in the members' own words. */
  describe(): string {
    return [...this.#lastWords].map(([name, words]) => `${this.#options.scope}/${name}: ${words}`).join('; ');
  }

  /** One transaction at the primary, so that positions move. */
  write(): void {
    const name = this.primary;
    if (name !== undefined) this.#servers.get(name)?.commit(1);
  }

  async stop(): Promise<void> {
    for (const { agent } of this.#members.values()) agent.stop();
    await Promise.all([...this.#members.values()].map(({ running }) => running));
    for (const { dcs } of this.#members.values()) await dcs.close();
  }

  async #startMember(name: string, server: SimServer): Promise<void> {
    const { scope, etcdPort, timings, scheduler, random, onRenewal } = this.#options;
    const log = this.#logOf(name);
    const postgres = new SimPostgres({
      server,
      scheduler,
      guard: (result) => result,
      nextSystemId: () => String(7_000_000_000_000_000_000n + BigInt(Math.floor(random.next() * 1e15))),
      reachable: (other) => this.#servers.get(other),
      monotonic: () => nodeClock.monotonic(),
      needsRestartToFollow: false,
      initdbFails: () => false,
    });
    const etcd = createEtcd3({
      section: { host: `127.0.0.1:${etcdPort}` },
      ...{ scope, name, namespace: 'service', timings, clock: nodeClock, random: nodeRandom, log },
    });
    await etcd.start();
    const dcs = timed(etcd, onRenewal);
    const configuration = this.#configuration(name);
    const ports = { clock: nodeClock, random: nodeRandom, log, dcs, postgres, peers: this.#peers(), watchdog: noWatchdog, configuration };
    const agent = new Agent({ ...ports, logicalSlots: noLogicalSlots }, await postgres.observe());
    await agent.prepare();
    this.#members.set(name, { server, dcs, agent, running: agent.run() });
  }

  #logOf(name: string): Log {
    const keep = (message: string): void => void this.#lastWords.set(name, message);
    const log: Log = { ...silentLog, info: keep, warning: keep, error: keep, critical: keep, named: () => log };
    return log;
  }

  #configuration(name: string): AgentConfiguration {
    const { scope, timings } = this.#options;
    const { ttlMs, loopWaitMs, retryTimeoutMs } = timings;
    return {
      name,
      scope,
      policy: () => ({
        traits: traitsOf({}),
        usePgRewind: true,
        removeOnRewindFailure: false,
        removeOnDivergedTimelines: false,
        hasBootstrapSection: true,
        hasLeaderlessMethod: false,
      }),
      // As long as those of real members: they are read and written.
      identity: () => ({
        connUrl: `postgres://${scope}-${name}.example.org:5432/postgres`,
        proxyUrl: undefined,
        apiUrl: `http://${scope}-${name}.example.org:8008/patroni`,
        tags: {},
      }),
      initialDynamic: () => ({ ttl: ttlMs / 1000, loop_wait: loopWaitMs / 1000, retry_timeout: retryTimeoutMs / 1000 }),
      applyDynamic: async () => undefined,
      saveDynamic: async () => true,
      reloadLocal: async () => undefined,
      applyRole: async () => undefined,
      logQueue: () => ({ size: 0, lost: 0 }),
    };
  }

  /** The others of the same process, asked without a network. */
  #peers(): Peers {
    return {
      status: async (name) => {
        const snapshot = await this.#members.get(name)?.agent.control.refresh(0);
        const status = snapshot?.postgres.status;
        if (snapshot === undefined || status?.kind !== 'known') return { kind: 'unreachable', error: 'no wal position' };
        const { isInRecovery, receiveLsn, replayLsn } = status.value;
        const lsn = isInRecovery ? maxLsn(receiveLsn, replayLsn) : LSN_ZERO;
        return { kind: 'answered', isInRecovery, lsn, timeline: snapshot.timeline ?? 0, tags: {}, isWatchdogFailed: false };
      },
      failsafe: async () => ({ accepted: false, lsn: undefined }),
      isAlive: async () => false,
    };
  }
}
