import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Mutation } from './mutations/mutation.js';
import { type Batch, SeedRunner, type Tally } from './tally.js';

/** Seeds that are handed out at once: a few seconds of work. */
const BATCH = 200;

export interface SharedSeeds {
  readonly from: number;
  readonly count: number;
  readonly jobs: number;
  readonly mutation: Mutation | undefined;
  /** After each batch, in the order in which they end. */
  readonly onTally: (tally: Tally) => void;
  /** Ends the run with what is done until then. */
  readonly signal: AbortSignal;
}

/** Runs the seeds in one process or several, which take the next batch when they have done one. */
export async function shareSeeds(options: SharedSeeds): Promise<void> {
  const { from, count, jobs, mutation, onTally, signal } = options;
  const size = Math.min(BATCH, Math.ceil(count / jobs));
  let next = from;
  const take = (): Batch | undefined => {
    if (next >= from + count || signal.aborted) return undefined;
    const batch = { first: next, count: Math.min(size, from + count - next) };
    next += batch.count;
    return batch;
  };
  if (jobs > 1) {
    await Promise.all(Array.from({ length: jobs }, () => runInChild(take, onTally, mutation, signal)));
    return;
  }
  const runner = new SeedRunner(mutation);
  for (let batch = take(); batch !== undefined; batch = take()) onTally(await runner.run(batch));
}

function runInChild(
  take: () => Batch | undefined,
  onTally: (tally: Tally) => void,
  mutation: Mutation | undefined,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = seedsProcess(mutation);
    let batch = take();
    const end = (): void => void child.kill();
    signal.addEventListener('abort', end, { once: true });
    child.on('message', (message) => {
      onTally(message as Tally); // Our own process wrote it.
      batch = take();
      if (batch === undefined) child.disconnect();
      else child.send(batch);
    });
    child.on('error', reject);
    child.on('exit', (code, killedBy) => {
      signal.removeEventListener('abort', end);
      if (batch === undefined || signal.aborted) resolve();
      else reject(new Error(`the process for seeds ${batch.first} and following ended with ${code ?? killedBy}`));
    });
    if (batch === undefined) child.disconnect();
    else child.send(batch);
  });
}

function seedsProcess(mutation: Mutation | undefined): ChildProcess {
  // A run leaves much garbage and keeps nothing: a large young generation collects it in fewer turns.
  const execArgv = ['--min-semi-space-size=16', '--max-semi-space-size=64'];
  const args = mutation === undefined ? [] : [mutation.name];
  return fork(fileURLToPath(new URL('./seeds-process.js', import.meta.url)), args, { execArgv });
}
