import { parseArgs } from 'node:util';
import { runSeed } from './run.js';

/** `npm run sim -- --seeds N [--from SEED]` or `--seed SEED` with its whole trace. @returns the exit code. */
export async function simulate(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string', default: '200' },
      from: { type: 'string', default: '1' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    process.stdout.write('usage: npm run sim -- [--seeds N] [--from SEED] [--seed SEED]\n--seed prints the whole trace of one run.\n');
    return 0;
  }
  if (values.seed !== undefined) {
    const result = await runSeed(Number(values.seed), { isVerbose: true });
    process.stdout.write(`${result.violation ?? 'no violation'} (${result.events} events)\n`);
    return result.violation === undefined ? 0 : 1;
  }
  return runMany(Number(values.from), Number(values.seeds));
}

async function runMany(from: number, count: number): Promise<number> {
  const started = process.hrtime.bigint();
  const rules = new Map<string, number>();
  let failed = 0;
  let events = 0;
  for (let seed = from; seed < from + count; seed++) {
    const result = await runSeed(seed);
    events += result.events;
    for (const [rule, times] of result.rules) rules.set(rule, (rules.get(rule) ?? 0) + times);
    if (result.violation !== undefined) {
      failed++;
      process.stdout.write(
        `seed ${seed}: ${result.violation}\n${failed <= 3 ? `${result.trace}\n` : ''}repeat: npm run sim -- --seed ${seed}\n`,
      );
    }
  }
  const secondsTaken = Number(process.hrtime.bigint() - started) / 1e9;
  process.stdout.write(
    `${count} seeds, ${events} events in ${secondsTaken.toFixed(1)} s (${(count / secondsTaken).toFixed(1)} seeds/s), ${rules.size} rules reached\n`,
  );
  process.stdout.write(`${count - failed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}
