import type { Lsn } from '../base/lsn.js';
import type { HistoryLine } from '../cluster/history.js';

/** One record of WAL. Records are immutable and compared by identity: equal prefixes are the same history. */
export interface WalRecord {
  readonly id: number;
  readonly timeline: number;
  readonly kind: 'commit' | 'shutdown-checkpoint' | 'end-of-recovery';
}

/** WAL bytes a record takes, and where WAL begins. */
const RECORD_BYTES = 100n;
const FIRST_BYTE = 50_000_000n;

/** Position after so many records. */
export function lsnAt(records: number): Lsn {
  return (FIRST_BYTE + BigInt(records) * RECORD_BYTES) as Lsn;
}

/** Ids of the records that single-user recovery writes begin here and go down. */
export const SINGLE_USER_ID = -2_000_000;

export function isSingleUserRecord({ id }: WalRecord): boolean {
  return id <= SINGLE_USER_ID;
}

interface History {
  readonly timeline: number;
  readonly history: readonly HistoryLine[];
  readonly wal: readonly WalRecord[];
}

interface Segment {
  readonly timeline: number;
  /** Number of records before it. */
  readonly begin: number;
}

/** Number of records that pg_rewind takes for common: it compares numbers and beginnings of timelines, not contents. */
export function forkOf(mine: History, theirs: History): number {
  const [ours, others] = [segmentsOf(mine), segmentsOf(theirs)];
  let common = -1;
  while (isSameSegment(ours[common + 1], others[common + 1])) common++;
  return Math.min(ours[common + 1]?.begin ?? mine.wal.length, others[common + 1]?.begin ?? theirs.wal.length);
}

function segmentsOf({ timeline, history }: History): readonly Segment[] {
  const segments: Segment[] = [];
  let begin = 0;
  for (const line of history) {
    segments.push({ timeline: line.timeline, begin });
    begin = Number((line.lsn - FIRST_BYTE) / RECORD_BYTES);
  }
  return [...segments, { timeline, begin }];
}

function isSameSegment(a: Segment | undefined, b: Segment | undefined): boolean {
  return a !== undefined && b !== undefined && a.timeline === b.timeline && a.begin === b.begin;
}
