import { editConfig } from './commands/edit-config.js';
import { setPause } from './commands/pause.js';
import { remove } from './commands/remove.js';
import { demoteCluster, promoteCluster } from './commands/standby-cluster.js';
import { switchover } from './commands/switchover.js';
import { formatOption, type Given, many, number, type Open, type Register } from './options.js';
import { clusterName } from './selection.js';

/** Commands that change the cluster as a whole. */
export function addClusterCommands(command: Register, open: Open): void {
  for (const action of ['switchover', 'failover'] as const) {
    const c = command(action, action === 'switchover' ? 'Switchover to a replica' : 'Failover to a replica')
      .argument('[CLUSTER_NAME]')
      .option('--candidate <NAME>', 'The name of the candidate')
      .option('--force', 'Do not ask for confirmation at any point');
    if (action === 'switchover') {
      c.option('--leader <NAME>', 'The name of the current leader')
        .option('--primary <NAME>', 'The name of the current leader')
        .option('--scheduled <TIMESTAMP>', 'Timestamp of a scheduled switchover in unambiguous format (e.g. ISO 8601)');
    }
    c.action(async (name: string | undefined, o: Given) => {
      const ctl = await open();
      await switchover(ctl, clusterName(ctl, name), {
        action,
        group: o.group,
        leader: o.leader ?? o.primary,
        candidate: o.candidate,
        scheduled: o.scheduled,
        force: o.force ?? false,
      });
    });
  }
  for (const word of ['pause', 'resume'] as const) {
    command(word, word === 'pause' ? 'Disable auto failover' : 'Resume auto failover')
      .argument('[CLUSTER_NAME]')
      .option('--wait', 'Wait until it is recognized on all nodes')
      .action(async (name: string | undefined, o: Given) => {
        const c = await open();
        await setPause(c, clusterName(c, name), word === 'pause', { group: o.group, wait: o.wait ?? false });
      });
  }
  command('edit-config', 'Edit cluster configuration')
    .argument('[CLUSTER_NAME]')
    .option('-q, --quiet', 'Do not show changes')
    .addOption(many('-s, --set <TEXT>', 'Set specific configuration value. Can be specified multiple times'))
    .addOption(many('-p, --pg <TEXT>', 'Set specific PostgreSQL parameter value. Can be specified multiple times'))
    .option('--apply <FILENAME>', 'Apply configuration from file. Use - for stdin.')
    .option('--replace <FILENAME>', 'Apply configuration from file, replacing existing configuration. Use - for stdin.')
    .option('--force', 'Do not ask for confirmation at any point')
    .action(async (name: string | undefined, o: Given) => {
      const c = await open();
      await editConfig(c, clusterName(c, name), {
        group: o.group,
        quiet: o.quiet ?? false,
        set: o.set ?? [],
        pg: o.pg ?? [],
        apply: o.apply,
        replace: o.replace,
        force: o.force ?? false,
      });
    });
  command('remove', 'Remove cluster from DCS')
    .argument('<CLUSTER_NAME>')
    .addOption(formatOption())
    .action(async (name: string, o: Given) => remove(await open(), name, { group: o.group, format: o.format ?? 'pretty' }));
  command('demote-cluster', 'Demote cluster to a standby cluster', false)
    .argument('[CLUSTER_NAME]')
    .option('--host <TEXT>', 'Address of the remote node')
    .addOption(number('--port <INTEGER>', 'Port of the remote node'))
    .option('--restore-command <TEXT>', 'Command to restore WAL records from the remote primary')
    .option('--primary-slot-name <TEXT>', 'Name of the slot on the remote node to use for replication')
    .option('--force', 'Do not ask for confirmation at any point')
    .action(async (name: string | undefined, o: Given) => {
      const c = await open();
      const { host, port, restoreCommand, primarySlotName } = o;
      await demoteCluster(c, clusterName(c, name), { host, port, restoreCommand, primarySlotName, force: o.force ?? false });
    });
  command('promote-cluster', 'Promote cluster, make it run standalone', false)
    .argument('[CLUSTER_NAME]')
    .option('--force', 'Do not ask for confirmation at any point')
    .action(async (name: string | undefined, o: Given) => {
      const c = await open();
      await promoteCluster(c, clusterName(c, name), o.force ?? false);
    });
}
