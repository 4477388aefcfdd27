import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { asUnprivileged } from './unprivileged.js';

/** Everything started here and not ended yet; `stopAll` is for the exits that skip the normal clean-up. */
const running = new Set<ManagedProcess>();

/** One server or agent that we started, its output in a file. It leads a process group of its own. */
export class ManagedProcess {
  readonly child: ChildProcess;
  readonly logFile: string;
  readonly #exited: Promise<number | undefined>;
  #hasExited = false;

  constructor(
    command: string,
    args: readonly string[],
    options: { readonly logFile: string; readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
  ) {
    this.logFile = options.logFile;
    const log = openSync(options.logFile, 'a', 0o644);
    const run = asUnprivileged({ ...process.env, ...options.env });
    this.child = spawn(command, args, { ...run, cwd: options.cwd, detached: true, stdio: ['ignore', log, log] });
    closeSync(log);
    running.add(this);
    this.#exited = new Promise((resolve) => {
      const finish = (code: number | null): void => {
        this.#hasExited = true;
        running.delete(this);
        resolve(code ?? undefined);
      };
      this.child.once('exit', finish);
      this.child.once('error', () => finish(null));
    });
  }

  get isRunning(): boolean {
    return !this.#hasExited;
  }

  get pid(): number {
    const pid = this.child.pid;
    if (pid === undefined) throw new Error(`did not start: ${this.child.spawnfile}`);
    return pid;
  }

  /** Signals the program itself; its children get what it passes on. */
  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) process.kill(this.pid, signal);
  }

  /** Signals it and waits; a second, hard signal follows when it is still there after the limit. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', limitMs = 30_000): Promise<number | undefined> {
    if (!this.isRunning) return this.#exited;
    this.signal(signal);
    if (signal !== 'SIGKILL') this.signal('SIGCONT');
    const killer = setTimeout(() => this.signal('SIGKILL'), limitMs);
    const code = await this.#exited;
    clearTimeout(killer);
    return code;
  }

  /** The end of its output, for messages about failures. */
  tail(lines = 30): string {
    if (!existsSync(this.logFile)) return '';
    return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  }
}

/** Kills at once whatever is left. For exits by signal: it waits for nothing. */
export function killAllRunning(): void {
  for (const process of running) process.signal('SIGKILL');
}
