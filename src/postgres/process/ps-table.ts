import { execFileSync } from 'node:child_process';
import type { ProcessFacts, ProcessHandle, ProcessTable } from './process-table.js';

/** A hung `ps` must not hold up the agent. */
const PS_TIMEOUT_MS = 2000;

/** macOS and others without procfs: asks `ps`. Executable paths are known, working directories are not. */
export class PsTable implements ProcessTable {
  facts(pid: number): ProcessFacts | undefined {
    const line = ps(['-o', 'pid=,ppid=,stat=,lstart=', '-p', String(pid)])[0];
    const match = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/.exec(line ?? '');
    if (!match || match[3]?.startsWith('Z')) return undefined;
    const startedAt = match[4] ?? '';
    return { pid, parent: Number(match[2]), startedAt, startEpoch: Date.parse(startedAt) / 1000 };
  }

  isAlive(handle: ProcessHandle): boolean {
    try {
      process.kill(handle.pid, 0);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    }
    return this.facts(handle.pid)?.startedAt === handle.startedAt;
  }

  isZombie(pid: number): boolean {
    return (
      ps(['-o', 'stat=', '-p', String(pid)])[0]
        ?.trim()
        .startsWith('Z') === true
    );
  }

  children(pid: number): readonly number[] {
    const pairs = ps(['-A', '-o', 'pid=,ppid=']).map((line) => line.trim().split(/\s+/).map(Number));
    return pairs.flatMap(([child, parent]) => (parent === pid && child !== undefined ? [child] : []));
  }

  title(pid: number): string | undefined {
    return ps(['-o', 'command=', '-p', String(pid)])[0]?.trim();
  }

  executable(pid: number): string | undefined {
    return ps(['-o', 'comm=', '-p', String(pid)])[0]?.trim();
  }

  workingDirectory(): undefined {
    return undefined;
  }
}

function ps(argv: readonly string[]): string[] {
  try {
    const output = execFileSync('ps', argv, {
      encoding: 'utf8',
      timeout: PS_TIMEOUT_MS,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { PATH: process.env['PATH'] ?? '/bin:/usr/bin', LC_ALL: 'C' },
    });
    return output.split('\n').filter((line) => line.trim() !== '');
  } catch (error) {
    // Exit 1: no such process.
    if (error instanceof Error && ('status' in error || 'code' in error)) return [];
    throw error;
  }
}
