import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { allRuleIds } from './rule-ids.js';
import { runSeed } from './run.js';
import { SABOTAGES } from './sabotage.js';

const USAGE = `usage: npm run sim -- [--seeds N] [--from SEED] [--jobs N] | --seed SEED [--sabotage DEFECT]
--seed prints the whole trace of one run; --sabotage plants a defect: ${SABOTAGES.join(', ')}.
`;
/** Failing seeds whose last lines are printed; the others are named. */
const TRACES_SHOWN = 3;

/** What a number of seeds gave; it crosses from a child process as JSON. */
interface Tally {
  readonly failures: readonly { readonly seed: number; readonly violation: string; readonly trace: string }[];
  readonly events: number;
  readonly rules: Readonly<Record<string, number>>;
}

/** `npm run sim -- --seeds N [--from SEED] [--jobs N]` or `--seed SEED` with its whole trace. @returns the exit code. */
export async function simulate(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string', default: '200' },
      from: { type: 'string', default: '1' },
      jobs: { type: 'string', default: '1' },
      sabotage: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (values.seed !== undefined) {
    const sabotage = SABOTAGES.find((name) => name === values.sabotage);
    const result = await runSeed(Number(values.seed), { isVerbose: true, ...(sabotage === undefined ? {} : { sabotage }) });
    process.stdout.write(`${result.violation ?? 'no violation'} (${result.events} events, trace ${result.traceHash.toString(16)})\n`);
    return result.violation === undefined ? 0 : 1;
  }
  const [from, count, jobs] = [Number(values.from), Number(values.seeds), Number(values.jobs)];
  const started = process.hrtime.bigint();
  const tallies = jobs > 1 ? await runInChildren(from, count, jobs) : [await runSeeds(from, count)];
  return report(tallies, count, Number(process.hrtime.bigint() - started) / 1e9);
}

export async function runSeeds(from: number, count: number): Promise<Tally> {
  const rules: Record<string, number> = {};
  const failures: { seed: number; violation: string; trace: string }[] = [];
  let events = 0;
  for (let seed = from; seed < from + count; seed++) {
    const result = await runSeed(seed);
    events += result.events;
    for (const [rule, times] of result.rules) rules[rule] = (rules[rule] ?? 0) + times;
    if (result.violation !== undefined) failures.push({ seed, violation: result.violation, trace: result.trace });
  }
  return { failures, events, rules };
}

/** Splits the seeds among processes; each answers with one message. */
function runInChildren(from: number, count: number, jobs: number): Promise<Tally[]> {
  const share = Math.ceil(count / jobs);
  const children: Promise<Tally>[] = [];
  for (let first = from; first < from + count; first += share) {
    const size = Math.min(share, from + count - first);
    children.push(
      new Promise((resolve, reject) => {
        const child = fork(fileURLToPath(new URL('./seeds-process.js', import.meta.url)), [String(first), String(size)]);
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
  const reached = new Set(tallies.flatMap((tally) => Object.keys(tally.rules)));
  const events = tallies.reduce((sum, tally) => sum + tally.events, 0);
  for (const [index, failure] of failures.entries()) {
    out(`seed ${failure.seed}: ${failure.violation}`);
    if (index < TRACES_SHOWN) out(failure.trace);
    out(`repeat: npm run sim -- --seed ${failure.seed}`);
  }
  const all = allRuleIds();
  const never = all.filter((id) => !reached.has(id));
  out(`${reached.size} rules reached; never reached, ${never.length} of ${all.length}: ${never.join(', ')}`);
  out(`${count} seeds, ${events} events in ${secondsTaken.toFixed(1)} s (${(count / secondsTaken).toFixed(1)} seeds/s)`);
  out(`${count - failures.length} passed, ${failures.length} failed`);
  return failures.length === 0 ? 0 : 1;
}
