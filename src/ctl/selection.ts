import { styleText } from 'node:util';
import { apiUrlOf, type Member } from '../cluster/member.js';
import { type ClusterView, EMPTY_VIEW } from '../cluster/view.js';
import type { CtlContext } from './context.js';
import { CtlError } from './errors.js';
import { formatCluster, type GroupView } from './output/cluster-table.js';
import type { Format } from './output/rows.js';
import { confirm } from './terminal.js';

export const ROLES = ['leader', 'primary', 'standby-leader', 'replica', 'standby', 'any'] as const;
export type Role = (typeof ROLES)[number];

/** The given name or the configured scope. */
export function clusterName(context: CtlContext, given: string | undefined): string {
  const name = given ?? context.settings.scope;
  if (name === undefined) throw new CtlError('CLUSTER_NAME is neither given nor configured as scope');
  return name;
}

/** Groups further apart than this are not found: the store can be asked for one group only, not for a list of them. */
const GROUP_GAP = 2;

/** The cluster; of a Citus cluster without `group` all groups, the coordinator first. */
export async function loadGroups(context: CtlContext, cluster: string, group: number | undefined): Promise<GroupView[]> {
  if (group !== undefined || context.settings.citusGroup === undefined) {
    return [{ group, view: await (await context.store(cluster, group)).load() }];
  }
  const found: GroupView[] = [];
  for (let number = 0, empty = 0; empty < GROUP_GAP; number++) {
    const view = await (await context.store(cluster, number)).load();
    const isEmpty = view.initialize === undefined && view.members.length === 0 && view.config === undefined;
    empty = isEmpty ? empty + 1 : 0;
    if (!isEmpty) found.push({ group: number, view });
  }
  return found.length > 0 ? found : [{ group: 0, view: EMPTY_VIEW }];
}

export async function loadView(context: CtlContext, cluster: string, group: number | undefined): Promise<ClusterView> {
  return (await context.store(cluster, group)).load();
}

export interface PrintOptions {
  readonly format?: Format | 'topology';
  readonly extended?: boolean;
  readonly group?: number | undefined;
}

export function printCluster(context: CtlContext, cluster: string, groups: readonly GroupView[], options: PrintOptions = {}): void {
  const paint = (line: string, mood: 'leader' | 'sick'): string =>
    styleText(mood === 'leader' ? ['bold', 'green'] : 'red', line, { validateStream: false });
  context.terminal.out(
    formatCluster(groups, {
      cluster,
      format: options.format ?? 'pretty',
      extended: options.extended ?? false,
      requestedGroup: options.group,
      ...(context.terminal.hasColours ? { paint } : {}),
    }),
  );
}

/** The members of a role, in the order of the store (patronictl.md §4.1). */
export function membersByRole(groups: readonly GroupView[], role: Role): Member[] {
  return groups.flatMap(({ view }) => view.members.filter((member) => hasRole(view, member, role)));
}

function hasRole(view: ClusterView, member: Member, role: Role): boolean {
  const isLeader = view.leader?.name === member.name;
  const published = member.data['role'];
  switch (role) {
    case 'any':
      return true;
    case 'leader':
      return isLeader;
    case 'primary':
      return isLeader && published !== 'standby_leader';
    case 'standby-leader':
      return isLeader && published !== 'primary' && published !== 'master';
    case 'replica':
    case 'standby':
      return !isLeader;
  }
}

export interface Selection {
  readonly cluster: string;
  readonly groups: readonly GroupView[];
  readonly names: readonly string[];
  readonly role: Role;
  readonly group: number | undefined;
  /** The error when none of the given names has the role. */
  readonly noMatch?: string;
}

/** Prints the table and picks the members that a command is about (patronictl.md §4.3, steps 1 to 6). */
export function selectMembers(context: CtlContext, selection: Selection): Member[] {
  const { cluster, groups, names, role } = selection;
  const candidates = membersByRole(groups, role);
  if (names.length === 0 && candidates.length === 0) throw new CtlError(`${cluster} cluster doesn't have any members`);
  printCluster(context, cluster, groups, { group: selection.group });
  if (names.length === 0) return candidates;
  const chosen = candidates.filter((member) => names.includes(member.name));
  if (chosen.length === 0) throw new CtlError(selection.noMatch ?? `No '${role}' among provided members`);
  return chosen;
}

export async function confirmMembers(context: CtlContext, action: string, members: readonly Member[], force: boolean): Promise<void> {
  if (force) return;
  const list = members.map((member) => member.name).join(', ');
  if (!(await confirm(context.terminal, `Are you sure you want to ${action} members ${list}?`))) throw new CtlError(`Aborted ${action}`);
}

/** The leader if it has an `api_url`, then the other members that have one. */
export function leaderFirst(view: ClusterView): { readonly member: Member; readonly apiUrl: string }[] {
  const reachable = view.members.flatMap((member) => {
    const apiUrl = apiUrlOf(member);
    return apiUrl === undefined ? [] : [{ member, apiUrl }];
  });
  const leader = view.leader?.name;
  return [...reachable.filter((m) => m.member.name === leader), ...reachable.filter((m) => m.member.name !== leader)];
}

/** @throws CtlError for a member that does not publish where its REST API is. */
export function requireApiUrl(member: Member): string {
  const url = apiUrlOf(member);
  if (url === undefined) throw new CtlError(`Member ${member.name} does not publish an api_url`);
  return url;
}
