import { type Milliseconds, milliseconds } from '../base/duration.js';
import { formatLsn, LSN_ZERO, type Lsn } from '../base/lsn.js';
import type { HistoryLine } from '../cluster/history.js';
import { isStarting, type PostgresRole, type PostgresState } from '../cluster/postgres-state.js';
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
  ServerStatus,
  ShutdownPositions,
  StartOptions,
  StartOutcome,
  StopOptions,
  Upstream,
} from '../ports/postgres.js';
import type { Scheduler } from './scheduler.js';
import type { SimServer } from './server.js';
import { syncStatesOf } from './synchronous.js';
import { isSingleUserRecord, lsnAt } from './wal.js';

/** What a start without a limit of its own waits for. */
const PG_CTL_TIMEOUT_MS = 60_000;

export interface SimPostgresOptions {
  readonly server: SimServer;
  readonly scheduler: Scheduler;
  /** What the agent's process awaits: late when it is frozen, never when it is dead. */
  readonly guard: <T>(result: Promise<T>) => Promise<T>;
  readonly nextSystemId: () => string;
  readonly reachable: (name: string) => SimServer | undefined;
  readonly monotonic: () => Milliseconds;
  /** A new upstream takes effect by a restart only, as before PostgreSQL 13. */
  readonly needsRestartToFollow: boolean;
  /** initdb fails, for the first so many attempts of the world. */
  readonly initdbFails: () => boolean;
}

/** One agent's hand on its server: what the agent believes (state, role) lives here and dies with it. */
export class SimPostgres implements Postgres {
  private state: PostgresState;
  private role: PostgresRole;
  private stateSince: Milliseconds;
  private isTakenOver = false;
  private isCancelled = false;
  private onCancel: () => void = () => undefined;
  /** The status query times out while this is set. */
  isSlow = false;
  private isCutOff = false;
  private readonly o: SimPostgresOptions;
  private lastControl: ControlData | undefined;
  private readonly listeners = new Set<(event: PostgresEvent) => void>();

  constructor(options: SimPostgresOptions) {
    this.o = options;
    const { server } = options;
    this.state = server.isRunning ? 'starting' : 'stopped';
    this.stateSince = options.monotonic();
    if (server.isEmpty) this.role = 'uninitialized';
    else if (server.hasStandbySignal || (server.isRunning && server.isInRecovery)) this.role = 'replica';
    else this.role = server.isRunning ? 'primary' : 'demoted';
    server.onExit = () => this.emit({ kind: 'process-ended' });
  }

  async observe(options?: { readonly timeoutMs: number }): Promise<PostgresObservation> {
    const { server, scheduler } = this.o;
    const { isCutOff } = this;
    const isMute = (): boolean => server.isRunning && (this.isSlow || server.isFrozen);
    if (isMute() && options !== undefined) await this.o.guard(scheduler.sleep(options.timeoutMs));
    if (isStarting(this.state) && server.isRunning && !server.isStarting) {
      this.setState('running');
      if (this.role !== 'standby_leader' && this.role !== 'promoted') this.role = server.isInRecovery ? 'replica' : 'primary';
    } else if (isStarting(this.state) && !server.isRunning) this.setState('start failed');
    const isAnswering = server.isRunning && !server.isStarting && !server.isStopping;
    return {
      isProcessRunning: server.isRunning,
      state: this.state,
      stateSince: this.stateSince,
      role: this.role,
      dataDirectory: dataDirectoryOf(server),
      majorVersion: this.o.needsRestartToFollow ? 120_000 : 150_000,
      systemId: server.trouble.controlFile === 'unreadable' ? undefined : server.systemId,
      status: !server.isRunning
        ? { kind: 'not-running' }
        : isAnswering && !isMute()
          ? { kind: 'known', value: this.status() }
          : { kind: 'unavailable', error: 'simulated' },
      isTakenOver: this.isTakenOver,
      pendingRestart: {},
      hasRecoveryConfiguration: server.hasStandbySignal,
      isCutOff,
    };
  }

  private status(): ServerStatus {
    const { server } = this.o;
    const { isInRecovery, lsn } = server;
    return {
      isInRecovery,
      primaryTimeline: isInRecovery ? 0 : server.timeline,
      walLsn: isInRecovery ? LSN_ZERO : lsn,
      replayLsn: isInRecovery ? lsn : LSN_ZERO,
      receiveLsn: isInRecovery ? lsn : LSN_ZERO,
      isReplayPaused: isInRecovery && server.trouble.isReplayPaused,
      receivedTimeline: isInRecovery && server.isStreaming ? server.timeline : undefined,
      replicationState: isInRecovery && server.isStreaming ? 'streaming' : undefined,
      latestEndLsn: undefined,
      slots: [...server.slots].map(([name, restartLsn]) => ({
        name,
        type: 'physical' as const,
        isActive: false,
        xmin: undefined,
        catalogXmin: undefined,
        restartLsn,
        confirmedFlushLsn: undefined,
        database: undefined,
        plugin: undefined,
        walStatus: undefined,
        isFailover: false,
        isSynced: false,
      })),
      synchronousCommit: 'on',
      synchronousStandbyNames: server.commits.setting,
      standbys: streamingStandbys(server),
      postmasterStartTime: '2031-01-01 00:00:00.000000+00:00',
      serverVersion: 150_004,
      replayTimestamp: undefined,
      walSenders: [],
    };
  }

  subscribe(listener: (event: PostgresEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  setRole(role: PostgresRole): void {
    this.role = role;
  }

  setState(state: PostgresState): void {
    if (state === this.state) return;
    this.state = state;
    this.stateSince = this.o.monotonic();
  }

  callback(): void {
    this.isTakenOver = true;
  }

  async controlData(): Promise<ControlData | undefined> {
    const { server } = this.o;
    if (server.systemId === undefined || server.trouble.controlFile === 'unreadable') return undefined;
    // What is stale is what was read last before the trouble began.
    if (server.trouble.controlFile !== 'stale') this.lastControl = this.currentControl();
    return this.lastControl;
  }

  private currentControl(): ControlData {
    const { server } = this.o;
    return {
      clusterState: server.control,
      systemId: server.systemId ?? '',
      checkpointLsn: lsnAt(Math.max(server.wal.length - 1, 0)),
      checkpointTimeline: server.checkpointTimeline,
      checkpointRedoWalFile: undefined,
      minRecoveryEndLsn: server.lsn,
      minRecoveryEndTimeline: server.timeline,
      walLogHints: true,
      dataChecksumVersion: 1,
      raw: {},
    };
  }

  async shutdownPositions(): Promise<ShutdownPositions | undefined> {
    const { server } = this.o;
    return server.control === 'shut down' ? { checkpoint: server.lsn, previous: server.lsn } : undefined;
  }

  async timelineHistory(timeline: number): Promise<readonly HistoryLine[]> {
    const { server } = this.o;
    const lines = server.history.filter((line) => line.timeline < timeline);
    return lines.map((line) =>
      line.timeline === timeline - 1 ? { ...line, time: '2031-01-01T00:00:00+00:00', member: server.name } : line,
    );
  }

  async replicaTimeline(): Promise<number | undefined> {
    const { server } = this.o;
    return server.isRunning && !server.isStarting ? server.timeline : undefined;
  }

  async start(options: StartOptions): Promise<StartOutcome> {
    const { server } = this.o;
    if (server.isEmpty || server.trouble.isInaccessible || options.interlock?.isCancelled === true || this.isCancelled) return 'failed';
    this.setState('starting');
    this.role = options.role ?? (server.hasStandbySignal ? 'replica' : 'primary');
    const starting = this.o.guard(server.start());
    const limit = options.timeoutMs ?? PG_CTL_TIMEOUT_MS;
    const isReady = await Promise.race([starting, this.o.guard(this.o.scheduler.sleep(limit))]);
    this.isTakenOver = true;
    if (isReady === undefined) {
      starting.then((isReadyNow) => isReadyNow && this.emit({ kind: 'ready' })).catch(() => undefined);
      return 'pending';
    }
    if (!isReady) {
      this.setState('start failed');
      return 'failed';
    }
    this.setState('running');
    this.emit({ kind: 'ready' });
    return 'ready';
  }

  async stop(options: StopOptions): Promise<boolean> {
    const { server, scheduler } = this.o;
    if (!server.isRunning) {
      options.onSafepoint?.();
      return true;
    }
    if (options.checkpoint) await Promise.race([this.takeTime(0, 200), this.untilCancelled()]);
    this.setState('stopping');
    if (options.mode === 'immediate') server.kill();
    else {
      let handOver: Promise<void> = Promise.resolve();
      const stopping = server.stopFast(async () => {
        options.onSafepoint?.();
        const positions = await this.shutdownPositions();
        handOver = (positions === undefined ? undefined : options.onShutdownCheckpoint?.(positions)) ?? handOver;
      });
      const limit = options.timeoutMs;
      await this.o.guard(limit === undefined ? stopping : Promise.race([stopping, scheduler.sleep(limit)]));
      await handOver;
      if (server.isRunning) server.kill();
    }
    options.onSafepoint?.();
    this.setState('stopped');
    return true;
  }

  async restart(options: StartOptions): Promise<StartOutcome> {
    this.setState('restarting');
    await this.stop({ mode: 'fast', checkpoint: true });
    return this.start(options);
  }

  async killSpawned(): Promise<void> {
    if (this.o.server.isStarting) this.o.server.kill();
  }

  async reload(): Promise<boolean> {
    return true;
  }

  async checkpoint(): Promise<boolean> {
    const { server } = this.o;
    await this.takeTime(10, 3000);
    if (!server.isWritable) return false;
    server.checkpointTimeline = server.timeline;
    return true;
  }

  async resumeReplay(): Promise<void> {
    this.o.server.trouble.isReplayPaused = false;
  }

  async runPrePromote(): Promise<boolean> {
    await this.takeTime(0, 100);
    return !this.o.server.trouble.isPromotionRefused;
  }

  async promote(options: { readonly timeoutMs: number; readonly leastTimeline: number }): Promise<'promoted' | 'requested' | 'failed'> {
    if (this.isCancelled) return 'failed';
    if (this.role === 'promoted' || this.role === 'primary') return 'promoted';
    // Once told, the server goes on by itself; only the waiting can be cancelled. One that has just begun to start can't be told.
    if (this.o.server.isRunning && !this.o.server.isStarting) this.role = 'promoted';
    let isPromoted: boolean | undefined;
    const promotion = this.o.guard(this.o.server.promote(options.leastTimeline)).then((answer) => {
      isPromoted = answer;
    });
    const until = this.o.scheduler.now + options.timeoutMs;
    while (isPromoted === undefined && !this.isCancelled && this.o.scheduler.now < until)
      await Promise.race([promotion, this.o.guard(this.o.scheduler.sleep(20))]);
    if (isPromoted === undefined) return 'requested';
    if (!isPromoted) return 'failed';
    this.role = 'primary';
    return 'promoted';
  }

  async follow(upstream: Upstream | undefined, options: FollowOptions): Promise<StartOutcome> {
    const { server } = this.o;
    this.isCutOff = false;
    server.setUpstream(upstream?.name);
    if (server.isRunning && options.how === 'reload') {
      if (server.isInRecovery) this.role = options.role;
      return 'ready';
    }
    if (server.isRunning) await this.stop({ mode: 'fast', checkpoint: false });
    server.hasStandbySignal = true;
    return this.start({
      role: options.role,
      timeoutMs: options.timeoutMs,
      ...(options.interlock === undefined ? {} : { interlock: options.interlock }),
    });
  }

  async stopReceiving(): Promise<boolean> {
    const { server, needsRestartToFollow } = this.o;
    if (needsRestartToFollow) return false;
    await this.takeTime(20, 120);
    if (!server.isRunning || server.isFrozen) return false;
    server.setUpstream(undefined);
    this.isCutOff = true;
    return true;
  }

  async compareRecovery(upstream: Upstream | undefined): Promise<{ readonly change: boolean; readonly restart: boolean }> {
    const change = this.o.server.upstream !== upstream?.name;
    return { change, restart: change && this.o.needsRestartToFollow };
  }

  async initialise(): Promise<InitialiseOutcome> {
    const { server } = this.o;
    await this.takeTime(200, 2000);
    if (this.o.initdbFails()) return 'failed';
    server.initdb(this.o.nextSystemId());
    return (await this.start({ role: 'primary' })) === 'ready' ? 'started' : 'failed';
  }

  async runPostBootstrap(): Promise<boolean> {
    await this.takeTime(10, 300);
    return this.o.server.isWritable;
  }

  async clone(source: Upstream | undefined): Promise<boolean> {
    const { server, reachable } = this.o;
    this.setState('creating replica');
    server.systemId = undefined;
    await this.takeTime(500, 5000);
    const from = source === undefined ? undefined : reachable(source.name);
    this.setState('stopped');
    if (from === undefined || !from.isRunning || from.isStarting || from.isEmpty || this.isCancelled) return false;
    server.copyFrom(from);
    return true;
  }

  async cloneObstacle(source: Upstream): Promise<string | undefined> {
    const from = this.o.reachable(source.name);
    return from === undefined || !from.isRunning || from.isStarting ? 'connection refused' : undefined;
  }

  hasLeaderlessMethod(): boolean {
    return false;
  }

  async moveDataDirectoryAside(): Promise<void> {
    this.o.server.systemId = undefined;
  }

  async removeDataDirectory(): Promise<void> {
    this.o.server.systemId = undefined;
    this.role = 'uninitialized';
  }

  async canRewind(): Promise<boolean> {
    return true;
  }

  async localPosition(): Promise<LocalPosition | undefined> {
    const { server } = this.o;
    if (server.isEmpty || server.isStarting) return undefined;
    const timeline = server.timeline;
    if (server.isRunning || server.control === 'shut down in recovery' || server.control === 'in archive recovery') {
      return { timeline, lsn: server.lsn, isInRecovery: true };
    }
    return server.control === 'shut down' ? { timeline, lsn: lsnAt(server.wal.length - 1), isInRecovery: false } : undefined;
  }

  async leaderTimelines(leader: Upstream): Promise<LeaderTimelines> {
    const from = this.o.reachable(leader.name);
    if (from === undefined || !from.isRunning || from.isStarting) return { kind: 'unreachable', error: 'connection refused' };
    if (from.isInRecovery) return { kind: 'in-recovery' };
    return { kind: 'known', timeline: from.timeline, lsn: from.lsn, history: from.history };
  }

  async checkpointRecordEnd(_timeline: number, lsn: Lsn): Promise<Lsn | undefined> {
    const last = this.o.server.wal.at(-1);
    // The end of single-user recovery is no position of another history but by chance, which records of one size would make likely.
    return last?.kind === 'shutdown-checkpoint' && !isSingleUserRecord(last) && lsn === lsnAt(this.o.server.wal.length - 1)
      ? this.o.server.lsn
      : undefined;
  }

  async rewind(leader: Upstream): Promise<RewindOutcome> {
    const { server, reachable } = this.o;
    await this.takeTime(200, 3000);
    const from = reachable(leader.name);
    if (from === undefined || !from.isWritable) return { kind: 'not-now', reason: 'the source went away' };
    server.rewindTo(from);
    return { kind: 'done' };
  }

  async singleUserRecovery(): Promise<boolean> {
    await this.takeTime(100, 3000);
    return this.o.server.singleUserRecovery();
  }

  async canSkipSingleUserRecovery(): Promise<boolean> {
    return this.o.server.hasBackupLabel;
  }

  async isArchiving(): Promise<boolean> {
    return false;
  }

  async archiveShutdownCheckpoint(): Promise<boolean> {
    return false;
  }

  async createPhysicalSlot(name: string): Promise<void> {
    this.o.server.slots.set(name, this.o.server.lsn);
  }

  async dropSlot(name: string): Promise<boolean> {
    return this.o.server.slots.delete(name);
  }

  async advancePhysicalSlot(name: string, lsn: Lsn): Promise<void> {
    this.o.server.slots.set(name, lsn);
  }

  async setSynchronousStandbyNames(value: string | undefined): Promise<void> {
    this.o.server.setSynchronousNames(value ?? '');
  }

  async cancel(): Promise<void> {
    this.isCancelled = true;
    this.onCancel();
  }

  private untilCancelled(): Promise<void> {
    if (this.isCancelled) return Promise.resolve();
    return new Promise((resolve) => {
      this.onCancel = resolve;
    });
  }

  resetCancellation(): void {
    this.isCancelled = false;
  }

  async close(): Promise<void> {
    this.listeners.clear();
  }

  private takeTime(low: number, high: number): Promise<void> {
    return this.o.guard(this.o.server.takeTime(low, high));
  }

  /** For traces. */
  describe(): string {
    const { server } = this.o;
    return `${this.state}/${this.role} tl ${server.timeline} ${formatLsn(server.lsn)} now ${milliseconds(this.stateSince)}`;
  }

  private emit(event: PostgresEvent): void {
    for (const listener of [...this.listeners]) listener(event);
  }
}

function dataDirectoryOf({ isEmpty, trouble }: SimServer): PostgresObservation['dataDirectory'] {
  if (trouble.isInaccessible) return { kind: 'inaccessible', error: 'Input/output error' };
  return isEmpty ? { kind: 'empty' } : { kind: 'present' };
}

function streamingStandbys(server: SimServer): ServerStatus['standbys'] {
  const { standbys } = server;
  const states = syncStatesOf(
    server.commits.inForce,
    standbys.map(({ name }) => name),
  );
  return standbys.map(({ name, records }, index) => {
    const lsn = records === 0 ? undefined : lsnAt(records);
    return { applicationName: name, syncState: states[index] ?? 'async', writeLsn: lsn, flushLsn: lsn, replayLsn: lsn };
  });
}
