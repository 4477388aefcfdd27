import { milliseconds } from '../../base/duration.js';
import type { ServerTrouble } from '../../cluster/server-trouble.js';
import type { Clock } from '../../ports/clock.js';
import type { Log } from '../../ports/log.js';
import { walDirectory } from '../control-data/data-directory.js';
import type { ConnectionParameters } from '../query/session.js';
import type { DiskProbe } from './disk.js';
import { lookByNewConnection, type WalLook } from './new-connection.js';
import { type Finding, TroubleSeries } from './series.js';

/** Between two probes of a healthy server: each costs a backend and three small processes. */
const LEAST_INTERVAL_MS = 5_000;
const MOST_INTERVAL_MS = 10_000;
/** Between two probes of one that failed the last. */
const DOUBT_INTERVAL_MS = 2_000;
/** Limit of a first probe; a slow server gets more with each failure, and so has a chance to show that it lives. */
const FIRST_LIMIT_MS = 5_000;
const MOST_LIMIT_MS = 30_000;

export interface ServerProbeParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly disk: DiskProbe;
  readonly target: () => ConnectionParameters;
  readonly dataDir: () => string;
  readonly majorVersion: () => Promise<number>;
  /** Absent: the usual distance. */
  readonly loopWaitMs?: () => number;
  readonly retryTimeoutMs: () => number;
  /** A server that is meant to take connections: it is neither starting nor stopping. */
  readonly isUp: () => boolean;
}

/**
 * Finds out, beside the cycle, whether the server does its work: by a connection of its own, by its progress with WAL, and by a
 * write to its disk. The cycle only reads what was found, and orders the next probe when it is due.
 */
export class ServerProbe {
  private readonly parts: ServerProbeParts;
  private readonly series = new TroubleSeries();
  private startedAt = Number.NEGATIVE_INFINITY;
  private isRunning = false;
  private lastWal: WalLook | undefined;

  constructor(parts: ServerProbeParts) {
    this.parts = parts;
  }

  get troubles(): readonly ServerTrouble[] {
    return this.series.all;
  }

  /** The cycle's own look at the data directory gave no answer in time, or did. */
  noteDirectory(startedAt: number, error: string | undefined): void {
    this.series.note('directory', milliseconds(startedAt), error === undefined ? { kind: 'fine' } : { kind: 'disk-hung', detail: error });
  }

  /** Starts the probes that are due; never waits. */
  touch(): void {
    const { clock, loopWaitMs, log } = this.parts;
    const usual = Math.min(Math.max(loopWaitMs?.() ?? MOST_INTERVAL_MS, LEAST_INTERVAL_MS), MOST_INTERVAL_MS);
    const interval = this.series.all.length > 0 ? Math.min(DOUBT_INTERVAL_MS, usual) : usual;
    if (this.isRunning || clock.monotonic() - this.startedAt < interval) return;
    this.isRunning = true;
    this.startedAt = clock.monotonic();
    this.probe()
      .catch((error: unknown) => log.error('the server could not be probed', error))
      .finally(() => {
        this.isRunning = false;
      });
  }

  private limit(source: string): number {
    const first = Math.min(FIRST_LIMIT_MS, Math.max(this.parts.retryTimeoutMs() / 2, 1000));
    return Math.min(first * (1 + this.series.failuresOf(source)), MOST_LIMIT_MS);
  }

  private async probe(): Promise<void> {
    await Promise.all([this.probeServer(), this.probeDisk()]);
  }

  private async probeServer(): Promise<void> {
    const { clock, target, isUp } = this.parts;
    const startedAt = clock.monotonic();
    if (!isUp()) return this.forgetServer();
    const look = await lookByNewConnection(target(), await this.parts.majorVersion(), this.limit('connection'), clock);
    // Stopped meanwhile, so that silence proves nothing.
    if (!isUp()) return this.forgetServer();
    this.note('connection', startedAt, look.connection);
    this.note('wal', startedAt, this.judgeWal(look.wal));
  }

  /** Somebody waited for WAL at the last look and at this one, and in between not one byte got to the disk. */
  private judgeWal(wal: WalLook | undefined): Finding {
    const before = this.lastWal;
    this.lastWal = wal;
    if (wal === undefined || before === undefined) return { kind: 'unknown' };
    const isStuck = wal.isAwaited && before.isAwaited && wal.flushed === before.flushed;
    return isStuck ? { kind: 'wal-stuck', detail: 'processes wait for WAL to be written, and none is' } : { kind: 'fine' };
  }

  private async probeDisk(): Promise<void> {
    const { clock, disk, isUp, dataDir, majorVersion } = this.parts;
    const startedAt = clock.monotonic();
    // Not beside a copy or a rewind of the directory: a file that comes and goes would make it fail.
    if (!isUp()) return this.series.note('disk', milliseconds(startedAt), { kind: 'unknown' });
    const walDir = walDirectory(dataDir(), await majorVersion());
    this.note('disk', startedAt, await disk.look(dataDir(), walDir, this.limit('disk')));
  }

  private forgetServer(): void {
    this.lastWal = undefined;
    const now = milliseconds(this.parts.clock.monotonic());
    for (const source of ['connection', 'wal']) this.series.note(source, now, { kind: 'unknown' });
  }

  private note(source: string, startedAt: number, finding: Finding): void {
    const hadFailed = this.series.failuresOf(source) > 0;
    this.series.note(source, milliseconds(startedAt), finding);
    // The first failure is a near miss worth a line: the cause can be fixed before it becomes an accident.
    if (!hadFailed && 'detail' in finding) this.parts.log.warning(`server probe failed (${finding.kind}): ${finding.detail}`);
    else if (hadFailed && finding.kind === 'fine') this.parts.log.info(`server probe ${source} succeeds again`);
  }
}
