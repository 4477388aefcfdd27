import { parseArgs } from 'node:util';
import { judgeCoverage } from './coverage.js';
import { planOf } from './draw-plan.js';
import { MUTATIONS, mutationNamed } from './mutations/all.js';
import type { Mutation } from './mutations/mutation.js';
import { mutationTable } from './mutations/table.js';
import type { Plan } from './plan.js';
import { Progress } from './progress.js';
import { runPlan } from './run.js';
import { shareSeeds } from './share-seeds.js';
import { describeShrunk, shortTrace, shrink } from './shrink.js';
import type { Tally } from './tally.js';

const USAGE = `usage: npm run sim -- [--seeds N] [--from SEED] [--jobs N] [--mutation NAME]
       npm run sim -- --seed SEED | --plan JSON [--shrink | --short] [--mutation NAME]
       npm run sim -- --mutations
--seed and --plan print the whole trace of one run, with --short what matters of it; --shrink cuts a failing one down.
--mutation plants a defect: ${MUTATIONS.map(({ name }) => name).join(', ')}.
--mutations tries all of them and prints the table of docs/simulator.md.
`;

/** `npm run sim -- …`. @returns the exit code. */
export async function simulate(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      plan: { type: 'string' },
      seeds: { type: 'string', default: '200' },
      from: { type: 'string', default: '1' },
      jobs: { type: 'string', default: '1' },
      mutation: { type: 'string' },
      mutations: { type: 'boolean' },
      shrink: { type: 'boolean' },
      short: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (values.mutations === true) return mutationTable();
  const mutation = values.mutation === undefined ? undefined : mutationNamed(values.mutation);
  const plan =
    values.plan === undefined
      ? values.seed && planOf(Number(values.seed), mutation?.plan, mutation?.favoured)
      : (JSON.parse(values.plan) as Plan);
  if (plan) return one(plan, mutation, values);
  const [from, count, jobs] = [Number(values.from), Number(values.seeds), Number(values.jobs)];
  return many(from, count, jobs, mutation);
}

async function one(
  plan: Plan,
  mutation: Mutation | undefined,
  how: { readonly shrink?: boolean | undefined; readonly short?: boolean | undefined },
): Promise<number> {
  if (how.shrink === true) {
    const shrunk = await shrink(plan, mutation);
    process.stdout.write(`${shrunk === undefined ? 'no violation' : describeShrunk(shrunk)}\n`);
    return shrunk === undefined ? 0 : 1;
  }
  const isVerbose = how.short !== true;
  const result = await runPlan(plan, { isVerbose, isTraced: true, ...(mutation === undefined ? {} : { mutation }) });
  if (!isVerbose) process.stdout.write(`${shortTrace(result.trace).join('\n')}\n`);
  process.stdout.write(`${result.violation ?? 'no violation'} (${result.events} events, trace ${result.traceHash.toString(16)})\n`);
  return result.violation === undefined ? 0 : 1;
}

/** Runs many seeds, shows how far they are, and reports; when it is interrupted, of those that are done. */
async function many(from: number, count: number, jobs: number, mutation: Mutation | undefined): Promise<number> {
  const startedAt = process.hrtime.bigint();
  const seconds = (): number => Number(process.hrtime.bigint() - startedAt) / 1e9;
  const tallies: Tally[] = [];
  const progress = new Progress(count, seconds);
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  const onTally = (tally: Tally): void => {
    tallies.push(tally);
    progress.show(tally);
  };
  await shareSeeds({ from, count, jobs, mutation, onTally, signal: interruption.signal });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt);
  progress.end();
  const code = tallies.length > 0 ? report(tallies, seconds()) : 0;
  if (!interruption.signal.aborted) return code;
  process.stdout.write(`interrupted: ${count} seeds were asked for\n`);
  return 1;
}

function report(tallies: readonly Tally[], secondsTaken: number): number {
  const out = (line: string): void => void process.stdout.write(`${line}\n`);
  const failures = tallies.flatMap((tally) => tally.failures);
  const sum = (of: (tally: Tally) => number): number => tallies.reduce((total, tally) => total + of(tally), 0);
  const count = sum(({ seeds }) => seeds);
  for (const { seed, violation, shrunk } of failures) {
    out(`seed ${seed}: ${violation}`);
    if (shrunk !== undefined) out(shrunk);
    out(`repeat: npm run sim -- --seed ${seed}`);
  }
  const coverage = judgeCoverage(
    tallies.map(({ rules }) => rules),
    count,
  );
  for (const line of coverage.lines) out(line);
  const cpu = sum(({ cpuSeconds }) => cpuSeconds);
  out(
    `${count} seeds, ${sum(({ events }) => events)} events, ${sum(({ faults }) => faults)} faults in ${secondsTaken.toFixed(1)} s ` +
      `(${(count / secondsTaken).toFixed(1)} seeds/s; ${(count / cpu).toFixed(1)} per second of processor)`,
  );
  out(`${count - failures.length} passed, ${failures.length} failed`);
  return failures.length === 0 && coverage.isEnough ? 0 : 1;
}
