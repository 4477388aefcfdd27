import { Command, type CommanderError, Option } from 'commander';
import { list } from './commands/list.js';
import { setPause } from './commands/pause.js';
import { reinit } from './commands/reinit.js';
import { reload } from './commands/reload.js';
import { restart } from './commands/restart.js';
import { dsn, history, showConfig, version } from './commands/show.js';
import { switchover } from './commands/switchover.js';
import type { CtlContext } from './context.js';
import { UsageError } from './errors.js';
import { FORMATS, type Format } from './output/rows.js';
import { clusterName, ROLES, type Role } from './selection.js';

export interface GlobalOptions {
  readonly configFile: string | undefined;
  readonly dcsUrl: string | undefined;
  readonly insecure: boolean;
}

/** Options of all commands under commander's names; each command has the ones that it declares. */
interface Given {
  readonly group?: number;
  readonly role?: Role;
  readonly force?: boolean;
  readonly format?: Format;
  readonly extended?: boolean;
  readonly timestamp?: boolean;
  readonly W?: boolean;
  readonly watch?: number;
  readonly any?: boolean;
  readonly scheduled?: string;
  readonly pgVersion?: string;
  readonly pending?: boolean;
  readonly timeout?: string;
  readonly fromLeader?: boolean;
  readonly wait?: boolean;
  readonly leader?: string;
  readonly primary?: string;
  readonly candidate?: string;
  readonly member?: string;
}

/** Builds the command line. `open` makes the context, only when a command really runs: `--help` needs no store. */
export function createProgram(open: (options: GlobalOptions) => Promise<CtlContext>, out: (text: string) => void): Command {
  const program = new Command('patronictl')
    .helpOption('--help', 'Show this message and exit.')
    .helpCommand(false)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: out, writeErr: () => undefined })
    .option('-c, --config-file <PATH>', 'Configuration file')
    .option('-d, --dcs-url <URL>', 'The DCS connect url')
    .addOption(new Option('--dcs <URL>').hideHelp())
    .option('-k, --insecure', 'Allow connections to SSL sites without certs')
    .argument('[COMMAND...]')
    .action((words: readonly string[]) => {
      if (words.length > 0) throw new UsageError(`No such command '${words[0]}'.`);
      program.outputHelp();
    });
  const context = (): Promise<CtlContext> => {
    const o = program.opts<{ configFile?: string; dcsUrl?: string; dcs?: string; insecure?: boolean }>();
    return open({ configFile: o.configFile, dcsUrl: o.dcsUrl ?? o.dcs, insecure: o.insecure ?? false });
  };
  const command = (name: string, description: string): Command =>
    program.command(name).description(description).addOption(number('--group <INTEGER>', 'Citus group'));

  command('list', 'List the Patroni members for a given Patroni')
    .argument('[CLUSTER_NAMES...]')
    .option('-e, --extended', 'Show some extra information')
    .option('-t, --timestamp', 'Print timestamp')
    .addOption(formatOption())
    .option('-W', 'Auto update the screen every 2 seconds')
    .addOption(number('-w, --watch <FLOAT>', 'Auto update the screen every X seconds'))
    .action(async (names: readonly string[], o: Given) =>
      list(await context(), names, {
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
      list(await context(), names, { ...watchOf(o), format: 'topology', extended: false, timestamp: false }),
    );
  command('dsn', 'Generate a dsn for the provided member, defaults to a dsn of the leader')
    .argument('[CLUSTER_NAME]')
    .addOption(roleOption())
    .option('-m, --member <NAME>', 'Generate a dsn for this member')
    .action(async (name: string | undefined, o: Given) => {
      const c = await context();
      await dsn(c, clusterName(c, name), { group: o.group, role: o.role, member: o.member });
    });
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
      restart(await context(), name, members, {
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
      reload(await context(), name, members, { group: o.group, role: o.role ?? 'any', force: o.force ?? false }),
    );
  command('reinit', 'Reinitialize cluster member')
    .argument('<CLUSTER_NAME>')
    .argument('[MEMBER_NAMES...]')
    .option('--force', 'Do not ask for confirmation at any point')
    .option('--from-leader', 'Get basebackup from leader')
    .option('--wait', 'Wait until reinitialization completes')
    .action(async (name: string, members: readonly string[], o: Given) =>
      reinit(await context(), name, members, {
        group: o.group,
        force: o.force ?? false,
        fromLeader: o.fromLeader ?? false,
        wait: o.wait ?? false,
      }),
    );
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
      const ctl = await context();
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
        const c = await context();
        await setPause(c, clusterName(c, name), word === 'pause', { group: o.group, wait: o.wait ?? false });
      });
  }
  command('show-config', 'Show cluster configuration')
    .argument('[CLUSTER_NAME]')
    .action(async (name: string | undefined, o: Given) => {
      const c = await context();
      await showConfig(c, clusterName(c, name), o.group);
    });
  command('history', 'Show the history of failovers/switchovers')
    .argument('[CLUSTER_NAME]')
    .addOption(formatOption())
    .action(async (name: string | undefined, o: Given) => {
      const c = await context();
      await history(c, clusterName(c, name), { group: o.group, format: o.format ?? 'pretty' });
    });
  command('version', 'Output version of patronictl command or a running Patroni instance')
    .argument('[CLUSTER_NAME]')
    .argument('[MEMBER_NAMES...]')
    .action(async (name: string | undefined, members: readonly string[], o: Given) => version(await context(), name, members, o.group));
  return program;
}

function watchOf(o: Given): { group: number | undefined; watch: number | undefined } {
  return { group: o.group, watch: o.watch ?? (o.W ? 2 : undefined) };
}

function number(flags: string, description: string): Option {
  const isInteger = flags.includes('INTEGER');
  const shown = flags
    .replace(/ <.*/, '')
    .split(', ')
    .reverse()
    .map((f) => `'${f}'`)
    .join(' / ');
  return new Option(flags, description).argParser((text) => {
    if (isInteger ? /^[-+]?[0-9]+$/.test(text) : text.trim() !== '' && Number.isFinite(Number(text))) return Number(text);
    throw new UsageError(`Invalid value for ${shown}: '${text}' is not a valid ${isInteger ? 'integer' : 'float'}.`);
  });
}

function choice(flags: string, description: string, words: readonly string[]): Option {
  const shown = flags
    .replace(/ <.*/, '')
    .split(', ')
    .reverse()
    .map((f) => `'${f}'`)
    .join(' / ');
  return new Option(flags, description).argParser((text) => {
    if (words.includes(text)) return text;
    throw new UsageError(`Invalid value for ${shown}: '${text}' is not one of ${words.map((w) => `'${w}'`).join(', ')}.`);
  });
}

const formatOption = (): Option => choice('-f, --format <FORMAT>', `Output format (${FORMATS.join(', ')})`, FORMATS);
const roleOption = (): Option => choice('-r, --role <ROLE>', `Role (${ROLES.join(', ')})`, ROLES);

/** Commander's complaint in the words that scripts know; undefined: help was shown, all is well. */
export function usageText(error: CommanderError): string | undefined {
  const quoted = /'([^']*)'/.exec(error.message)?.[1] ?? '';
  switch (error.code) {
    case 'commander.unknownOption':
      return `No such option: ${quoted}`;
    case 'commander.missingArgument':
      return `Missing argument '${quoted}'.`;
    case 'commander.optionMissingArgument':
      return `Option '${quoted.replace(/ <.*/, '').split(', ').at(-1)}' requires an argument.`;
    case 'commander.helpDisplayed':
    case 'commander.help':
      return undefined;
    default:
      return error.message.replace(/^error: /, '');
  }
}
