import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { judgeCoverage } from './coverage.js';
import { drawPlan } from './draw-plan.js';
import type { Plan } from './plan.js';
import { runPlan } from './run.js';
import { isSabotage, SABOTAGES, type Sabotage } from './sabotage.js';
import { describeShrunk, shortTrace, shrink } from './shrink.js';
import { runSeeds, type Tally } from './tally.js';

const USAGE = `usage: npm run sim -- [--seeds N] [--from SEED] [--jobs N] [--sabotage DEFECT]
       npm run sim -- --seed SEED | --plan JSON [--shrink | --short] [--sabotage DEFECT]
--seed and --plan print the whole trace of one run, with --short what matters of it; --shrink cuts a failing one down.
--sabotage plants a defect: ${SABOTAGES.join(', ')}.
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
      sabotage: { type: 'string' },
      shrink: { type: 'boolean' },
      short: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const { sabotage } = values;
  if (values.help === true || (sabotage !== undefined && !isSabotage(sabotage))) {
    process.stdout.write(USAGE);
    return values.help === true ? 0 : 2;
  }
  const plan = values.plan === undefined ? values.seed && drawPlan(Number(values.seed)) : (JSON.parse(values.plan) as Plan);
  if (plan) return one(plan, sabotage, values);
  const [from, count, jobs] = [Number(values.from), Number(values.seeds), Number(values.jobs)];
  const started = process.hrtime.bigint();
  const tallies = await runInChildren(from, count, jobs, sabotage);
  return report(tallies, count, Number(process.hrtime.bigint() - started) / 1e9);
}

async function one(
  plan: Plan,
  sabotage: Sabotage | undefined,
  how: { readonly shrink?: boolean | undefined; readonly short?: boolean | undefined },
): Promise<number> {
  if (how.shrink === true) {
    const shrunk = await shrink(plan, sabotage);
    process.stdout.write(`${shrunk === undefined ? 'no violation' : describeShrunk(shrunk)}\n`);
    return shrunk === undefined ? 0 : 1;
  }
  const isVerbose = how.short !== true;
  const result = await runPlan(plan, { isVerbose, isTraced: true, ...(sabotage === undefined ? {} : { sabotage }) });
  if (!isVerbose) process.stdout.write(`${shortTrace(result.trace).join('\n')}\n`);
  process.stdout.write(`${result.violation ?? 'no violation'} (${result.events} events, trace ${result.traceHash.toString(16)})\n`);
  return result.violation === undefined ? 0 : 1;
}

/** Splits the seeds among processes; each answers with one message. */
function runInChildren(from: number, count: number, jobs: number, sabotage: Sabotage | undefined): Promise<Tally[]> {
  if (jobs < 2) return Promise.all([runSeeds(from, count, sabotage)]);
  const share = Math.ceil(count / jobs);
  const children: Promise<Tally>[] = [];
  for (let first = from; first < from + count; first += share) {
    const size = Math.min(share, from + count - first);
    const args = [String(first), String(size), ...(sabotage === undefined ? [] : [sabotage])];
    children.push(
      new Promise((resolve, reject) => {
        // A run leaves much garbage and keeps nothing: a large young generation collects it in fewer turns.
        const execArgv = ['--max-semi-space-size=32'];
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
