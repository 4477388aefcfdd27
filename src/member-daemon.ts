import { Agent } from './agent/agent.js';
import type { AgentConfiguration, AgentPorts } from './agent/environment.js';
import { observeTimeout } from './agent/observe-timeout.js';
import { RestApi } from './api/server.js';
import { seconds } from './base/duration.js';
import { clampTimings, parseGlobalConfig, type Timings } from './cluster/dynamic-config.js';
import { parseStandbyCluster } from './cluster/standby-cluster.js';
import { tagConflicts, traitsOf } from './cluster/tags.js';
import { type CachedDynamicConfig, writeDynamicCache } from './config/dynamic-cache.js';
import { effectiveSettings } from './config/effective.js';
import { ConfigError } from './config/errors.js';
import type { LocalConfiguration } from './config/local.js';
import { compileHotFunctions } from './platform/compiler.js';
import { httpPeers } from './platform/http-peers.js';
import type { NodeLog } from './platform/node-log.js';
import type { Clock } from './ports/clock.js';
import type { Dcs } from './ports/dcs.js';
import type { Random } from './ports/random.js';
import type { MemberSettings } from './ports/settings.js';
import { LocalPostgres } from './postgres/local-postgres.js';
import { toolPath } from './postgres/process/tools.js';
import { loadStore } from './stores.js';
import { MemberWatchdog, watchdogObstacle } from './watchdog/member-watchdog.js';

type RawConfig = Readonly<Record<string, unknown>>;

export interface MemberDaemonParts {
  readonly local: LocalConfiguration;
  readonly cached: CachedDynamicConfig;
  readonly log: NodeLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly environment: NodeJS.ProcessEnv;
  /** What files outside of the data directory may have; the process itself creates files for its user only. */
  readonly umask: number;
}

/** One running member: the real adapters around an agent, its REST API, and the signals of the process. */
export class MemberDaemon implements AgentConfiguration {
  private readonly parts: MemberDaemonParts;
  private readonly startingDynamic: RawConfig;
  private settings: MemberSettings;
  private dynamic: RawConfig;
  private timings: Timings;
  private readonly dcs: Dcs;
  private readonly postgres: LocalPostgres;
  private readonly watchdog: MemberWatchdog;
  private api: RestApi | undefined;
  private storeFailure: unknown;
  /** Stops what runs when the store refuses us for good after the agent has begun. */
  private onStoreFailure: () => void = () => undefined;

  /** @throws ConfigError when the settings can't be used. */
  static async create(parts: MemberDaemonParts): Promise<MemberDaemon> {
    const dynamic = initialDynamic(parts);
    const { settings, warnings } = effectiveSettings(parts.local.raw, dynamic);
    refuseWhatIsNotBuilt(settings);
    for (const warning of [...warnings, ...tagConflicts(settings.tags)]) parts.log.warning(warning);
    const timings = timingsOf(dynamic);
    const dcs = await loadStore(settings, { ...parts, timings });
    return new MemberDaemon(parts, settings, dynamic, timings, dcs);
  }

  private constructor(parts: MemberDaemonParts, settings: MemberSettings, dynamic: RawConfig, timings: Timings, dcs: Dcs) {
    this.parts = parts;
    this.settings = settings;
    this.startingDynamic = dynamic;
    this.dynamic = dynamic;
    this.timings = timings;
    this.dcs = dcs;
    this.postgres = new LocalPostgres({
      settings: settings.postgresql,
      bootstrap: settings.bootstrap,
      name: settings.name,
      scope: settings.scope,
      clock: parts.clock,
      random: parts.random,
      log: parts.log.named('patroni.postgresql'),
      umask: parts.umask,
      environment: Object.fromEntries(
        Object.entries(parts.environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
      ),
      retryTimeoutMs: () => this.timings.retryTimeoutMs,
      loopWaitMs: () => this.timings.loopWaitMs,
      synchronousMode: () => synchronousMode(this.dynamic),
    });
    this.watchdog = new MemberWatchdog({
      clock: parts.clock,
      log: parts.log.named('patroni.watchdog'),
      settings: settings.watchdog,
      timings,
      dataDir: () => this.settings.postgresql.dataDir,
      serverBinary: () => toolPath(this.settings.postgresql, 'postgres'),
      postmaster: () => this.postgres.postmaster(),
    });
  }

  /** Runs the member until it is told to stop. @returns the exit code of the process. */
  async run(): Promise<number> {
    const { log, clock, random } = this.parts;
    const stopped = new AbortController();
    const signals = this.catchSignals(stopped);
    try {
      const isStoreReady = await this.startStore(stopped);
      if (stopped.signal.aborted) return this.storeFailure === undefined ? 0 : 1;
      const ports: AgentPorts = {
        clock,
        random,
        log: log.named('patroni.ha'),
        dcs: this.dcs,
        postgres: this.postgres,
        logicalSlots: this.postgres.logicalSlots,
        peers: httpPeers(() => this.settings.ctl, clock),
        watchdog: this.watchdog,
        configuration: this,
      };
      await this.watchdog.adopt();
      const initial = await this.postgres.observe({ timeoutMs: observeTimeout(this.timings.retryTimeoutMs), withSynchronousState: false });
      const agent = new Agent(ports, initial);
      signals.attach(agent);
      const refusal = await agent.prepare(!isStoreReady);
      if (refusal !== undefined) {
        log.critical(refusal);
        return 1;
      }
      this.api = new RestApi(agent.control, this.settings.restapi, log.named('patroni.api'), clock, compileHotFunctions);
      await this.api.start();
      const code = await agent.run();
      return this.storeFailure === undefined ? code : 1;
    } catch (error) {
      if (!(error instanceof Error) || stopped.signal.aborted) throw error;
      log.critical(error.message, error);
      return 1;
    } finally {
      signals.detach();
      await this.api?.stop();
      await this.postgres.close();
      await this.dcs.close();
    }
  }

  /**
   * Begins to connect to the store, and waits for it for retry_timeout. A store that does not answer must not keep the agent
   * from existing: it may have to stop a primary that nobody has watched since its former agent died.
   * @returns whether the store has answered. One that refuses us for good (a wrong password) ends the daemon.
   */
  private async startStore(stopped: AbortController): Promise<boolean> {
    let isReady = false;
    const starting = this.dcs.start(stopped.signal).then(
      () => {
        isReady = true;
      },
      (error: unknown) => {
        if (stopped.signal.aborted) return;
        this.storeFailure = error;
        this.parts.log.critical(`the store can not be used: ${error instanceof Error ? error.message : String(error)}`);
        stopped.abort();
        this.onStoreFailure();
      },
    );
    await Promise.race([starting, this.parts.clock.sleep(this.timings.retryTimeoutMs, stopped.signal)]);
    return isReady;
  }

  get name(): string {
    return this.settings.name;
  }

  get scope(): string {
    return this.settings.scope;
  }

  policy(): ReturnType<AgentConfiguration['policy']> {
    const { postgresql, tags, bootstrap } = this.settings;
    return {
      traits: traitsOf(tags),
      usePgRewind: postgresql.usePgRewind,
      removeOnRewindFailure: postgresql.removeDataDirectoryOnRewindFailure,
      removeOnDivergedTimelines: postgresql.removeDataDirectoryOnDivergedTimelines,
      hasBootstrapSection: bootstrap !== undefined,
      hasLeaderlessMethod: this.postgres.hasLeaderlessMethod(parseStandbyCluster(this.dynamic['standby_cluster'])?.createReplicaMethods),
    };
  }

  identity(): ReturnType<AgentConfiguration['identity']> {
    const { restapi, tags } = this.settings;
    const scheme = restapi.certfile === undefined ? 'http' : 'https';
    return {
      connUrl: this.postgres.connUrl(),
      proxyUrl: this.postgres.proxyUrl(),
      apiUrl: `${scheme}://${restapi.connectAddress}/patroni`,
      tags,
    };
  }

  initialDynamic(): RawConfig {
    return this.startingDynamic;
  }

  async applyDynamic(data: RawConfig, timings: Timings): Promise<string | undefined> {
    this.timings = timings;
    const refusal = await this.apply(data, false);
    if (refusal === undefined) this.dynamic = data;
    return refusal;
  }

  async saveDynamic(data: RawConfig): Promise<boolean> {
    const { ttlMs, loopWaitMs, retryTimeoutMs } = timingsOf(data);
    const saved = { ...data, ttl: ttlMs / 1000, loop_wait: loopWaitMs / 1000, retry_timeout: retryTimeoutMs / 1000 };
    const failure = await writeDynamicCache(this.settings.postgresql.dataDir, saved, this.parts.random.uuid().slice(0, 8));
    if (failure !== undefined) this.parts.log.error(`Exception when saving file: ${failure}`);
    return failure === undefined;
  }

  async reloadLocal(): Promise<void> {
    const { local, log } = this.parts;
    try {
      if (!local.reload().changed) log.info('No local configuration items changed.');
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      log.error(`local configuration refused, the one before stays in force: ${error.message}`);
    }
    const refusal = await this.apply(this.dynamic, true);
    if (refusal !== undefined) log.error(`configuration refused, the one before stays in force: ${refusal}`);
  }

  async applyRole(): Promise<void> {
    await this.postgres.applySettings(this.settings.postgresql, { force: false });
  }

  logQueue(): { readonly size: number; readonly lost: number } {
    return this.parts.log.queue;
  }

  /** Merges and applies. @returns why the settings were refused; nothing has changed then. */
  private async apply(dynamic: RawConfig, force: boolean): Promise<string | undefined> {
    const { local, log } = this.parts;
    let merged: ReturnType<typeof effectiveSettings>;
    try {
      merged = effectiveSettings(local.raw, dynamic);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return error.message;
    }
    for (const warning of [...merged.warnings, ...tagConflicts(merged.settings.tags)]) log.warning(warning);
    this.settings = merged.settings;
    if (force) {
      log.reconfigure(merged.settings.log);
      this.reloadWatchdog(merged.settings.watchdog);
      await this.dcs.configure(this.timings, merged.settings.dcs.section);
      await this.api?.reload(merged.settings.restapi);
    }
    await this.postgres.applySettings(merged.settings.postgresql, { force });
    return undefined;
  }

  private reloadWatchdog(settings: MemberSettings['watchdog']): void {
    const obstacle = watchdogObstacle(settings);
    if (obstacle === undefined) this.watchdog.reload(settings);
    else this.parts.log.error(`watchdog settings refused, those before stay in force: ${obstacle}`);
  }

  private catchSignals(stopped: AbortController): { attach(agent: Agent): void; detach(): void } {
    let running: Agent | undefined;
    const end = (): void => {
      stopped.abort();
      // The API answers no health check while PostgreSQL stops: load balancers let go at once.
      void this.api?.stop();
      running?.stop();
    };
    const reload = (): void => running?.control.requestReload();
    this.onStoreFailure = end;
    process.on('SIGTERM', end);
    process.on('SIGINT', end);
    process.on('SIGHUP', reload);
    return {
      attach: (agent) => {
        running = agent;
        if (stopped.signal.aborted) agent.stop();
      },
      detach: () => {
        process.off('SIGTERM', end);
        process.off('SIGINT', end);
        process.off('SIGHUP', reload);
      },
    };
  }
}

/** The cached copy if there is one, else what a new cluster is to begin with (configuration.md §1.10). */
function initialDynamic({ cached, local, log }: MemberDaemonParts): RawConfig {
  if (cached.kind === 'found' && Object.keys(cached.data).length > 0) return cached.data;
  if (cached.kind === 'unreadable') log.error(`Exception when loading file: ${cached.reason}`);
  return effectiveSettings(local.raw, {}).settings.bootstrap?.dcs ?? {};
}

/** @throws ConfigError for promises that this version can't keep. */
function refuseWhatIsNotBuilt({ watchdog }: MemberSettings): void {
  const obstacle = watchdogObstacle(watchdog);
  if (obstacle !== undefined) throw new ConfigError(obstacle);
}

function timingsOf(dynamic: RawConfig): Timings {
  const clamped = clampTimings(dynamic);
  return 'invalid' in clamped ? { ttlMs: seconds(30), loopWaitMs: seconds(10), retryTimeoutMs: seconds(10) } : clamped.timings;
}

function synchronousMode(dynamic: RawConfig): 'off' | 'on' | 'strict' {
  const parsed = parseGlobalConfig(dynamic);
  if ('invalid' in parsed || parsed.config.synchronousMode === 'off') return 'off';
  return parsed.config.synchronousModeStrict ? 'strict' : 'on';
}
