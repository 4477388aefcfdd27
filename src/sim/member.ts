import { Agent } from '../agent/agent.js';
import type { AgentConfiguration } from '../agent/environment.js';
import { isJsonObject, parseJson, stringifyJson } from '../base/json.js';
import { LSN_ZERO, type Lsn, maxLsn } from '../base/lsn.js';
import type { Timings } from '../cluster/dynamic-config.js';
import { traitsOf } from '../cluster/tags.js';
import { MemoryDcs } from '../dcs/memory/memory-dcs.js';
import type { Log } from '../ports/log.js';
import type { PeerStatus, Peers } from '../ports/peers.js';
import { noWatchdog } from '../watchdog/none.js';
import { guardPort, Life } from './life.js';
import { SimPostgres } from './postgres.js';
import { SimServer } from './server.js';
import type { World } from './world.js';

/** One member: a server that lasts, and agents that come and go. */
export class SimMember {
  readonly name: string;
  readonly server: SimServer;
  readonly tags: Readonly<Record<string, unknown>>;
  life: Life | undefined;
  agent: Agent | undefined;
  postgres: SimPostgres | undefined;
  /** Virtual time until which the agent's doings count as excused: it was frozen or dead. */
  excusedUntil = 0;
  exitCode: number | undefined;
  private readonly world: World;
  private readonly rate: number;

  constructor(name: string, world: World, tags: Readonly<Record<string, unknown>>, rate: number) {
    this.name = name;
    this.world = world;
    this.tags = tags;
    this.rate = rate;
    this.server = new SimServer(name, world.scheduler, world.random, world);
  }

  get isAgentAlive(): boolean {
    return this.life?.isAlive === true && this.exitCode === undefined;
  }

  /** Starts a new agent beside the server. */
  startAgent(): void {
    const { world, name, server } = this;
    const life = new Life(world.scheduler, this.rate);
    this.life = life;
    this.exitCode = undefined;
    const postgres = new SimPostgres({
      server,
      scheduler: world.scheduler,
      random: world.random,
      nextSystemId: () => world.nextSystemId(),
      reachable: (other) => (world.canConnect(name, other) ? world.server(other) : undefined),
      monotonic: () => life.clock.monotonic(),
    });
    this.postgres = postgres;
    const dcs = new MemoryDcs({ store: world.store, network: world.storeNetwork, scope: 'sim', name, timings: world.timings });
    void this.run(life, postgres, dcs);
  }

  private async run(life: Life, postgres: SimPostgres, dcs: MemoryDcs): Promise<void> {
    await dcs.start();
    const { world } = this;
    const ports = {
      clock: life.clock,
      random: world.random,
      log: this.log(life),
      dcs: guardPort(dcs, life),
      postgres: guardPort(postgres, life),
      peers: guardPort(this.peers(), life),
      watchdog: noWatchdog,
      configuration: this.configuration(),
    };
    const agent = new Agent(ports, await postgres.observe());
    if (this.life !== life) return;
    this.agent = agent;
    await agent.prepare();
    const code = await agent.run();
    if (this.life === life) {
      this.exitCode = code;
      life.crash();
      world.trace(`${this.name} agent exited with ${code}`);
    }
    await dcs.close();
  }

  /** The agent process is killed; the server goes on. */
  crashAgent(): void {
    this.life?.crash();
    this.agent = undefined;
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
      initialDynamic: () => world.dynamicConfig,
      applyDynamic: async () => undefined,
      saveDynamic: async () => undefined,
      reloadLocal: async () => undefined,
      applyRole: async () => undefined,
      logQueue: () => ({ size: 0, lost: 0 }),
    };
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

  /** The REST API of the others, as far as the network lets it through. Data cross it as text. */
  private peers(): Peers {
    const { world, name } = this;
    const ask = async (peer: string, timeoutMs: number): Promise<PeerStatus> => {
      await world.scheduler.sleep(world.random.between(1, 20));
      const member = world.member(peer);
      const isThere = member?.isAgentAlive === true && member.life?.isFrozen === false && member.agent !== undefined;
      if (!world.canConnect(name, peer) || (member?.life?.isAlive === true && member.life.isFrozen)) {
        await world.scheduler.sleep(timeoutMs);
        return { kind: 'unreachable', error: 'timed out' };
      }
      if (!isThere || member.agent === undefined) return { kind: 'unreachable', error: 'connection refused' };
      const snapshot = await member.agent.control.refresh(0);
      const { status } = snapshot.postgres;
      if (status.kind !== 'known') return { kind: 'unreachable', error: 'no wal position' };
      const { isInRecovery, receiveLsn, replayLsn } = status.value;
      const lsn = isInRecovery ? maxLsn(receiveLsn, replayLsn) : LSN_ZERO;
      const text = stringifyJson({ isInRecovery, lsn, timeline: snapshot.timeline ?? 0, tags: snapshot.tags });
      const document = parseJson(text);
      if (!isJsonObject(document)) return { kind: 'unreachable', error: 'not JSON' };
      return {
        kind: 'answered',
        isInRecovery: document['isInRecovery'] === true,
        lsn: BigInt(String(document['lsn'])) as Lsn,
        timeline: Number(document['timeline']),
        tags: isJsonObject(document['tags']) ? document['tags'] : {},
        isWatchdogFailed: false,
      };
    };
    return {
      status: (peer, _url, timeoutMs) => ask(peer, timeoutMs),
      failsafe: async () => ({ accepted: false, lsn: undefined }),
      isAlive: async () => false,
    };
  }
}

export function timingsOf(
  ttl: number,
  loopWait: number,
  retryTimeout: number,
): Timings & { readonly raw: Readonly<Record<string, unknown>> } {
  return {
    ttlMs: (ttl * 1000) as Timings['ttlMs'],
    loopWaitMs: (loopWait * 1000) as Timings['loopWaitMs'],
    retryTimeoutMs: (retryTimeout * 1000) as Timings['retryTimeoutMs'],
    raw: { ttl, loop_wait: loopWait, retry_timeout: retryTimeout },
  };
}
