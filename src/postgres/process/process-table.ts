/** A process as it was when we looked; pids are reused, so the start time is part of the identity. */
export interface ProcessHandle {
  readonly pid: number;
  /** Start time in the platform's finest form; equal texts mean the same process. */
  readonly startedAt: string;
}

export interface ProcessFacts extends ProcessHandle {
  readonly parent: number;
  /** Start in seconds since the epoch, good to a second or two. */
  readonly startEpoch: number;
}

/**
 * Reads the machine's processes. The calls are synchronous where they cost microseconds (procfs), and none of them can hang
 * on a disk. Zombies count as gone: they have released memory and locks.
 */
export interface ProcessTable {
  facts(pid: number): ProcessFacts | undefined;
  isAlive(handle: ProcessHandle): boolean;
  /** It has ended, but its parent has not asked for its exit code: the pid still takes signals. */
  isZombie(pid: number): boolean;
  children(pid: number): readonly number[];
  /** First NUL-terminated string of the command line; PostgreSQL sets it. */
  title(pid: number): string | undefined;
  executable(pid: number): string | undefined;
  workingDirectory(pid: number): string | undefined;
}

/** Every process below `pid`, children before grandchildren; bounded in case the table changes under us. */
export function descendants(table: ProcessTable, pid: number): readonly ProcessHandle[] {
  const found = new Map<number, ProcessHandle>();
  const queue = [...table.children(pid)];
  for (let next = queue.shift(); next !== undefined && found.size < MAX_DESCENDANTS; next = queue.shift()) {
    const facts = table.facts(next);
    if (facts === undefined || found.has(next)) continue;
    found.set(next, { pid: facts.pid, startedAt: facts.startedAt });
    queue.push(...table.children(next));
  }
  return [...found.values()];
}

/** More than max_connections of any server in use. */
const MAX_DESCENDANTS = 100_000;

export type SignalOutcome = 'sent' | 'gone' | 'not-permitted';

/** Signals only the process that was seen: a pid that is someone else's by now counts as gone. */
export function signalProcess(table: ProcessTable, handle: ProcessHandle, signal: NodeJS.Signals): SignalOutcome {
  if (!table.isAlive(handle)) return 'gone';
  try {
    process.kill(handle.pid, signal);
    return 'sent';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ESRCH') return 'gone';
    if (code === 'EPERM') return 'not-permitted';
    throw error;
  }
}
