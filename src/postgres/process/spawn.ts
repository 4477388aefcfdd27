import { spawn } from 'node:child_process';
import type { Clock } from '../../ports/clock.js';

/**
 * Runs the command in the background and prints its pid. The shell leads a new session and ends at once, so the server
 * becomes init's child: it survives the agent, gets no signal of the agent's terminal, and is no direct child of ours.
 */
const INTERMEDIATE = 'command -v "$1" >/dev/null 2>&1 || exit 127; "$@" 3>&- & echo $! >&3';

/** The intermediate process only forks; what takes longer is a machine in trouble. */
const REPORT_TIMEOUT_MS = 10_000;

/**
 * Starts a process that outlives us.
 * @returns its pid, or undefined when the binary can't be executed.
 */
export async function spawnDetached(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  clock: Clock,
): Promise<number | undefined> {
  const shell = spawn('/bin/sh', ['-c', INTERMEDIATE, 'sh', ...argv], {
    detached: true,
    env,
    cwd: '/',
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  });
  const pipe = shell.stdio[3];
  return new Promise((resolve) => {
    let output = '';
    const finish = (): void => {
      cancel();
      pipe?.destroy();
      resolve(/^\d+\n/.test(output) ? Number(output) : undefined);
    };
    const cancel = clock.after(REPORT_TIMEOUT_MS, finish);
    shell.on('error', finish);
    pipe?.on('data', (chunk: Buffer) => {
      output += chunk.toString('latin1');
      if (output.endsWith('\n')) finish();
    });
    pipe?.on('error', finish);
    pipe?.on('end', finish);
  });
}

/** The server gets our environment without what is meant for us (postgres.md §3.2). */
export function serverEnvironment(
  own: Readonly<Record<string, string | undefined>>,
  foreignPid: number | undefined,
): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(own)) {
    if (value === undefined || name === 'NOTIFY_SOCKET' || name.startsWith('PATRONI_') || name.startsWith('KUBERNETES_')) continue;
    result[name === 'PG_MALLOC_ARENA_MAX' ? 'MALLOC_ARENA_MAX' : name] = value;
  }
  // Lets the server overwrite a pid file whose pid belongs to something else by now; the file itself is never removed by us.
  if (foreignPid !== undefined) result['PG_GRANDPARENT_PID'] = String(foreignPid);
  return result;
}
