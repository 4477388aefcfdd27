import type { CtlContext } from '../context.js';
import { globalConfigOf } from '../output/cluster-rows.js';
import { confirmMembers, loadGroups, type Role, requireApiUrl, selectMembers } from '../selection.js';

export interface ReloadOptions {
  readonly group: number | undefined;
  readonly role: Role;
  readonly force: boolean;
}

/** patronictl.md §7.5 */
export async function reload(context: CtlContext, cluster: string, names: readonly string[], options: ReloadOptions): Promise<void> {
  const groups = await loadGroups(context, cluster, options.group);
  const members = selectMembers(context, { cluster, groups, names, role: options.role, group: options.group });
  await confirmMembers(context, 'reload', members, options.force);
  const first = groups[0];
  const loopWait = first === undefined ? 10 : globalConfigOf(first.view).loopWaitMs / 1000;
  for (const member of members) {
    const { status, body } = await context.rest.request('POST', requireApiUrl(member), '/reload');
    context.terminal.out(
      status === 200
        ? `No changes to apply on member ${member.name}\n`
        : status === 202
          ? `Reload request received for member ${member.name} and will be processed within ${loopWait} seconds\n`
          : `Failed: reload for member ${member.name}, status code=${status}, (${body})\n`,
    );
  }
}
