import type { DoublePrimary } from './census.js';
import type { Finding } from './clients/workloads.js';

/** A time without an acknowledged write that is longer than this counts as unavailable. */
const NOTICEABLE_MS = 500;

export interface Outcome {
  readonly mode: string;
  readonly isSynchronous: boolean;
  readonly isGuarded: boolean;
  /** By the lease: how long a frozen or dead agent's server may go on writing, in ms. */
  readonly seconds: number;
  readonly faults: ReadonlyMap<string, number>;
  readonly findings: readonly Finding[];
  readonly doubles: readonly DoublePrimary[];
  readonly censusWrites: number;
  readonly healedAfterMs: number | undefined;
  readonly acknowledgedAt: readonly number[];
}

interface Availability {
  readonly percent: number;
  readonly longestGapMs: number;
}

export function availability(acknowledgedAt: readonly number[]): Availability {
  const gaps = acknowledgedAt.slice(1).map((at, index) => at - (acknowledgedAt[index] ?? at));
  const total = (acknowledgedAt.at(-1) ?? 0) - (acknowledgedAt[0] ?? 0);
  const missing = gaps.filter((gap) => gap > NOTICEABLE_MS).reduce((sum, gap) => sum + gap, 0);
  return { percent: total > 0 ? 100 * (1 - missing / total) : 0, longestGapMs: Math.max(0, ...gaps) };
}

/** What must not have happened, in words; empty: all is well. */
export function objections(o: Outcome): readonly string[] {
  const faults: string[] = [];
  if (o.healedAfterMs === undefined) faults.push('the cluster did not become whole again');
  for (const { name, acknowledged, broken, weak, lost, stale = [] } of o.findings) {
    if (acknowledged === 0) faults.push(`${name}: nothing was ever acknowledged`);
    faults.push(...broken.map((text) => `${name}: ${text}`));
    if (!o.isSynchronous) continue;
    if (lost > 0) faults.push(`${name}: ${lost} acknowledged writes are lost in a synchronous mode`);
    faults.push(...[...weak, ...(o.isGuarded ? stale : [])].map((text) => `${name}: ${text}`));
  }
  if (o.isGuarded)
    faults.push(
      ...o.doubles.map(({ host, ms }) => `${host} accepted writes for ${ms.toFixed(0)} ms beside another primary, in spite of the guard`),
    );
  return faults;
}

/** The summary, for people and logs. */
export function summary(o: Outcome): string {
  const { percent, longestGapMs } = availability(o.acknowledgedAt);
  const lines = [
    `mode ${o.mode}${o.isGuarded ? ' with guard' : ''}, ${o.seconds.toFixed(0)} s of faults`,
    `faults: ${[...o.faults]
      .sort()
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')}`,
    `availability ${percent.toFixed(2)} %, longest gap ${(longestGapMs / 1000).toFixed(2)} s`,
    o.healedAfterMs === undefined ? 'not whole again' : `whole again ${(o.healedAfterMs / 1000).toFixed(1)} s after the last fault`,
    ...o.findings.map(({ name, acknowledged, lost, weak, stale = [] }) => {
      const remarks = [...weak, ...stale];
      return `${name}: ${acknowledged} acknowledged, ${lost} lost${remarks.length > 0 ? ` (${remarks.join('; ')})` : ''}`;
    }),
    `double primary: ${
      o.doubles.length === 0
        ? `0 ms in ${o.censusWrites} writes to all servers`
        : o.doubles
            .map(({ host, timeline, ms, writes }) => `${host} on timeline ${timeline} for ${ms.toFixed(0)} ms, ${writes} writes`)
            .join('; ')
    }`,
  ];
  return lines.join('\n');
}
