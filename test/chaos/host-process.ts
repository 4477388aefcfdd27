import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { processTree } from '../integration/harness/process-tree.js';
import type { Host } from './network.js';

/** The user that servers run as; PostgreSQL refuses root. */
const USER = process.env['UNPRIVILEGED_USER'] ?? 'postgres';

/** A program on a host, as the unprivileged user, its output appended to a file. */
export class HostProcess {
  private readonly child: ChildProcess;
  private hasExited = false;
  private readonly exited: Promise<void>;
  readonly logFile: string;

  constructor(host: Host, command: readonly string[], options: { logFile: string; cwd: string; env?: Readonly<Record<string, string>> }) {
    this.logFile = options.logFile;
    const log = openSync(options.logFile, 'a', 0o644);
    const drop = ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--clear-groups', '--'];
    // Only behind the change of the user: a preloaded library must not act in the name of root.
    const own = ['env', ...Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`)];
    // `ip`, `setpriv` and `env` replace themselves: the process id is the program's own.
    this.child = spawn('ip', ['netns', 'exec', host.name, ...drop, ...own, ...command], {
      cwd: options.cwd,
      env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', HOME: options.cwd },
      detached: true,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.exited = new Promise((resolve) => {
      const finish = (): void => {
        this.hasExited = true;
        resolve();
      };
      this.child.once('exit', finish);
      this.child.once('error', finish);
    });
  }

  get isRunning(): boolean {
    return !this.hasExited;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isRunning && this.child.pid !== undefined) send(this.child.pid, signal);
  }

  async stop(signal: NodeJS.Signals, limitMs = 60_000): Promise<void> {
    this.signal(signal);
    this.signal('SIGCONT');
    const killer = setTimeout(() => this.signal('SIGKILL'), limitMs);
    await this.exited;
    clearTimeout(killer);
  }
}

/** Signals a process that may have gone. */
export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Signals a process and all that it started, parents first. */
export function sendToTree(pid: number, signal: NodeJS.Signals): void {
  for (const each of processTree(pid)) send(each, signal);
}

/** The process that a pid file of PostgreSQL names; undefined when there is none or it has gone. */
export function postmasterOf(dataDir: string): number | undefined {
  try {
    const pid = Number(readFileSync(`${dataDir}/postmaster.pid`, 'utf8').split('\n')[0]);
    return pid > 0 && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(dataDir) ? pid : undefined;
  } catch {
    return undefined;
  }
}
