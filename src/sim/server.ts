import type { Lsn } from '../base/lsn.js';
import type { HistoryLine } from '../cluster/history.js';
import { type Acknowledged, Commits } from './commits.js';
import type { SeededRandom } from './prng.js';
import type { Scheduler } from './scheduler.js';
import { Trouble } from './trouble.js';
import { forkOf, lsnAt, SINGLE_USER_ID, type WalRecord } from './wal.js';

export type ControlState =
  | 'in production'
  | 'shut down'
  | 'shut down in recovery'
  | 'in archive recovery'
  | 'in crash recovery'
  | 'shutting down';

/** Looks of a postmaster that shuts down at its walsenders, until it gives them up. */
const MOST_DRAINING = 100;
/** Work on a slow disk proceeds in steps of so many milliseconds of a quick one. */
const SLICE_MS = 200;

/** What servers can reach of each other: replication connections. */
export interface ServerNetwork {
  canConnect(from: string, to: string): boolean;
  server(name: string): SimServer | undefined;
  /** A client was told that its commit is safe. */
  acknowledged(server: SimServer, commit: Acknowledged): void;
}

/**
 * A PostgreSQL server and its data directory, which survive the agent. It knows WAL with timelines, streaming from an
 * upstream, crash and clean shutdown, promotion. Durations are drawn from the seed.
 */
export class SimServer {
  readonly name: string;
  systemId: string | undefined;
  wal: WalRecord[] = [];
  timeline = 1;
  history: HistoryLine[] = [];
  isRunning = false;
  /** Running, but not accepting connections yet. */
  isStarting = false;
  /** Running and told to stop: no new commits, WAL still flows. */
  isStopping = false;
  isInRecovery = false;
  hasStandbySignal = false;
  /** A copy that was never started: pg_control is the source's. */
  hasBackupLabel = false;
  control: ControlState = 'shut down';
  /** Timeline of the last checkpoint: what pg_rewind trusts. */
  checkpointTimeline = 1;
  upstream: string | undefined;
  readonly slots = new Map<string, Lsn>();
  /** `synchronous_standby_names` in the configuration files; in force after a reload. */
  synchronousNames = '';
  readonly commits: Commits;
  readonly trouble = new Trouble();
  /** Called when the process ended without being asked to by the current agent. */
  onExit: () => void = () => undefined;
  private readonly scheduler: Scheduler;
  private readonly random: SeededRandom;
  private readonly network: ServerNetwork;
  private readonly followers = new Set<SimServer>();
  private followed: SimServer | undefined;
  private isPullPlanned = false;
  /** Told to promote: the receiver has ended, what was received is being replayed. */
  private isPromoting = false;
  /** Durations of everything are multiplied by it: a slow disk. */
  slowness = 1;
  /** The processes exist and do nothing (SIGSTOP). */
  isFrozen = false;
  /** Told of every change that may matter to a checker. */
  onChange: () => void = () => undefined;
  /** Distinguishes one run of the process from the next. */
  private run = 0;

  constructor(name: string, scheduler: Scheduler, random: SeededRandom, network: ServerNetwork) {
    this.name = name;
    this.scheduler = scheduler;
    this.random = random;
    this.network = network;
    this.commits = new Commits((commit) => network.acknowledged(this, commit));
  }

  get isEmpty(): boolean {
    return this.systemId === undefined;
  }

  get isWritable(): boolean {
    return this.isPrimary && !this.isFrozen;
  }

  /** Also one that is frozen: it takes writes again when it thaws. */
  get isPrimary(): boolean {
    return this.isRunning && !this.isStarting && !this.isStopping && !this.isInRecovery;
  }

  get lsn(): Lsn {
    return lsnAt(this.wal.length);
  }

  initdb(systemId: string): void {
    this.systemId = systemId;
    this.wal = [];
    this.timeline = 1;
    this.history = [];
    this.control = 'shut down';
    this.checkpointTimeline = 1;
    this.hasStandbySignal = false;
    this.slots.clear();
  }

  /** Starts the process. Ready after a while, longer after a crash. Resolves true when ready, false when it died before. */
  async start(): Promise<boolean> {
    if (this.isEmpty || this.isRunning) return this.isRunning;
    const run = ++this.run;
    const wasClean = this.control === 'shut down' || this.control === 'shut down in recovery';
    this.isRunning = true;
    this.isStarting = true;
    this.isStopping = false;
    this.isInRecovery = this.hasStandbySignal;
    this.commits.configure(this.synchronousNames);
    await this.takeTime(wasClean ? 50 : 200, wasClean ? 400 : 3000);
    if (this.run !== run || !this.isRunning) return false;
    if (this.trouble.isDiskFull || this.trouble.isInaccessible) this.end();
    if (!this.isRunning) return false;
    this.isStarting = false;
    this.hasBackupLabel = false;
    this.control = this.isInRecovery ? 'in archive recovery' : 'in production';
    if (this.isInRecovery) this.pull();
    this.onChange();
    return true;
  }

  /** Acknowledges one transaction. @returns the record, undefined when the server does not accept it. */
  commit(id: number): WalRecord | undefined {
    if (!this.isWritable) return undefined;
    if (this.trouble.isDiskFull) {
      this.kill();
      return undefined;
    }
    const record: WalRecord = { id, timeline: this.timeline, kind: 'commit' };
    this.wal.push(record);
    this.commits.add(record, this.wal.length - 1);
    this.tellFollowers();
    return record;
  }

  /** Fast shutdown: writes end at once, WAL is drained to reachable standbys, then the process ends. */
  async stopFast(onCheckpoint: () => Promise<void>): Promise<void> {
    if (!this.isRunning) return;
    const run = this.run;
    this.isStopping = true;
    this.commits.reset();
    while (this.isFrozen && this.run === run) await this.scheduler.sleep(200);
    await this.takeTime(20, 300);
    if (this.run !== run) return;
    const wasPrimary = !this.isInRecovery && !this.isStarting;
    if (wasPrimary) {
      this.wal.push({ id: -run, timeline: this.timeline, kind: 'shutdown-checkpoint' });
      this.tellFollowers();
      this.checkpointTimeline = this.timeline;
      this.control = 'shut down';
      // The postmaster waits for its walsenders, not for the agent, which may be dead.
      void onCheckpoint();
      await this.takeTime(10, 100);
      for (let i = 0; i < MOST_DRAINING && this.run === run && this.isAwaited(); i++) await this.takeTime(10, 100);
      while (this.trouble.isArchiverStuck && this.run === run) await this.scheduler.sleep(500);
    } else this.control = this.isInRecovery ? 'shut down in recovery' : this.control;
    if (this.run === run) this.end();
  }

  /** Somebody who streams from here has not got everything yet. */
  private isAwaited(): boolean {
    return [...this.followers].some((follower) => follower.canPullFrom(this) && follower.wal.length < this.wal.length);
  }

  /** The process is gone at once; pg_control stays as it was. */
  kill(): void {
    if (!this.isRunning) return;
    if (this.control === 'shut down' || this.control === 'shut down in recovery')
      this.control = this.isInRecovery ? 'in archive recovery' : 'in production';
    this.end();
    this.isFrozen = false;
  }

  private end(): void {
    this.run++;
    this.isRunning = false;
    this.isStarting = false;
    this.isStopping = false;
    this.isPromoting = false;
    this.isPullPlanned = false;
    this.commits.reset();
    this.unfollow();
    this.tellFollowers();
    this.onChange();
    this.onExit();
  }

  /** Ends recovery on a new timeline. @returns false when the server is not a running standby. */
  async promote(leastTimeline: number): Promise<boolean> {
    if (!this.isRunning || this.isStarting || this.isStopping || !this.isInRecovery) return false;
    const run = this.run;
    this.isPromoting = true;
    this.unfollow();
    await this.takeTime(20, 300);
    this.isPromoting = false;
    if (this.run !== run || !this.isRunning || this.isStopping) return false;
    this.history = [...this.history, { timeline: this.timeline, lsn: this.lsn, reason: 'no recovery target specified' }];
    this.timeline = Math.max(this.timeline + 1, leastTimeline);
    this.wal.push({ id: -1_000_000 - this.timeline, timeline: this.timeline, kind: 'end-of-recovery' });
    this.isInRecovery = false;
    this.hasStandbySignal = false;
    this.control = 'in production';
    this.commits.reset();
    this.unfollow();
    this.tellFollowers();
    this.onChange();
    return true;
  }

  /** A duration of work on this machine; the disk may become slow or quick meanwhile. */
  async takeTime(low: number, high: number): Promise<void> {
    let left = this.random.between(low, high);
    for (; left > SLICE_MS && this.slowness > 1; left -= SLICE_MS) await this.scheduler.sleep(SLICE_MS * this.slowness);
    await this.scheduler.sleep(left * (left > SLICE_MS ? 1 : this.slowness));
  }

  freeze(): void {
    this.isFrozen = true;
  }

  /** Standbys whose connection was quiet meanwhile look again. */
  thaw(): void {
    this.isFrozen = false;
    this.tellFollowers();
    this.pull();
    this.onChange();
  }

  /** Recovery in single-user mode: a clean shutdown of whatever was there. */
  singleUserRecovery(): boolean {
    if (this.isEmpty || this.isRunning) return false;
    this.hasStandbySignal = false;
    this.wal.push({ id: SINGLE_USER_ID - this.run++, timeline: this.timeline, kind: 'shutdown-checkpoint' });
    this.control = 'shut down';
    this.checkpointTimeline = this.timeline;
    return true;
  }

  setUpstream(name: string | undefined): void {
    this.upstream = name;
    if (this.isRunning && this.isInRecovery) this.pull();
  }

  /** Becomes a copy of `source`, as pg_basebackup makes it. */
  copyFrom(source: SimServer): void {
    this.systemId = source.systemId;
    this.wal = [...source.wal];
    this.timeline = source.timeline;
    this.history = [...source.history];
    this.control = 'in production';
    this.hasBackupLabel = true;
    this.checkpointTimeline = source.checkpointTimeline;
    this.hasStandbySignal = false;
    this.slots.clear();
  }

  /**
   * pg_rewind: what the two have in common is found by numbers and beginnings of timelines, not by contents. The rest is
   * the source's. What comes next is archive recovery up to a consistent point.
   */
  rewindTo(source: SimServer): void {
    // It trusts the source's control file: with an old timeline there it finds nothing to do, as for equal timelines.
    if (source.checkpointTimeline === this.timeline) return;
    const fork = forkOf(this, source);
    const kept = this.wal.slice(0, fork);
    this.copyFrom(source);
    this.wal = [...kept, ...source.wal.slice(fork)];
    this.control = 'in archive recovery';
  }

  /**
   * Whether the walsender of `source` accepts this standby. As in PostgreSQL it compares timelines and positions, not
   * contents: a standby with another history under the same numbers is accepted, and silently stays diverged.
   */
  accepts(standby: SimServer): boolean {
    if (standby.systemId !== this.systemId || standby.timeline > this.timeline) return false;
    if (standby.timeline === this.timeline) return standby.wal.length <= this.wal.length;
    const fork = this.history.find((line) => line.timeline === standby.timeline);
    return fork !== undefined && standby.lsn <= fork.lsn;
  }

  get isStreaming(): boolean {
    const source = this.source();
    return source !== undefined && this.isRunning && this.isInRecovery && !this.isStarting && this.canPullFrom(source);
  }

  private source(): SimServer | undefined {
    return this.upstream === undefined ? undefined : this.network.server(this.upstream);
  }

  private canPullFrom(source: SimServer): boolean {
    return (
      source !== this &&
      !this.isPromoting &&
      !this.trouble.isDiskFull &&
      source.isRunning &&
      !source.isStarting &&
      !this.isFrozen &&
      !source.isFrozen &&
      this.network.canConnect(this.name, source.name) &&
      source.accepts(this)
    );
  }

  /** Takes what there is, then waits for the news of its source; without a source it looks for one again and again. */
  private pull(): void {
    if (!this.isRunning || this.isStarting || !this.isInRecovery) return;
    const source = this.source();
    if (source === undefined || !this.canPullFrom(source)) {
      this.unfollow();
      this.pullLater(this.random.between(200, 1500));
      return;
    }
    if (this.followed !== source) {
      this.unfollow();
      this.followed = source;
      source.followers.add(this);
    }
    if (source.commits.isSynchronous) this.report(source);
    if (source.wal.length === this.wal.length && source.timeline === this.timeline) return;
    for (let index = this.wal.length; index < source.wal.length; index++) {
      const record = source.wal[index];
      if (record !== undefined) this.wal.push(record);
    }
    this.timeline = source.timeline;
    this.history = source.history;
    this.tellFollowers();
  }

  private unfollow(): void {
    this.followed?.followers.delete(this);
    this.followed?.commits.disconnected(this.name);
    this.followed = undefined;
  }

  /** Tells the source how much is on disk here, once what is being taken has been flushed. */
  private report(source: SimServer): void {
    const { run } = this;
    const sourceRun = source.run;
    this.scheduler.after(this.random.between(1, 30), () => {
      const isConnected = this.run === run && source.run === sourceRun && this.followed === source && this.canPullFrom(source);
      if (isConnected && this.network.canConnect(source.name, this.name)) source.commits.reported(this.name, this.wal.length);
    });
  }

  /** Those who stream from here, as pg_stat_replication shows them. */
  get standbys(): readonly { readonly name: string; readonly records: number }[] {
    return [...this.followers].map(({ name, wal }) => ({
      name,
      records: this.commits.isSynchronous ? (this.commits.flushedBy(name) ?? 0) : wal.length,
    }));
  }

  /** Changes the files; a running server reads them a moment later. */
  setSynchronousNames(value: string): void {
    this.synchronousNames = value;
    const { run } = this;
    if (!this.isRunning) return;
    this.scheduler.after(this.random.between(5, 60), () => {
      if (this.run !== run || this.commits.setting === this.synchronousNames) return;
      this.commits.configure(this.synchronousNames);
      this.tellFollowers();
      this.onChange();
    });
  }

  private pullLater(ms: number): void {
    if (this.isPullPlanned) return;
    this.isPullPlanned = true;
    const { run } = this;
    this.scheduler.after(ms, () => {
      if (this.run !== run) return;
      this.isPullPlanned = false;
      this.pull();
    });
  }

  /** Something happened that those who stream from here have to know. */
  private tellFollowers(): void {
    for (const follower of this.followers) follower.pullLater(this.random.between(5, 150));
  }
}
