import type { Lsn } from '../base/lsn.js';
import type { HistoryLine } from '../cluster/history.js';
import type { SeededRandom } from './prng.js';
import type { Scheduler } from './scheduler.js';

/** One record of WAL. Records are immutable and compared by identity: equal prefixes are the same history. */
export interface WalRecord {
  readonly id: number;
  readonly timeline: number;
  readonly kind: 'commit' | 'shutdown-checkpoint' | 'end-of-recovery';
}

export type ControlState =
  | 'in production'
  | 'shut down'
  | 'shut down in recovery'
  | 'in archive recovery'
  | 'in crash recovery'
  | 'shutting down';

/** WAL bytes a record takes, and where WAL begins. */
const RECORD_BYTES = 100n;
const FIRST_BYTE = 50_000_000n;

/** What servers can reach of each other: replication connections. */
export interface ServerNetwork {
  canConnect(from: string, to: string): boolean;
  server(name: string): SimServer | undefined;
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
  /** Called when the process ended without being asked to by the current agent. */
  onExit: () => void = () => undefined;
  private readonly scheduler: Scheduler;
  private readonly random: SeededRandom;
  private readonly network: ServerNetwork;
  private isPulling = false;
  /** Distinguishes one run of the process from the next. */
  private run = 0;

  constructor(name: string, scheduler: Scheduler, random: SeededRandom, network: ServerNetwork) {
    this.name = name;
    this.scheduler = scheduler;
    this.random = random;
    this.network = network;
  }

  get isEmpty(): boolean {
    return this.systemId === undefined;
  }

  get isWritable(): boolean {
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
    await this.scheduler.sleep(wasClean ? this.random.between(50, 400) : this.random.between(200, 3000));
    if (this.run !== run || !this.isRunning) return false;
    this.isStarting = false;
    this.hasBackupLabel = false;
    this.control = this.isInRecovery ? 'in archive recovery' : 'in production';
    if (this.isInRecovery) this.pull();
    return true;
  }

  /** Acknowledges one transaction. @returns the record, undefined when the server does not accept it. */
  commit(id: number): WalRecord | undefined {
    if (!this.isWritable) return undefined;
    const record: WalRecord = { id, timeline: this.timeline, kind: 'commit' };
    this.wal.push(record);
    return record;
  }

  /** Fast shutdown: writes end at once, WAL is drained to reachable standbys, then the process ends. */
  async stopFast(onCheckpoint: () => Promise<void>): Promise<void> {
    if (!this.isRunning) return;
    const run = this.run;
    this.isStopping = true;
    await this.scheduler.sleep(this.random.between(20, 300));
    if (this.run !== run) return;
    const wasPrimary = !this.isInRecovery && !this.isStarting;
    if (wasPrimary) {
      this.wal.push({ id: -run, timeline: this.timeline, kind: 'shutdown-checkpoint' });
      this.checkpointTimeline = this.timeline;
      this.control = 'shut down';
      await onCheckpoint();
      await this.scheduler.sleep(this.random.between(10, 100));
    } else this.control = this.isInRecovery ? 'shut down in recovery' : this.control;
    if (this.run === run) this.end();
  }

  /** The process is gone at once; pg_control stays as it was. */
  kill(): void {
    if (!this.isRunning) return;
    if (this.control === 'shut down' || this.control === 'shut down in recovery')
      this.control = this.isInRecovery ? 'in archive recovery' : 'in production';
    this.end();
  }

  private end(): void {
    this.run++;
    this.isRunning = false;
    this.isStarting = false;
    this.isStopping = false;
    this.isPulling = false;
    this.onExit();
  }

  /** Ends recovery on a new timeline. @returns false when the server is not a running standby. */
  async promote(leastTimeline: number): Promise<boolean> {
    if (!this.isRunning || this.isStarting || this.isStopping || !this.isInRecovery) return false;
    const run = this.run;
    await this.scheduler.sleep(this.random.between(20, 300));
    if (this.run !== run || !this.isRunning || this.isStopping) return false;
    this.history = [...this.history, { timeline: this.timeline, lsn: this.lsn, reason: 'no recovery target specified' }];
    this.timeline = Math.max(this.timeline + 1, leastTimeline);
    this.wal.push({ id: -1_000_000 - this.timeline, timeline: this.timeline, kind: 'end-of-recovery' });
    this.isInRecovery = false;
    this.hasStandbySignal = false;
    this.control = 'in production';
    return true;
  }

  /** Recovery in single-user mode: a clean shutdown of whatever was there. */
  singleUserRecovery(): boolean {
    if (this.isEmpty || this.isRunning) return false;
    this.hasStandbySignal = false;
    this.wal.push({ id: -2_000_000 - this.run++, timeline: this.timeline, kind: 'shutdown-checkpoint' });
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

  /** Takes the source's blocks and history over; what comes next is archive recovery up to a consistent point. */
  rewindTo(source: SimServer): void {
    this.copyFrom(source);
    this.control = 'in archive recovery';
    this.hasBackupLabel = false;
  }

  /** Whether everything that `source` streams can be applied here. */
  canStreamFrom(source: SimServer): boolean {
    if (source.wal.length < this.wal.length || source.systemId !== this.systemId || this.wal.length === 0) return this.wal.length === 0;
    return source.wal[this.wal.length - 1] === this.wal[this.wal.length - 1];
  }

  get isStreaming(): boolean {
    const source = this.upstream === undefined ? undefined : this.network.server(this.upstream);
    return source !== undefined && this.isRunning && this.isInRecovery && !this.isStarting && this.canPullFrom(source);
  }

  private canPullFrom(source: SimServer): boolean {
    return source.isRunning && !source.isStarting && this.network.canConnect(this.name, source.name) && this.canStreamFrom(source);
  }

  /** Streams: one step now and the next after a while, as long as the server runs as a standby. */
  private pull(): void {
    if (this.isPulling) return;
    this.isPulling = true;
    const run = this.run;
    const step = (): void => {
      if (this.run !== run || !this.isInRecovery || !this.isRunning) {
        if (this.run === run) this.isPulling = false;
        return;
      }
      const source = this.upstream === undefined ? undefined : this.network.server(this.upstream);
      const isConnected = source !== undefined && this.canPullFrom(source);
      if (isConnected && source.wal.length > this.wal.length) {
        for (const record of source.wal.slice(this.wal.length)) this.wal.push(record);
        this.timeline = Math.max(this.timeline, this.wal.at(-1)?.timeline ?? 1);
        this.history = source.history.filter((line) => line.timeline < this.timeline);
      }
      this.scheduler.after(isConnected ? this.random.between(20, 150) : this.random.between(200, 1500), step);
    };
    step();
  }
}

/** Position after so many records. */
export function lsnAt(records: number): Lsn {
  return (FIRST_BYTE + BigInt(records) * RECORD_BYTES) as Lsn;
}
