import { isTruthy } from '../../base/python-values.js';
import type { CtlContext } from '../context.js';
import { RestUnreachable } from '../rest-client.js';
import { confirmMembers, leaderFirst, loadGroups, loadView, type Role, requireApiUrl, selectMembers } from '../selection.js';
import { localFraction } from '../times.js';

export interface FlushOptions {
  readonly group: number | undefined;
  readonly role: Role;
  readonly force: boolean;
}

/** patronictl.md §7.9 */
export async function flushRestart(
  context: CtlContext,
  cluster: string,
  names: readonly string[],
  { group, role, force }: FlushOptions,
): Promise<void> {
  const groups = await loadGroups(context, cluster, group);
  const members = selectMembers(context, { cluster, groups, names, role, group });
  await confirmMembers(context, 'flush', members, force);
  for (const member of members) {
    if (!isTruthy(member.data['scheduled_restart'])) {
      context.terminal.out(`No scheduled restart for member ${member.name}\n`);
      continue;
    }
    const { status, body } = await context.rest.request('DELETE', requireApiUrl(member), '/restart');
    const what = `flush scheduled restart for member ${member.name}`;
    context.terminal.out(status === 200 ? `Success: ${what}\n` : `Failed: ${what}, status code=${status}, (${body})\n`);
  }
}

/** patronictl.md §7.9: asks the members in turn; the key is emptied in the store only when nobody can answer. */
export async function flushSwitchover(context: CtlContext, cluster: string, group: number | undefined): Promise<void> {
  const { terminal } = context;
  const view = await loadView(context, cluster, group ?? (context.settings.citusGroup === undefined ? undefined : 0));
  if (view.failover?.scheduledAt === undefined) {
    terminal.out('No pending scheduled switchover\n');
    return;
  }
  for (const { member, apiUrl } of leaderFirst(view)) {
    try {
      const { status, body } = await context.rest.request('DELETE', apiUrl, '/switchover');
      if (status === 200 || status === 404) {
        terminal.out(status === 200 ? 'Success: scheduled switchover deleted\n' : 'Failed: no switchover is scheduled\n');
        return;
      }
      terminal.out(`Failed: member=${member.name}, status_code=${status}, (${body})\n`);
    } catch (error) {
      if (!(error instanceof RestUnreachable)) throw error;
      context.log('warning', `Member ${member.name} is not accessible: ${error.message}`);
    }
  }
  terminal.out(`${localFraction(context.clock.wall())} Could not find any accessible member of cluster ${cluster}\n`);
  const store = await context.store(cluster, group ?? context.settings.citusGroup);
  await store.writeFailover('{}', view.failover.version);
}
