import type { ClusterView } from '../../cluster/view.js';
import type { ClusterRow } from './cluster-rows.js';

/**
 * The rows of one group as a tree in depth-first order, names indented (patronictl.md §6.4). Members that replicate from
 * one another in a circle hang on nobody and are not shown, as in Patroni.
 */
export function topologyOrder(rows: readonly ClusterRow[], view: ClusterView): ClusterRow[] {
  const leader = view.leader?.name;
  const names = new Set(rows.map((row) => row.member));
  const parentOf = (row: ClusterRow): string | undefined => {
    const from = row.tags['replicatefrom'];
    const isOther = typeof from === 'string' && from !== row.member && from !== leader && names.has(from);
    return isOther ? from : leader;
  };
  const children = new Map<string | undefined, ClusterRow[]>();
  for (const row of rows) {
    if (row.member === leader) continue;
    const parent = parentOf(row);
    children.set(parent, [...(children.get(parent) ?? []), row]);
  }
  const result: ClusterRow[] = rows.filter((row) => row.member === leader);
  const descend = (parent: string | undefined, depth: number): void => {
    for (const row of children.get(parent) ?? []) {
      result.push({ ...row, member: `${'  '.repeat(depth - 1)}+ ${row.member}` });
      descend(row.member, depth + 1);
    }
  };
  descend(leader, 1);
  return result;
}
