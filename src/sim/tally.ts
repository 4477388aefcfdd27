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
  readonly seeds: number;
  readonly failures: readonly Failure[];
  readonly events: number;
  /** How often each rule decided. */
  readonly rules: Readonly<Record<string, number>>;
  readonly faults: number;
  /** Of the processor, in this process. */
  readonly cpuSeconds: number;
}

/** Seeds that follow one another. */
export interface Batch {
  readonly first: number;
  readonly count: number;
}

/** Runs seeds in this process, batch by batch. */
export class SeedRunner {
  readonly #mutation: Mutation | undefined;
  #shrunk = 0;

  constructor(mutation: Mutation | undefined) {
    this.#mutation = mutation;
  }

  async run({ first, count }: Batch): Promise<Tally> {
    const rules: Record<string, number> = {};
    const failures: Failure[] = [];
    const { stackTraceLimit } = Error;
    const before = process.cpuUsage();
    // Expected errors are thrown often, and nobody looks where they came from unless the run is repeated.
    Error.stackTraceLimit = 0;
    let [events, faults] = [0, 0];
    for (let seed = first; seed < first + count; seed++) {
      const plan = planOf(seed, this.#mutation?.plan, this.#mutation?.favoured);
      const result = await runPlan(plan, this.#mutation === undefined ? {} : { mutation: this.#mutation });
      events += result.events;
      faults += plan.faults.length;
      for (const [rule, times] of result.rules) rules[rule] = (rules[rule] ?? 0) + times;
      if (result.violation === undefined) continue;
      this.#shrunk += 1;
      const shrunk = this.#shrunk <= MOST_SHRUNK ? await shrink(plan, this.#mutation) : undefined;
      failures.push({ seed, violation: result.violation, ...(shrunk === undefined ? {} : { shrunk: describeShrunk(shrunk) }) });
    }
    Error.stackTraceLimit = stackTraceLimit;
    const { user, system } = process.cpuUsage(before);
    return { seeds: count, failures, events, rules, faults, cpuSeconds: (user + system) / 1e6 };
  }
}
