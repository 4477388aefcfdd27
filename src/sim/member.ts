import { Agent } from '../agent/agent.js';
import type { AgentConfiguration, AgentPorts } from '../agent/environment.js';
import type { Milliseconds } from '../base/duration.js';
import { parseGlobalConfig, type Timings } from '../cluster/dynamic-config.js';
import { traitsOf } from '../cluster/tags.js';
import { MemoryDcs } from '../dcs/memory/memory-dcs.js';
import type { Log } from '../ports/log.js';
import type { Watchdog } from '../ports/watchdog.js';
import { CLUSTER, type SimEnvironment } from './environment.js';
import { LeaseLedger } from './lease-ledger.js';
import { guardPort, Life } from './life.js';
import type { StoreAccess } from './mutations/mutation.js';
import { noLogicalSlots } from './no-logical-slots.js';
import { simPeers } from './peers.js';
import { SimPostgres } from './postgres.js';
import type { SeededRandom } from './prng.js';
import { SimServer } from './server.js';
import { SimGuard, simWatchdog, type WatchdogMode } from './watchdog.js';

/** One member: a server that lasts, and agents that come and go. */
export class SimMember {
  readonly name: string;
  readonly server: SimServer;
  readonly guard: SimGuard;
  readonly watchdogMode: WatchdogMode;
  readonly tags: Readonly<Record<string, unknown>>;
  life: Life | undefined;
  agent: Agent | undefined;
  postgres: SimPostgres | undefined;
  ledger: LeaseLedger | undefined;
  /** Virtual time until which a running primary is excused: its agent was frozen or dead and finds out only now. */
  excusedUntil = 0;
  /** Virtual time since when its agent, which runs, has a view with another leader; undefined: it has none. */
  seesOtherSince: number | undefined;
  /** At the last look its agent knew of maintenance mode. */
  knewOfPause = false;
  /** Virtual time until which its data may be on the way out, since an operator ordered a new copy. */
  givesUpDataUntil = 0;
  /** Orders of operators that this agent has not carried out yet. */
  orders = 0;
  /** Does not come back by itself: an operator stopped it, or it is lost for a while. */
  isDown = false;
  /** The copy of the dynamic configuration beside the data directory. */
  private savedConfig: Readonly<Record<string, unknown>> | undefined;
  private dcs: MemoryDcs | undefined;
  private readonly world: SimEnvironment;
  private readonly random: SeededRandom;
  private readonly rate: number;

  constructor(name: string, world: SimEnvironment, tags: Readonly<Record<string, unknown>>, random: SeededRandom) {
    this.name = name;
    this.world = world;
    this.tags = tags;
    this.random = random;
    // Clocks drift by at most one in a thousand, which is twice what time daemons correct.
    this.rate = 1 + random.between(-0.001, 0.001);
    this.server = new SimServer(name, world.scheduler, random, world);
    this.guard = new SimGuard(world.scheduler, this.server);
    this.watchdogMode = world.plan.watchdog ?? 'off';
  }

  get isAgentAlive(): boolean {
    return this.life?.isAlive === true;
  }

  /** Its tags let it become leader. */
  get mayLead(): boolean {
    return !traitsOf(this.tags).nofailover;
  }

  get isGivingUpData(): boolean {
    return this.world.scheduler.now < this.givesUpDataUntil;
  }

  /** Starts a new agent beside the server, unless one lives. */
  startAgent(): void {
    this.isDown = false;
    if (this.isAgentAlive) return;
    const { world, name, server } = this;
    // Before the first cycle the store gets retry_timeout twice, for the name and for the cluster; the server gets 2 s for a look.
    this.excusedUntil = Math.max(this.excusedUntil, world.scheduler.now + 2 * world.timings.retryTimeoutMs + 5000);
    world.trace(`${name} agent starts`);
    this.agent = undefined;
    const life = new Life(world.scheduler, this.rate);
    this.life = life;
    this.orders = 0;
    const postgres = new SimPostgres({
      server,
      scheduler: world.scheduler,
      guard: (result) => life.guard(result),
      nextSystemId: () => world.nextSystemId(),
      reachable: (other) => (world.canConnect(name, other) ? world.server(other) : undefined),
      monotonic: () => life.clock.monotonic(),
      needsRestartToFollow: world.plan.needsRestartToFollow === true,
      initdbFails: () => world.initdbFails(),
    });
    this.postgres = postgres;
    const timings = this.timings();
    const dcs = new MemoryDcs({ store: world.store, network: world.storeNetwork, scope: 'sim', name, timings });
    this.dcs = dcs;
    this.run(life, postgres, dcs, timings).catch((error: unknown) => world.fail(`${name}: the agent ended with ${String(error)}`));
  }

  private async run(life: Life, postgres: SimPostgres, dcs: MemoryDcs, timings: Timings): Promise<void> {
    await dcs.start();
    const { world, name } = this;
    const ledger = new LeaseLedger(timings.ttlMs, () => life.clock.monotonic());
    this.ledger = ledger;
    const ports: AgentPorts = {
      clock: life.clock,
      random: this.random,
      log: this.log(life),
      dcs: ledger.watch(guardPort(dcs, life)),
      postgres: guardPort(postgres, life),
      peers: ledger.watchPeers(guardPort(simPeers(world, name, this.random), life)),
      logicalSlots: noLogicalSlots,
      watchdog: this.watchdog(life, timings),
      configuration: this.configuration(),
    };
    const agent = new Agent(world.mutation?.ports?.(ports, this.storeAccess()) ?? ports, await postgres.observe());
    if (this.life !== life) return;
    this.agent = agent;
    await agent.prepare();
    const code = await agent.run();
    await dcs.close();
    if (this.life !== life) return;
    life.crash();
    world.trace(`${name} agent exited with ${code}`);
    // A supervisor brings a process back that ended by itself.
    world.scheduler.after(this.random.between(1000, 5000), () => {
      if (!this.isDown && this.life === life) this.startAgent();
    });
  }

  /** The agent's process stands still. */
  freeze(ms: number): void {
    this.life?.freeze(ms);
    // Time that it stood still is none in which it could have acted.
    this.excusedUntil = Math.max(this.excusedUntil, this.world.scheduler.now) + ms;
  }

  thaw(): void {
    this.life?.thaw();
  }

  /** An operator stops the agent in good order, and the server with it. */
  stopAgent(): void {
    this.isDown = true;
    this.agent?.stop();
  }

  /** The agent process is killed; the server goes on. */
  crashAgent(): void {
    this.isDown = true;
    this.life?.crash();
    this.agent = undefined;
    void this.dcs?.close();
  }

  /** Those that the configuration known at start gives. */
  private timings(): Timings {
    const parsed = parseGlobalConfig(this.savedConfig ?? this.world.dynamicConfig);
    return 'invalid' in parsed ? this.world.timings : parsed.config;
  }

  private configuration(): AgentConfiguration {
    const { world, name, tags } = this;
    return {
      name,
      scope: 'sim',
      policy: () => ({
        traits: traitsOf(tags),
        usePgRewind: world.usesRewind,
        removeOnRewindFailure: world.usesRewind,
        removeOnDivergedTimelines: !world.usesRewind,
        hasBootstrapSection: true,
        hasLeaderlessMethod: false,
      }),
      identity: () => ({ connUrl: `postgres://${name}:5432/postgres`, proxyUrl: undefined, apiUrl: `http://${name}:8008/patroni`, tags }),
      initialDynamic: () => this.savedConfig ?? world.dynamicConfig,
      applyDynamic: async () => undefined,
      saveDynamic: async (data) => {
        this.savedConfig = data;
        return true;
      },
      reloadLocal: async () => undefined,
      applyRole: async () => undefined,
      logQueue: () => ({ size: 0, lost: 0 }),
    };
  }

  private storeAccess(): StoreAccess {
    const [path, writer] = [`${CLUSTER}leader`, `${CLUSTER}${this.name}`];
    return {
      steal: () => void this.world.store.put(path, this.name, { writer }),
      deleteLock: () => void this.world.store.delete(path, writer),
    };
  }

  private watchdog(life: Life, timings: Timings): Watchdog {
    const monotonic = (): Milliseconds => life.clock.monotonic();
    const isMissing = (): boolean => this.server.trouble.isWatchdogMissing;
    return simWatchdog({ guard: this.guard, mode: this.watchdogMode, timings, monotonic, isMissing });
  }

  private log(life: Life): Log {
    const write = (level: string) => (message: string, error?: unknown) => {
      if (life.isAlive) this.world.logged(this.name, level, message, error);
    };
    const log: Log = {
      debug: write('debug'),
      info: write('info'),
      warning: write('warning'),
      error: write('error'),
      critical: write('critical'),
      named: () => log,
    };
    return log;
  }
}
