import type { DoublePrimary } from './census.js';
import type { Finding } from './clients/workloads.js';
import type { Hit } from './nemesis.js';

/** A time without an acknowledged write that is longer than this counts as unavailable. */
const NOTICEABLE_MS = 500;

export interface Outcome {
  readonly mode: string;
  readonly isSynchronous: boolean;
  readonly isGuarded: boolean;
  /** By the lease: how long a frozen or dead agent's server may go on writing, in ms. */
  readonly seconds: number;
  readonly faults: readonly Hit[];
  readonly findings: readonly Finding[];
  readonly doubles: readonly DoublePrimary[];
  readonly censusWrites: number;
  readonly healedAfterMs: number | undefined;
  /** New copies that the operator ordered, since no server had the WAL that a standby needed. */
  readonly copies: number;
  readonly acknowledgedAt: readonly number[];
}

interface Availability {
  readonly percent: number;
  readonly longestGapMs: number;
}

interface Gap {
  readonly at: number;
  readonly ms: number;
}

function gapsBetween(acknowledgedAt: readonly number[]): readonly Gap[] {
  return acknowledgedAt.slice(1).map((end, index) => {
    const at = acknowledgedAt[index] ?? end;
    return { at, ms: end - at };
  });
}

export function availability(acknowledgedAt: readonly number[]): Availability {
  const gaps = gapsBetween(acknowledgedAt).map(({ ms }) => ms);
  const total = (acknowledgedAt.at(-1) ?? 0) - (acknowledgedAt[0] ?? 0);
  const missing = gaps.filter((gap) => gap > NOTICEABLE_MS).reduce((sum, gap) => sum + gap, 0);
  return { percent: total > 0 ? 100 * (1 - missing / total) : 0, longestGapMs: Math.max(0, ...gaps) };
}

export interface Toll {
  readonly fault: string;
  readonly times: number;
  /** Of all times without a write that came after this fault and before the next, in ms. */
  readonly totalMs: number;
  readonly longestMs: number;
}

/** What each kind of fault cost: a time without a write is put down to the last fault that had begun when it was noticed. */
export function tolls(faults: readonly Hit[], acknowledgedAt: readonly number[]): readonly Toll[] {
  const found = new Map<string, Toll>();
  for (const { name } of faults) {
    const { times = 0 } = found.get(name) ?? {};
    found.set(name, { fault: name, times: times + 1, totalMs: 0, longestMs: 0 });
  }
  for (const { at, ms } of gapsBetween(acknowledgedAt)) {
    if (ms <= NOTICEABLE_MS) continue;
    const toll = found.get(faults.findLast((fault) => fault.at <= at + NOTICEABLE_MS)?.name ?? '');
    if (toll !== undefined) found.set(toll.fault, { ...toll, totalMs: toll.totalMs + ms, longestMs: Math.max(toll.longestMs, ms) });
  }
  return [...found.values()].sort((a, b) => b.totalMs - a.totalMs);
}

const seconds = (ms: number): string => (ms / 1000).toFixed(1);

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
    `${o.faults.length} faults; how often, seconds without a write after it, and the longest time:`,
    ...tolls(o.faults, o.acknowledgedAt).map(
      ({ fault, times, totalMs, longestMs }) =>
        `  ${fault.padEnd(40)} ${String(times).padStart(3)} ${seconds(totalMs).padStart(7)} ${seconds(longestMs).padStart(6)}`,
    ),
    `availability ${percent.toFixed(2)} %, longest gap ${seconds(longestGapMs)} s`,
    o.healedAfterMs === undefined ? 'not whole again' : `whole again ${seconds(o.healedAfterMs)} s after the last fault`,
    `new copies ordered by hand, for want of WAL: ${o.copies}`,
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
