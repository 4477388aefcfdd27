import { parseSynchronousNames, replicatedUpTo, type SynchronousNames } from './synchronous.js';
import type { WalRecord } from './wal.js';

/** A commit that a client was told of: the record and its place in the WAL. */
export interface Acknowledged {
  readonly record: WalRecord;
  readonly index: number;
  /** Standbys had to confirm it. */
  readonly isSynchronous: boolean;
}

/**
 * The commits of one running server that wait for standbys. A client hears of a commit when the setting in force is
 * satisfied; whoever waits while the server ends hears nothing.
 */
export class Commits {
  /** `synchronous_standby_names` in force. */
  setting = '';
  private names: SynchronousNames = parseSynchronousNames('');
  private waiting: Acknowledged[] = [];
  /** What each connected standby has reported as flushed, in records. */
  private readonly flushed = new Map<string, number>();
  private readonly tell: (commit: Acknowledged) => void;

  constructor(tell: (commit: Acknowledged) => void) {
    this.tell = tell;
  }

  get isSynchronous(): boolean {
    return this.names.method !== 'off';
  }

  get inForce(): SynchronousNames {
    return this.names;
  }

  add(record: WalRecord, index: number): void {
    if (!this.isSynchronous) this.tell({ record, index, isSynchronous: false });
    else this.waiting.push({ record, index, isSynchronous: true });
  }

  /** The setting was reloaded; who waited by the old one is judged by the new one. */
  configure(setting: string): void {
    this.setting = setting;
    this.names = parseSynchronousNames(setting);
    this.release();
  }

  reported(standby: string, records: number): void {
    this.flushed.set(standby, records);
    if (this.waiting.length > 0) this.release();
  }

  disconnected(standby: string): void {
    this.flushed.delete(standby);
  }

  flushedBy(standby: string): number | undefined {
    return this.flushed.get(standby);
  }

  /** The server ends or begins anew. */
  reset(): void {
    this.waiting = [];
    this.flushed.clear();
  }

  private release(): void {
    const upTo = this.isSynchronous ? replicatedUpTo(this.names, this.flushed) : Number.POSITIVE_INFINITY;
    if (upTo === undefined) return;
    const done = this.waiting.filter(({ index }) => index < upTo);
    if (done.length === 0) return;
    this.waiting = this.waiting.filter(({ index }) => index >= upTo);
    // When nobody has to be waited for any more, those who did are let go without.
    for (const commit of done) this.tell(this.isSynchronous ? commit : { ...commit, isSynchronous: false });
  }
}
