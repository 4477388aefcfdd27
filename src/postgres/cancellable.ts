/**
 * The runner of the agent's cancellable children: one at a time, and none once the work was cancelled.
 *
 * States: idle → running → idle; `isCancelled` is set by `cancel` in both and cleared by `reset` only. While it is set,
 * `run` starts nothing. A child ends by itself, by SIGTERM, or 10 s later by SIGKILL; whatever it had started and left
 * behind when it was cancelled is killed too, so that nobody writes below a data directory that is about to be removed.
 */
import type { Clock } from '../ports/clock.js';
import type { Log } from '../ports/log.js';
import { type CommandOptions, type CommandOutcome, runCommand } from './command.js';
import { descendants, type ProcessHandle, type ProcessTable, signalProcess } from './process/process-table.js';
import { identifyProcess, killTree } from './process-tree.js';

export interface RunOptions extends CommandOptions {
  /** Kills this command with all it started, at once; others may run. */
  readonly signal?: AbortSignal;
}

export interface CancellableRunner {
  readonly isCancelled: boolean;
  /** Runs a command; commands that are asked for while another runs wait for it. */
  run(argv: readonly string[], options?: RunOptions): Promise<CommandOutcome>;
  /** Resolves when nothing runs any more. `hard`: no time for the command to clean up. */
  cancel(options?: { readonly hard?: boolean }): Promise<void>;
  /** Before the next long action. */
  reset(): void;
}

const TERMINATE_MS = 10_000;
const POLL_MS = 100;

export interface RunnerDependencies {
  readonly clock: Clock;
  readonly table: ProcessTable;
  readonly log: Log;
}

export function createCancellableRunner(dependencies: RunnerDependencies): CancellableRunner {
  return new Runner(dependencies);
}

class Runner implements CancellableRunner {
  isCancelled = false;
  private readonly clock: Clock;
  private readonly table: ProcessTable;
  private readonly log: Log;
  private child: ProcessHandle | undefined;
  private isChildCancelled = false;
  private last: Promise<unknown> = Promise.resolve();

  constructor({ clock, table, log }: RunnerDependencies) {
    this.clock = clock;
    this.table = table;
    this.log = log;
  }

  run(argv: readonly string[], options: RunOptions = {}): Promise<CommandOutcome> {
    const outcome = this.last.then(() => this.runNow(argv, options));
    this.last = outcome.catch(() => undefined);
    return outcome;
  }

  reset(): void {
    this.isCancelled = false;
  }

  async cancel({ hard = false }: { readonly hard?: boolean } = {}): Promise<void> {
    this.isCancelled = true;
    const child = this.child;
    if (child === undefined) return;
    this.isChildCancelled = true;
    const below = descendants(this.table, child.pid);
    signalProcess(this.table, child, 'SIGTERM');
    if (!hard) await this.waitForEnd(child, TERMINATE_MS);
    const late = this.table.isAlive(child) ? killTree(this.table, child) : [];
    for (const process of [...below, ...late]) signalProcess(this.table, process, 'SIGKILL');
    // SIGKILL can't be refused; only a process in uninterruptible I/O outlives this wait.
    await this.waitForEnd(child, TERMINATE_MS);
    const end = this.clock.monotonic() + TERMINATE_MS;
    while (this.child === child && this.clock.monotonic() < end) await this.clock.sleep(POLL_MS);
  }

  private async runNow(argv: readonly string[], options: RunOptions): Promise<CommandOutcome> {
    const { signal } = options;
    if (this.isCancelled || signal?.aborted) return { kind: 'cancelled' };
    this.isChildCancelled = false;
    const kill = (): void => {
      if (this.child === undefined) return;
      this.isChildCancelled = true;
      killTree(this.table, this.child);
    };
    signal?.addEventListener('abort', kill);
    const outcome = await runCommand(argv, options, this.clock, (pid) => {
      this.child = identifyProcess(this.table, pid);
    });
    signal?.removeEventListener('abort', kill);
    this.child = undefined;
    if (outcome.kind === 'not-started') this.log.error(`Could not start ${argv[0]}: ${outcome.error}`);
    // A command that got to its end in spite of the signal has done its work.
    return this.isChildCancelled && !(outcome.kind === 'exited' && outcome.exitCode === 0) ? { kind: 'cancelled' } : outcome;
  }

  private async waitForEnd(child: ProcessHandle, limitMs: number): Promise<void> {
    const end = this.clock.monotonic() + limitMs;
    while (this.table.isAlive(child) && this.clock.monotonic() < end) await this.clock.sleep(POLL_MS);
  }
}
