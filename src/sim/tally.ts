import { planOf } from './draw-plan.js';
import type { Mutation } from './mutations/mutation.js';
import { runPlan } from './run.js';
import { describeShrunk, shrink } from './shrink.js';

/** Failing seeds that one process shrinks; the others are named. */
const MOST_SHRUNK = 2;

export interface Failure {
  readonly seed: number;
  readonly violation: string;
  /** What is left of it, where it was shrunk. */
  readonly shrunk?: string;
}

/** What a number of seeds gave; it crosses from a child process as JSON. */
export interface Tally {
  readonly failures: readonly Failure[];
  readonly events: number;
  /** How often each rule decided. */
  readonly rules: Readonly<Record<string, number>>;
  readonly faults: number;
  /** Of the processor, in this process. */
  readonly cpuSeconds: number;
}

export async function runSeeds(from: number, count: number, mutation?: Mutation): Promise<Tally> {
  const rules: Record<string, number> = {};
  const failures: Failure[] = [];
  const options = mutation === undefined ? {} : { mutation };
  const { stackTraceLimit } = Error;
  // Expected errors are thrown often, and nobody looks where they came from unless the run is repeated.
  Error.stackTraceLimit = 0;
  let [events, faults] = [0, 0];
  for (let seed = from; seed < from + count; seed++) {
    const plan = planOf(seed, mutation?.plan, mutation?.favoured);
    const result = await runPlan(plan, options);
    events += result.events;
    faults += plan.faults.length;
    for (const [rule, times] of result.rules) rules[rule] = (rules[rule] ?? 0) + times;
    if (result.violation === undefined) continue;
    const shrunk = failures.length < MOST_SHRUNK ? await shrink(plan, mutation) : undefined;
    failures.push({ seed, violation: result.violation, ...(shrunk === undefined ? {} : { shrunk: describeShrunk(shrunk) }) });
  }
  Error.stackTraceLimit = stackTraceLimit;
  const { user, system } = process.cpuUsage();
  return { failures, events, rules, faults, cpuSeconds: (user + system) / 1e6 };
}
