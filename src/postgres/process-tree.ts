import { readdirSync, readFileSync } from 'node:fs';

/** A process that can't be mistaken for a later one with the same pid: `startTicks` is field 22 of `/proc/<pid>/stat`. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: string;
}

interface Entry extends ProcessIdentity {
  readonly parent: number;
}

/** More processes than this are not looked at below one command: a fork bomb must not hold the agent. */
const MAX_DESCENDANTS = 10_000;

function readEntry(pid: number): Entry | undefined {
  let line: string;
  try {
    line = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
  // The name in parentheses may hold spaces and parentheses itself: the last one ends it.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const [state, parent] = fields;
  const startTicks = fields[19];
  if (state === 'Z' || parent === undefined || startTicks === undefined) return undefined;
  return { pid, startTicks, parent: Number(parent) };
}

/** The live process that has this pid now; undefined when there is none (or only a zombie). */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const entry = readEntry(pid);
  return entry && { pid, startTicks: entry.startTicks };
}

export function isSameProcessAlive(process: ProcessIdentity): boolean {
  return readEntry(process.pid)?.startTicks === process.startTicks;
}

/** Children, grandchildren and so on of `pid`, parents first. */
export function descendantsOf(pid: number): readonly ProcessIdentity[] {
  const children = new Map<number, Entry[]>();
  for (const name of readdirSync('/proc')) {
    const entry = /^[0-9]+$/.test(name) ? readEntry(Number(name)) : undefined;
    if (entry === undefined) continue;
    const siblings = children.get(entry.parent);
    if (siblings) siblings.push(entry);
    else children.set(entry.parent, [entry]);
  }
  const found: Entry[] = [...(children.get(pid) ?? [])];
  for (let at = 0; at < found.length && found.length < MAX_DESCENDANTS; at++) found.push(...(children.get(found[at]?.pid ?? -1) ?? []));
  return found;
}

/** Sends `signal` if the very same process still lives. @returns false when it is gone or not ours to signal. */
export function signalProcess(target: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isSameProcessAlive(target)) return false;
  try {
    return process.kill(target.pid, signal);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ESRCH' || error.code === 'EPERM')) return false;
    throw error;
  }
}

/**
 * Kills a process with everything below it. It is stopped first, so that it can't start children while they are listed.
 * @returns what was below it, for a second pass after its end.
 */
export function killTree(root: ProcessIdentity): readonly ProcessIdentity[] {
  signalProcess(root, 'SIGSTOP');
  const below = descendantsOf(root.pid);
  signalProcess(root, 'SIGKILL');
  for (const child of below) signalProcess(child, 'SIGKILL');
  return below;
}
