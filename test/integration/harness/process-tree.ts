import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A process and all its descendants now, parents first. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const line of execFileSync('ps', ['-e', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n')) {
    const [pid = 0, parent = 0] = line.trim().split(/\s+/).map(Number);
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const tree: number[] = [];
  const pending = [root];
  for (let pid = pending.shift(); pid !== undefined; pid = pending.shift()) {
    tree.push(pid);
    pending.push(...(children.get(pid) ?? []));
  }
  return tree;
}

/** The process of a standby that receives WAL. */
export function walReceiver(postmaster: number | undefined): number {
  const found = processTree(postmaster ?? 0).find((pid) => /walreceiver/.test(readFileSync(`/proc/${pid}/cmdline`, 'latin1')));
  if (found === undefined) throw new Error(`the server ${postmaster} receives no WAL`);
  return found;
}
