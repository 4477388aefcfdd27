import { readdirSync, readFileSync } from 'node:fs';
import { GUARD_NAME } from './guard-process.js';

/** A guard that another life of the agent has armed, and that goes on by its last deadline. */
interface Predecessor {
  readonly pid: number;
  readonly startedAt: string;
}

/**
 * The guards of earlier agents for one data directory. They must be dismissed once this agent has armed its own, or has stopped
 * the server: otherwise they kill a healthy one when their last lease is over.
 */
export class Predecessors {
  private found: readonly Predecessor[];

  constructor(directory: string) {
    this.found = directory === '' ? [] : processIds().flatMap((pid) => guardOf(pid, directory) ?? []);
  }

  get count(): number {
    return this.found.length;
  }

  /** @returns how many were dismissed. One that may not be signalled is not ours; one that has ended needs nothing. */
  dismiss(): number {
    const before = this.found;
    this.found = [];
    return before.filter(signal).length;
  }
}

function signal({ pid, startedAt }: Predecessor): boolean {
  if (startTime(pid) !== startedAt) return false;
  try {
    process.kill(pid, 'SIGUSR1');
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false;
    throw error;
  }
}

function guardOf(pid: number, directory: string): Predecessor | undefined {
  const words = read(`/proc/${pid}/cmdline`)?.split('\0') ?? [];
  const startedAt = words[0] === GUARD_NAME && words[6] === directory ? startTime(pid) : undefined;
  return startedAt === undefined ? undefined : { pid, startedAt };
}

/** Field 22 of its stat, counted from the bracket that ends its name; undefined: there is no such process. */
function startTime(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

function processIds(): number[] {
  const names = process.platform === 'linux' ? readdirSync('/proc') : [];
  return names.filter((name) => /^\d+$/.test(name)).map(Number);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}
