import type { HistoryLine } from '../cluster/history.js';

export interface HistoryRequest {
  /** Lines of the local history file of `timeline`. */
  readonly local: readonly HistoryLine[];
  /** Lines of the key as it is. */
  readonly known: readonly HistoryLine[];
  readonly timeline: number;
  /** 0: all. */
  readonly limit: number;
  readonly me: string;
  /** ISO 8601, for lines that the server has no time for. */
  readonly now: string;
}

/**
 * The lines for `/history` on `timeline` (ha.md §9.2): those of the local file, with time and member carried over from the
 * key. Timelines that were left out, because another member may have used them for a history that was given up, get a
 * line of their own: readers take the last line's timeline + 1 for the cluster's «RISK».
 */
export function historyLines(request: HistoryRequest): readonly HistoryLine[] {
  const { local, known, timeline, limit, me, now } = request;
  const last = local.at(-1);
  if (last === undefined) return [];
  const lines = local.map((line) =>
    line.member !== undefined ? line : (known.find((other) => other.timeline === line.timeline && other.lsn === line.lsn) ?? line),
  );
  for (let skipped = last.timeline + 1; skipped < timeline; skipped++) {
    lines.push({ timeline: skipped, lsn: last.lsn, reason: 'timeline left out', time: now, member: me });
  }
  return limit > 0 ? lines.slice(-limit) : lines;
}
