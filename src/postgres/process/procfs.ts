import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { ProcessFacts, ProcessHandle, ProcessTable } from './process-table.js';

/** Unit of the start time in /proc/<pid>/stat as user space sees it; 100 on every Linux port in use. */
const TICKS_PER_SECOND = 100;

/** Linux. Nothing here touches a disk. */
export class Procfs implements ProcessTable {
  private bootEpoch: number | undefined;

  facts(pid: number): ProcessFacts | undefined {
    const fields = statFields(pid);
    const [state, parent] = fields;
    const ticks = fields[19];
    if (state === undefined || state === 'Z' || state === 'X' || ticks === undefined) return undefined;
    return { pid, startedAt: ticks, parent: Number(parent), startEpoch: this.boot() + Number(ticks) / TICKS_PER_SECOND };
  }

  isAlive(handle: ProcessHandle): boolean {
    return this.facts(handle.pid)?.startedAt === handle.startedAt;
  }

  isZombie(pid: number): boolean {
    return statFields(pid)[0] === 'Z';
  }

  children(pid: number): readonly number[] {
    // Listed by the thread that forked: in a program with threads (Go, Java) that may be any of them.
    const lists = (unlessGone(() => readdirSync(`/proc/${pid}/task`)) ?? []).map((thread) => read(`/proc/${pid}/task/${thread}/children`));
    if (lists.some((list) => list !== undefined)) return lists.flatMap((list) => (list ?? '').split(' ').filter(Boolean).map(Number));
    // Kernels without that file: look at every process's parent.
    return processIds().filter((candidate) => this.facts(candidate)?.parent === pid);
  }

  title(pid: number): string | undefined {
    return read(`/proc/${pid}/cmdline`)?.split('\0')[0];
  }

  executable(pid: number): string | undefined {
    // A binary that was replaced while it runs (an upgrade) shows with this suffix.
    return link(`/proc/${pid}/exe`)?.replace(/ \(deleted\)$/, '');
  }

  workingDirectory(pid: number): string | undefined {
    return link(`/proc/${pid}/cwd`);
  }

  private boot(): number {
    this.bootEpoch ??= Number(/^btime (\d+)$/m.exec(read('/proc/stat') ?? '')?.[1] ?? 0);
    return this.bootEpoch;
  }
}

/** Fields of /proc/<pid>/stat from the state on. The name before it may contain anything, so they start after its last bracket. */
function statFields(pid: number): string[] {
  const stat = read(`/proc/${pid}/stat`);
  return stat === undefined ? [] : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function processIds(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function read(path: string): string | undefined {
  return unlessGone(() => readFileSync(path, 'latin1'));
}

function link(path: string): string | undefined {
  return unlessGone(() => readlinkSync(path));
}

/** The process may end, or not be ours to look at, between any two reads. */
function unlessGone<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}
