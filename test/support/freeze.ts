import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** SIGSTOP; returns when it stands still. */
export function freeze(child: ChildProcess): void {
  child.kill('SIGSTOP');
  untilStopped(child.pid ?? 0);
}

/** A signal reaches the threads one after the other, and one that still runs would answer. */
export function untilStopped(pid: number): void {
  const isStopped = (thread: string): boolean =>
    / [Tt] /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1').replace(/.*\)/, ''));
  for (const end = Date.now() + 2000; Date.now() < end; ) {
    try {
      if (readdirSync(`/proc/${pid}/task`).every(isStopped)) return;
    } catch (error) {
      // A thread that ended meanwhile; a system without /proc.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || !existsSync('/proc/self/task')) return;
    }
  }
}
