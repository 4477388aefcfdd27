import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { judgeCoverage } from './coverage.js';
import { planOf } from './draw-plan.js';
import { MUTATIONS, mutationNamed } from './mutations/all.js';
import type { Mutation } from './mutations/mutation.js';
import { mutationTable } from './mutations/table.js';
import type { Plan } from './plan.js';
import { runPlan } from './run.js';
import { describeShrunk, shortTrace, shrink } from './shrink.js';
import { runSeeds, type Tally } from './tally.js';

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
  const started = process.hrtime.bigint();
  const tallies = await runInChildren(from, count, jobs, mutation);
  return report(tallies, count, Number(process.hrtime.bigint() - started) / 1e9);
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

/** Splits the seeds among processes; each answers with one message. */
function runInChildren(from: number, count: number, jobs: number, mutation: Mutation | undefined): Promise<Tally[]> {
  if (jobs < 2) return Promise.all([runSeeds(from, count, mutation)]);
  const share = Math.ceil(count / jobs);
  const children: Promise<Tally>[] = [];
  for (let first = from; first < from + count; first += share) {
    const size = Math.min(share, from + count - first);
    const args = [String(first), String(size), ...(mutation === undefined ? [] : [mutation.name])];
    children.push(
      new Promise((resolve, reject) => {
        // A run leaves much garbage and keeps nothing: a large young generation collects it in fewer turns.
        const execArgv = ['--min-semi-space-size=16', '--max-semi-space-size=64'];
        const child = fork(fileURLToPath(new URL('./seeds-process.js', import.meta.url)), args, { execArgv });
        let tally: Tally | undefined;
        child.on('message', (message) => {
          tally = message as Tally; // Our own process wrote it.
        });
        child.on('error', reject);
        child.on('exit', (code) => {
          if (tally === undefined) reject(new Error(`the process for seeds ${first} and following ended with ${code}`));
          else resolve(tally);
        });
      }),
    );
  }
  return Promise.all(children);
}

function report(tallies: readonly Tally[], count: number, secondsTaken: number): number {
  const out = (line: string): void => void process.stdout.write(`${line}\n`);
  const failures = tallies.flatMap((tally) => tally.failures);
  const sum = (of: (tally: Tally) => number): number => tallies.reduce((total, tally) => total + of(tally), 0);
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
