import { basename } from 'node:path';
import { assert } from '../base/assert.js';
import type { Milliseconds } from '../base/duration.js';
import type { Lsn } from '../base/lsn.js';
import type { HistoryLine } from '../cluster/history.js';
import { isStarting, type PostgresRole, type PostgresState } from '../cluster/postgres-state.js';
import type { Clock } from '../ports/clock.js';
import type { Log } from '../ports/log.js';
import type { LogicalSlots } from '../ports/logical-slots.js';
import type {
  ControlData,
  FollowOptions,
  InitialiseOutcome,
  LeaderTimelines,
  LocalPosition,
  Postgres,
  PostgresEvent,
  PostgresObservation,
  RewindOutcome,
  ShutdownPositions,
  StartOptions,
  StartOutcome,
  StopOptions,
  Upstream,
} from '../ports/postgres.js';
import type { Random } from '../ports/random.js';
import type { BootstrapSettings, PostgresSettings } from '../ports/settings.js';
import { moveDataDirectoryAside, removeDataDirectory } from './bootstrap/data-directory.js';
import { leaderlessMethods } from './bootstrap/replica.js';
import { type Callbacks, createCallbacks } from './callbacks.js';
import { type CancellableRunner, createCancellableRunner } from './cancellable.js';
import { ControlDataReader } from './control-data/control-data.js';
import { hasRecoveryConfiguration, isDataDirectoryEmpty, readMajorVersion, walDirectory } from './control-data/data-directory.js';
import { readHistoryFile } from './control-data/history-file.js';
import { leaveOutTimelines, removeLeftOutTimelines } from './control-data/left-out-timelines.js';
import { Divergence } from './divergence.js';
import { follow } from './follow.js';
import { LocalConfiguration } from './local-configuration.js';
import { Observer } from './observe.js';
import { DiskProbe } from './probe/disk.js';
import { ServerProbe } from './probe/server-probe.js';
import { FileGuard, FilesUnavailable } from './process/file-guard.js';
import { InstanceState } from './process/instance-state.js';
import { Lifecycle } from './process/lifecycle.js';
import { localProcessTable } from './process/local-table.js';
import { ServerProcess } from './process/server-process.js';
import { toolPath } from './process/tools.js';
import { Provision } from './provision.js';
import { runCheckpoint } from './query/checkpoint.js';
import { ConnectionProblem } from './query/errors.js';
import { Heartbeat } from './query/heartbeat.js';
import { identifySystem, replicationObstacle } from './query/replication.js';
import { canSkipSingleUserRecovery } from './rewind/single-user.js';
import type { RunningServer, ServerConfiguration } from './server-configuration.js';
import { LocalLogicalSlots } from './slots/logical-slots.js';
import { advancePhysicalSlot, createPhysicalSlot, dropSlot } from './slots/physical-slots.js';
import { stopReceiving } from './stop-receiving.js';
import { hasErrorCode } from './system-error.js';

/** Limit of one file call below the data directory: a local disk needs microseconds, a stuck one never answers. */
const FILE_LIMIT_MS = 2000;

/** From the reload's signal until every process of the server shows the new values. */
const RELOAD_SETTLES_MS = 1000;

export interface LocalPostgresOptions {
  readonly settings: PostgresSettings;
  readonly bootstrap: BootstrapSettings | undefined;
  readonly name: string;
  readonly scope: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The agent's own environment; what the server must not see is filtered. */
  readonly environment: Readonly<Record<string, string>>;
  readonly retryTimeoutMs: () => number;
  readonly loopWaitMs?: () => number;
  readonly synchronousMode: () => 'off' | 'on' | 'strict';
  /** The umask that the agent was started with, for files outside of the data directory; default: the present one. */
  readonly umask?: number;
}

/**
 * The real server of this member: a composition of what stands in the folders beside this file.
 * @see Postgres for the contract of each method.
 */
export class LocalPostgres implements Postgres {
  private readonly options: LocalPostgresOptions;
  private settings: PostgresSettings;
  private readonly listeners = new Set<(event: PostgresEvent) => void>();
  private readonly files: FileGuard;
  private readonly state: InstanceState;
  private readonly server: ServerProcess;
  private readonly heartbeat: Heartbeat;
  private readonly control: ControlDataReader;
  private readonly callbacks: Callbacks;
  private readonly cancellable: CancellableRunner;
  private readonly lifecycle: Lifecycle;
  private readonly observer: Observer;
  private readonly configuration: ServerConfiguration;
  private knownMajorVersion = 0;
  private joining: Promise<void> | undefined;
  /** A server that was there before us is not ready yet. */
  private isJoining = false;
  private takingOver: Promise<void> | undefined;
  /** Settings changed while the server was starting with the former ones, or did not answer. */
  private mustReapply = false;
  private readonly provision: Provision;
  private readonly divergence: Divergence;
  /** The postmaster that is known to run; reads no file. */
  readonly postmaster = (): ReturnType<ServerProcess['current']> => this.server.current();
  readonly logicalSlots: LogicalSlots;

  constructor(options: LocalPostgresOptions, configuration: ServerConfiguration = new LocalConfiguration(options)) {
    const { clock, random, log, environment, scope } = options;
    this.options = options;
    this.settings = options.settings;
    this.configuration = configuration;
    this.files = new FileGuard(clock, FILE_LIMIT_MS);
    this.state = new InstanceState(clock);
    const table = localProcessTable();
    const binaryName = basename(toolPath(this.settings, 'postgres'));
    this.server = new ServerProcess({
      clock,
      log,
      table,
      files: this.files,
      dataDir: this.settings.dataDir,
      binaryName,
      onEnded: () => this.emit({ kind: 'process-ended' }),
    });
    this.heartbeat = new Heartbeat({ clock, random, log, target: () => configuration.localTarget(), onLost: () => this.connectionLost() });
    const settings = (): PostgresSettings => this.settings;
    const majorVersion = (): Promise<number> => this.majorVersion();
    this.control = new ControlDataReader({ settings, majorVersion: () => this.knownMajorVersion, files: this.files, log });
    this.callbacks = createCallbacks({ commands: () => this.settings.callbacks, scope, clock, table, log });
    this.cancellable = createCancellableRunner({ clock, table, log });
    this.lifecycle = new Lifecycle({
      clock,
      log,
      table,
      server: this.server,
      state: this.state,
      heartbeat: this.heartbeat,
      control: this.control,
      configuration,
      callbacks: this.callbacks,
      cancellable: this.cancellable,
      settings,
      clusterName: scope,
      environment,
      majorVersion,
      roleOnDisk: () => this.roleOnDisk(),
      checkpoint: (timeoutMs) => this.checkpoint(timeoutMs === undefined ? {} : { timeoutMs: timeoutMs as Milliseconds }),
      beforeSpawn: async () => removeLeftOutTimelines(walDirectory(this.settings.dataDir, await this.majorVersion())),
      areCallbacksBlocked: () => this.provision.isBootstrapping,
      isCustomBootstrap: () => this.provision.isCustomBootstrap,
      onReady: () => this.emit({ kind: 'ready' }),
    });
    this.observer = new Observer({
      clock,
      log,
      files: this.files,
      server: this.server,
      state: this.state,
      heartbeat: this.heartbeat,
      control: this.control,
      lifecycle: this.lifecycle,
      configuration,
      probe: new ServerProbe({
        ...options,
        disk: new DiskProbe({ clock }),
        target: () => configuration.localTarget(),
        dataDir: () => this.settings.dataDir,
        majorVersion,
        isUp: () => this.state.state === 'running' && this.server.current() !== undefined,
      }),
      dataDir: () => this.settings.dataDir,
      majorVersion,
      isTakenOver: () => this.callbacks.wasCalled,
      hasRestoreCommand: () => Boolean(this.settings.recoveryConf['restore_command']),
      maySystemIdBeRead: () => !this.provision.isBootstrapping && this.state.state !== 'creating replica',
    });
    this.logicalSlots = new LocalLogicalSlots({
      clock,
      log,
      configuration,
      dataDir: () => this.settings.dataDir,
      query: (text) => this.heartbeat.query(text),
      isRunning: async () => (await this.server.find()) !== undefined,
      reload: () => this.lifecycle.reload(),
      files: this.files,
    });
    this.provision = new Provision({
      settings,
      bootstrap: options.bootstrap,
      scope,
      clock,
      log,
      state: this.state,
      lifecycle: this.lifecycle,
      runner: this.cancellable,
      configuration,
      majorVersion,
      onCreated: () => this.forgetDataDirectory(),
      closeSession: () => this.heartbeat.close(),
    });
    this.divergence = new Divergence({
      settings,
      clock,
      log,
      state: this.state,
      table,
      server: this.server,
      lifecycle: this.lifecycle,
      heartbeat: this.heartbeat,
      control: this.control,
      runner: this.cancellable,
      configuration,
      majorVersion,
      replicaTimeline: () => this.replicaTimeline(),
    });
  }

  async observe(options: { readonly timeoutMs: Milliseconds; readonly withSynchronousState: boolean }): Promise<PostgresObservation> {
    const begin = this.options.clock.monotonic();
    this.joining ??= this.join();
    await this.within(options.timeoutMs / 2, this.joining);
    if (this.takingOver !== undefined) await this.within(options.timeoutMs / 4, this.takingOver);
    const left = options.timeoutMs - (this.options.clock.monotonic() - begin);
    const seen = await this.observer.observe(Math.max(left, options.timeoutMs / 4), options.withSynchronousState);
    if (this.mustReapply && seen.state === 'running' && seen.status.kind === 'known') this.reapply();
    return seen;
  }

  subscribe(listener: (event: PostgresEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  setRole(role: PostgresRole): void {
    this.state.role = role;
  }

  setState(state: PostgresState): void {
    this.state.setState(state);
  }

  callback(action: 'on_start' | 'on_role_change'): void {
    this.lifecycle.fire(action);
  }

  async controlData(): Promise<ControlData | undefined> {
    if ((await this.majorVersion()) === 0 || this.state.state === 'creating replica') return undefined;
    return this.control.read();
  }

  shutdownPositions(): Promise<ShutdownPositions | undefined> {
    return this.control.shutdownPositions();
  }

  async timelineHistory(timeline: number): Promise<readonly HistoryLine[]> {
    const folder = walDirectory(this.settings.dataDir, await this.majorVersion());
    try {
      return await this.files.run('timeline history', () => readHistoryFile(folder, timeline, this.options.name));
    } catch (error) {
      if (!(error instanceof FilesUnavailable)) throw error;
      this.options.log.warning(error.message);
      return [];
    }
  }

  async replicaTimeline(): Promise<number | undefined> {
    return (await identifySystem(this.configuration.replicationTarget(), this.options.clock))?.timeline;
  }

  start(options: StartOptions): Promise<StartOutcome> {
    return this.lifecycle.start(options);
  }

  stop(options: StopOptions): Promise<boolean> {
    return this.lifecycle.stop(options);
  }

  restart(options: StartOptions): Promise<StartOutcome> {
    return this.lifecycle.restart(options);
  }

  killSpawned(): Promise<void> {
    return this.server.killSpawned();
  }

  reload(): Promise<boolean> {
    return this.lifecycle.reload();
  }

  async checkpoint(options: { readonly timeoutMs?: Milliseconds }): Promise<boolean> {
    const majorVersion = await this.majorVersion();
    return runCheckpoint({ target: this.configuration.localTarget(), majorVersion, connectTimeoutMs: options.timeoutMs }, this.options);
  }

  async resumeReplay(): Promise<void> {
    const name = (await this.majorVersion()) >= 100_000 ? 'pg_wal_replay_resume' : 'pg_xlog_replay_resume';
    await this.heartbeat.query(`SELECT pg_catalog.${name}()`);
  }

  runPrePromote(): Promise<boolean> {
    return this.lifecycle.runPrePromote();
  }

  async promote(options: {
    readonly timeoutMs: Milliseconds;
    readonly leastTimeline: number;
  }): Promise<'promoted' | 'requested' | 'failed'> {
    const folder = walDirectory(this.settings.dataDir, await this.majorVersion());
    const current = await this.replicaTimeline();
    if (current !== undefined) await leaveOutTimelines(folder, current, options.leastTimeline);
    const outcome = await this.lifecycle.promote(options.timeoutMs);
    await removeLeftOutTimelines(folder);
    if (outcome !== 'failed') await this.writeForRole('primary');
    return outcome;
  }

  follow(upstream: Upstream | undefined, options: FollowOptions): Promise<StartOutcome> {
    return follow(upstream, options, {
      state: this.state,
      lifecycle: this.lifecycle,
      server: this.server,
      configuration: this.configuration,
      majorVersion: () => this.majorVersion(),
      isTakenOver: () => this.callbacks.wasCalled,
    });
  }

  stopReceiving(): Promise<boolean> {
    return stopReceiving({
      state: this.state,
      lifecycle: this.lifecycle,
      configuration: this.configuration,
      majorVersion: () => this.majorVersion(),
      query: (text) => this.heartbeat.query(text),
      clock: this.options.clock,
    });
  }

  async compareRecovery(upstream: Upstream | undefined): Promise<{ readonly change: boolean; readonly restart: boolean }> {
    const work = (): Promise<{ change: boolean; restart: boolean }> => this.configuration.compareRecovery(upstream, this.running());
    try {
      return await this.files.run('recovery settings', work, this.options.retryTimeoutMs());
    } catch (error) {
      if (!(error instanceof FilesUnavailable)) throw error;
      // Nothing is known, so nothing is changed.
      this.options.log.warning(error.message);
      return { change: false, restart: false };
    }
  }

  async createPhysicalSlot(name: string): Promise<void> {
    await createPhysicalSlot((text) => this.heartbeat.query(text), name, await this.majorVersion());
  }

  dropSlot(name: string): Promise<boolean> {
    return dropSlot((text) => this.heartbeat.query(text), name);
  }

  advancePhysicalSlot(name: string, lsn: Lsn): Promise<void> {
    return advancePhysicalSlot((text) => this.heartbeat.query(text), name, lsn);
  }

  async setSynchronousStandbyNames(value: string | undefined): Promise<void> {
    const isChanged = await this.configuration.setSynchronousStandbyNames(value);
    if (isChanged && (await this.server.find()) !== undefined && !isStarting(this.state.state)) await this.lifecycle.reload();
  }

  cancel(): Promise<void> {
    return this.cancellable.cancel();
  }

  resetCancellation(): void {
    this.cancellable.reset();
  }

  async close(): Promise<void> {
    this.listeners.clear();
    this.server.close();
    this.heartbeat.close();
  }

  initialise(): Promise<InitialiseOutcome> {
    return this.provision.initialise();
  }

  runPostBootstrap(): Promise<boolean> {
    return this.provision.runPostBootstrap();
  }

  async cloneObstacle(source: Upstream): Promise<string | undefined> {
    const target = this.configuration.remoteTarget(source, 'replication');
    return target === undefined ? 'it does not say where its server is' : replicationObstacle(target, this.options.clock);
  }

  clone(source: Upstream | undefined, options: { readonly basebackupOnly: boolean }): Promise<boolean> {
    return this.provision.clone(source, options);
  }

  hasLeaderlessMethod(methods: readonly string[] | undefined): boolean {
    return leaderlessMethods(methods ?? this.settings.createReplicaMethods, this.settings.methods).length > 0;
  }

  async moveDataDirectoryAside(): Promise<void> {
    await moveDataDirectoryAside(this.settings.dataDir, this.options.log);
    this.provision.abandon();
    this.forgetDataDirectory();
  }

  async removeDataDirectory(): Promise<void> {
    assert((await this.server.find()) === undefined, 'the data directory of a running server must not be removed');
    this.state.role = 'uninitialized';
    await removeDataDirectory(this.settings.dataDir, this.options.log);
    this.forgetDataDirectory();
  }

  canRewind(): Promise<boolean> {
    return this.divergence.canRewind();
  }

  localPosition(): Promise<LocalPosition | 'half-rewound' | undefined> {
    return this.divergence.localPosition();
  }

  leaderTimelines(leader: Upstream): Promise<LeaderTimelines> {
    return this.divergence.leaderTimelines(leader);
  }

  checkpointRecordEnd(timeline: number, lsn: Lsn): Promise<Lsn | undefined> {
    return this.divergence.checkpointRecordEnd(timeline, lsn);
  }

  rewind(leader: Upstream): Promise<RewindOutcome> {
    return this.divergence.rewind(leader);
  }

  singleUserRecovery(): Promise<boolean> {
    return this.divergence.singleUserRecovery();
  }

  isArchiving(): Promise<boolean> {
    return this.divergence.isArchiving();
  }

  archiveShutdownCheckpoint(): Promise<boolean> {
    return this.divergence.archiveShutdownCheckpoint();
  }

  async canSkipSingleUserRecovery(): Promise<boolean> {
    return canSkipSingleUserRecovery(this.settings.dataDir, await this.majorVersion());
  }

  /** `postgres://host:port/database`, as published in the member key. */
  connUrl(): string {
    return this.configuration.connUrl();
  }

  /** As `connUrl`, by way of the configured proxy. */
  proxyUrl(): string | undefined {
    return this.configuration.proxyUrl();
  }

  /**
   * Adopts new settings: of the local configuration, of the dynamic one, or of another role. A running server reads what
   * changed; `force` (SIGHUP) writes and reloads in any case.
   */
  async applySettings(settings: PostgresSettings, options: { readonly force: boolean }): Promise<void> {
    this.settings = settings;
    const isRunning = this.server.current() !== undefined && this.state.state === 'running' && !this.provision.isCustomBootstrap;
    const server = isRunning ? this.running() : undefined;
    const { isChanged } = await this.configuration.apply(settings, server, options).catch((error: unknown) => {
      // What is wrong with the directory is told by each look at it.
      if (hasErrorCode(error, 'EACCES', 'EPERM'))
        this.options.log.debug('the settings are applied when the data directory can be read', error);
      else if (error instanceof ConnectionProblem)
        this.options.log.warning(`the settings are applied when the server answers again: ${error.message}`);
      else throw error;
      this.mustReapply = true;
      return { isChanged: false };
    });
    if (server === undefined && this.server.current() !== undefined) this.mustReapply = true;
    if (server === undefined || !isChanged) return;
    if (!(await this.lifecycle.reload())) return;
    if ((await this.majorVersion()) >= 90_500) this.beside('it is not known which settings wait for a restart', this.settled(server));
  }

  /** The server's processes take a moment to read the new files; then it knows what waits for a restart. */
  private async settled(server: RunningServer): Promise<void> {
    await this.options.clock.sleep(RELOAD_SETTLES_MS);
    await this.configuration.refreshPendingRestart(server);
    this.emit({ kind: 'settings-settled' });
  }

  private forgetDataDirectory(): void {
    this.observer.forgetSystemId();
    this.knownMajorVersion = 0;
  }

  /** Some settings are for one role only. They never stand in the way of a promotion. */
  private async writeForRole(role: 'primary'): Promise<void> {
    const { parametersByRole, pgHbaByRole, pgIdentByRole } = this.settings;
    const isSpecific = [parametersByRole, pgHbaByRole, pgIdentByRole].some((values) => Object.values(values).some(Boolean));
    if (!isSpecific) return;
    try {
      if (await this.configuration.writeServerFile(role)) await this.lifecycle.reload();
    } catch (error) {
      this.options.log.error('the configuration for the new role could not be written', error);
    }
  }

  private reapply(): void {
    this.mustReapply = false;
    this.beside('settings that changed during the start could not be applied', this.applySettings(this.settings, { force: false }));
  }

  private beside(failure: string, work: Promise<void>): void {
    work.catch((error: unknown) => this.options.log.error(failure, error));
  }

  private async within(limitMs: number, work: Promise<void>): Promise<void> {
    let cancel: (() => void) | undefined;
    const limit = new Promise<void>((resolve) => {
      cancel = this.options.clock.after(limitMs, resolve);
    });
    await Promise.race([work, limit]);
    cancel?.();
  }

  private emit(event: PostgresEvent): void {
    if (event.kind === 'ready' && this.mustReapply) this.reapply();
    if (event.kind === 'ready' && this.isJoining) {
      this.isJoining = false;
      this.takingOver = this.takeOver();
    }
    for (const listener of [...this.listeners]) listener(event);
  }

  private connectionLost(): void {
    this.emit({ kind: 'connection-lost' });
    // A dead server closes its connections first; looking now spares the wait for the next look.
    this.server.current();
  }

  private running(): RunningServer {
    const process = this.server.current();
    return {
      query: (text) => this.heartbeat.queryWithRetry(text, this.options.retryTimeoutMs() / 2, () => this.state.state !== 'restarting'),
      isStarting: isStarting(this.state.state),
      isTakenOver: this.callbacks.wasCalled,
      processKey: process === undefined ? undefined : `${process.pid}/${process.startedAt}`,
      receiver: this.observer.receiver,
    };
  }

  private async majorVersion(): Promise<number> {
    if (this.knownMajorVersion === 0) await this.readMajorVersion();
    return this.knownMajorVersion;
  }

  private async readMajorVersion(): Promise<void> {
    this.knownMajorVersion = await this.files.run('PG_VERSION', () => readMajorVersion(this.settings.dataDir));
  }

  private async roleOnDisk(): Promise<PostgresRole> {
    const { dataDir } = this.settings;
    const majorVersion = await this.majorVersion();
    if (await this.files.run('data directory', () => isDataDirectoryEmpty(dataDir))) return 'uninitialized';
    if (await this.files.run('signal files', () => hasRecoveryConfiguration(dataDir, majorVersion))) return 'replica';
    return (await this.control.systemId()) === undefined ? 'uninitialized' : 'primary';
  }

  /** At the agent's start, or when the directory can be read at last: takes over a server that runs already (postgres.md §3.5), once. */
  private async join(): Promise<void> {
    try {
      const isRunning = (await this.server.find()) !== undefined;
      const role = await this.roleOnDisk();
      // A stopped former primary must never be announced as primary.
      this.state.role = !isRunning && role === 'primary' ? 'demoted' : role;
      if (!isRunning) return;
      // Not our start: its callback is fired when the agent takes the server over.
      this.isJoining = true;
      this.state.setPendingCallback('none');
      this.state.setState('starting');
      await this.lifecycle.checkStartup();
    } catch (error) {
      if (hasErrorCode(error, 'EACCES', 'EPERM')) {
        // The look that follows tells why; whether a server runs is known only when the directory can be read.
        this.joining = undefined;
        return;
      }
      // Looking again is the next cycle's task.
      this.options.log.warning('the running server could not be looked at', error);
    }
  }

  /** Once the server that was found at the agent's start is ready. */
  private async takeOver(): Promise<void> {
    try {
      const rows = await this.heartbeat.query('SELECT pg_catalog.pg_is_in_recovery() AS r');
      const isInRecovery = rows[0]?.['r'] === 't';
      this.state.role = isInRecovery ? 'replica' : 'primary';
      if (await this.configuration.join(this.running(), isInRecovery)) await this.lifecycle.reload();
    } catch (error) {
      // Looking again is the next cycle's task.
      this.options.log.warning('the running server could not be taken over completely', error);
    }
  }
}
