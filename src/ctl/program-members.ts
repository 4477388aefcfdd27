import { flushRestart, flushSwitchover } from './commands/flush.js';
import { reinit } from './commands/reinit.js';
import { reload } from './commands/reload.js';
import { restart } from './commands/restart.js';
import { UsageError } from './errors.js';
import { type Given, type Open, type Register, roleOption } from './options.js';

/** Commands about chosen members. */
export function addMemberCommands(command: Register, open: Open): void {
  command('restart', 'Restart cluster member')
    .argument('<CLUSTER_NAME>')
    .argument('[MEMBER_NAMES...]')
    .addOption(roleOption())
    .option('--any', 'Restart a single member only')
    .option('--scheduled <TIMESTAMP>', 'Timestamp of a scheduled restart in unambiguous format (e.g. ISO 8601)')
    .option('--pg-version <VERSION>', 'Restart if the PostgreSQL version is less than provided')
    .option('--pending', 'Restart if pending')
    .option('--timeout <TEXT>', 'Return error and fail over if necessary when restarting takes longer than this.')
    .option('--force', 'Do not ask for confirmation at any point')
    .action(async (name: string, members: readonly string[], o: Given) =>
      restart(await open(), name, members, {
        group: o.group,
        role: o.role ?? 'any',
        any: o.any ?? false,
        scheduled: o.scheduled,
        pgVersion: o.pgVersion,
        pending: o.pending ?? false,
        timeout: o.timeout,
        force: o.force ?? false,
      }),
    );
  command('reload', 'Reload cluster member configuration')
    .argument('<CLUSTER_NAME>')
    .argument('[MEMBER_NAMES...]')
    .addOption(roleOption())
    .option('--force', 'Do not ask for confirmation at any point')
    .action(async (name: string, members: readonly string[], o: Given) =>
      reload(await open(), name, members, { group: o.group, role: o.role ?? 'any', force: o.force ?? false }),
    );
  command('reinit', 'Reinitialize cluster member')
    .argument('<CLUSTER_NAME>')
    .argument('[MEMBER_NAMES...]')
    .option('--force', 'Do not ask for confirmation at any point')
    .option('--from-leader', 'Get basebackup from leader')
    .option('--wait', 'Wait until reinitialization completes')
    .action(async (name: string, members: readonly string[], o: Given) =>
      reinit(await open(), name, members, {
        group: o.group,
        force: o.force ?? false,
        fromLeader: o.fromLeader ?? false,
        wait: o.wait ?? false,
      }),
    );
  command('flush', 'Discard scheduled events')
    .argument('<CLUSTER_NAME>')
    .argument('[MEMBER_NAMES...]')
    .addOption(roleOption())
    .option('--force', 'Do not ask for confirmation at any point')
    .action(async (name: string, words: readonly string[], o: Given) => {
      const target = words.at(-1);
      if (target === undefined) throw new UsageError("Missing argument '{restart|switchover}'. Choose from:\n\trestart,\n\tswitchover");
      if (target !== 'restart' && target !== 'switchover') {
        throw new UsageError(`Invalid value for '{restart|switchover}': '${target}' is not one of 'restart', 'switchover'.`);
      }
      const c = await open();
      if (target === 'switchover') await flushSwitchover(c, name, o.group);
      else await flushRestart(c, name, words.slice(0, -1), { group: o.group, role: o.role ?? 'any', force: o.force ?? false });
    });
}
