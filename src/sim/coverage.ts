import { OUT_OF_REACH } from './out-of-reach.js';
import { allRuleIds } from './rule-ids.js';

/** Fewer seeds than this say nothing about rules that fire once in thousands. */
const LEAST_SEEDS = 20_000;
/** A rule that decided fewer times than this may be missed when anything changes. */
const SELDOM = 10;

export interface Coverage {
  readonly lines: readonly string[];
  /** Every rule was reached or is known to be out of reach, and none that is said to be so was reached. */
  readonly isEnough: boolean;
}

/** @param counts how often each rule decided, by process. */
export function judgeCoverage(counts: readonly Readonly<Record<string, number>>[], seeds: number): Coverage {
  const times = (id: string): number => counts.reduce((sum, rules) => sum + (rules[id] ?? 0), 0);
  const all = allRuleIds();
  const reached = all.filter((id) => times(id) > 0);
  const missing = all.filter((id) => times(id) === 0 && !(id in OUT_OF_REACH));
  const wrong = reached.filter((id) => OUT_OF_REACH[id] !== undefined && OUT_OF_REACH[id].isRare !== true);
  const seldom = reached.filter((id) => times(id) < SELDOM).map((id) => `${id} (${times(id)})`);
  const excused = all.filter((id) => id in OUT_OF_REACH).length;
  const lines = [`${reached.length} of ${all.length} rules reached; ${excused} are out of reach (src/sim/out-of-reach.ts)`];
  if (seldom.length > 0 && seeds >= LEAST_SEEDS) lines.push(`seldom reached: ${seldom.join(', ')}`);
  if (missing.length > 0) lines.push(`never reached: ${missing.join(', ')}`);
  if (wrong.length > 0) lines.push(`said to be out of reach, and reached: ${wrong.join(', ')}`);
  return { lines, isEnough: wrong.length === 0 && (missing.length === 0 || seeds < LEAST_SEEDS) };
}
