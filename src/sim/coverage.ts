import { OUT_OF_REACH } from './out-of-reach.js';
import { allRuleIds } from './rule-ids.js';

/** Fewer seeds than this say nothing about rules that fire once in thousands. */
const LEAST_SEEDS = 20_000;

export interface Coverage {
  readonly lines: readonly string[];
  /** Every rule was reached or is known to be out of reach, and none that is said to be so was reached. */
  readonly isEnough: boolean;
}

/** @param counts how often each rule decided, by process. */
export function judgeCoverage(counts: readonly Readonly<Record<string, number>>[], seeds: number): Coverage {
  const reached = new Set(counts.flatMap((rules) => Object.keys(rules)));
  const all = allRuleIds();
  const missing = all.filter((id) => !reached.has(id) && !(id in OUT_OF_REACH));
  const wrong = Object.keys(OUT_OF_REACH).filter((id) => reached.has(id));
  const excused = all.filter((id) => id in OUT_OF_REACH).length;
  const lines = [`${reached.size} of ${all.length} rules reached; ${excused} are out of reach (src/sim/out-of-reach.ts)`];
  if (missing.length > 0) lines.push(`never reached: ${missing.join(', ')}`);
  if (wrong.length > 0) lines.push(`said to be out of reach, and reached: ${wrong.join(', ')}`);
  return { lines, isEnough: wrong.length === 0 && (missing.length === 0 || seeds < LEAST_SEEDS) };
}
