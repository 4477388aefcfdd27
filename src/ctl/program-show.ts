import { list } from './commands/list.js';
import { query } from './commands/query.js';
import { dsn, history, showConfig, version } from './commands/show.js';
import { formatOption, type Given, number, type Open, type Register, roleOption, watchOf } from './options.js';
import { clusterName } from './selection.js';

/** Commands that only read. */
export function addShowCommands(command: Register, open: Open): void {
  command('list', 'List the Patroni members for a given Patroni')
    .argument('[CLUSTER_NAMES...]')
    .option('-e, --extended', 'Show some extra information')
    .option('-t, --timestamp', 'Print timestamp')
    .addOption(formatOption())
    .option('-W', 'Auto update the screen every 2 seconds')
    .addOption(number('-w, --watch <FLOAT>', 'Auto update the screen every X seconds'))
    .action(async (names: readonly string[], o: Given) =>
      list(await open(), names, {
        ...watchOf(o),
        format: o.format ?? 'pretty',
        extended: o.extended ?? false,
        timestamp: o.timestamp ?? false,
      }),
    );
  command('topology', 'Prints ASCII topology for given cluster')
    .argument('[CLUSTER_NAMES...]')
    .option('-W', 'Auto update the screen every 2 seconds')
    .addOption(number('-w, --watch <FLOAT>', 'Auto update the screen every X seconds'))
    .action(async (names: readonly string[], o: Given) =>
      list(await open(), names, { ...watchOf(o), format: 'topology', extended: false, timestamp: false }),
    );
  command('dsn', 'Generate a dsn for the provided member, defaults to a dsn of the leader')
    .argument('[CLUSTER_NAME]')
    .addOption(roleOption())
    .option('-m, --member <NAME>', 'Generate a dsn for this member')
    .action(async (name: string | undefined, o: Given) => {
      const c = await open();
      await dsn(c, clusterName(c, name), { group: o.group, role: o.role, member: o.member });
    });
  command('show-config', 'Show cluster configuration')
    .argument('[CLUSTER_NAME]')
    .action(async (name: string | undefined, o: Given) => {
      const c = await open();
      await showConfig(c, clusterName(c, name), o.group);
    });
  command('history', 'Show the history of failovers/switchovers')
    .argument('[CLUSTER_NAME]')
    .addOption(formatOption())
    .action(async (name: string | undefined, o: Given) => {
      const c = await open();
      await history(c, clusterName(c, name), { group: o.group, format: o.format ?? 'pretty' });
    });
  command('version', 'Output version of patronictl command or a running Patroni instance')
    .argument('[CLUSTER_NAME]')
    .argument('[MEMBER_NAMES...]')
    .action(async (name: string | undefined, members: readonly string[], o: Given) => version(await open(), name, members, o.group));
  command('query', 'Query a Patroni PostgreSQL member')
    .argument('[CLUSTER_NAME]')
    .option('--format <TEXT>', 'Output format (pretty, tsv, json, yaml)', 'tsv')
    .option('-f, --file <FILENAME>', 'Execute the SQL commands from this file')
    .option('-c, --command <TEXT>', 'Execute the SQL command')
    .option('--password', 'Force password prompt')
    .option('-U, --username <TEXT>', 'Database user name')
    .option('-d, --dbname <TEXT>', 'Database name to connect to')
    .addOption(roleOption())
    .option('-m, --member <NAME>', 'Query a specific member')
    .option('--delimiter <TEXT>', 'The column delimiter', '\t')
    .option('-W', 'Auto update the screen every 2 seconds')
    .addOption(number('-w, --watch <FLOAT>', 'Auto update the screen every X seconds'))
    .action(async (name: string | undefined, o: Given) => {
      const c = await open();
      await query(c, clusterName(c, name), {
        ...watchOf(o),
        format: o.format ?? 'tsv',
        file: o.file,
        command: o.command,
        asksPassword: o.password ?? false,
        username: o.username,
        database: o.dbname,
        role: o.role,
        member: o.member,
        delimiter: o.delimiter ?? '\t',
      });
    });
}
