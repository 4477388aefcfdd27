import { descendants, type ProcessHandle, type ProcessTable, signalProcess } from './process/process-table.js';

export function identifyProcess(table: ProcessTable, pid: number): ProcessHandle | undefined {
  const facts = table.facts(pid);
  return facts && { pid, startedAt: facts.startedAt };
}

/**
 * Kills a process with everything below it. It is stopped first, so that it can't start children while they are listed.
 * @returns what was below it, for a second pass after its end.
 */
export function killTree(table: ProcessTable, root: ProcessHandle): readonly ProcessHandle[] {
  signalProcess(table, root, 'SIGSTOP');
  const below = descendants(table, root.pid);
  signalProcess(table, root, 'SIGKILL');
  for (const child of below) signalProcess(table, child, 'SIGKILL');
  return below;
}
