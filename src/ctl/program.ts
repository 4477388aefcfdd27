import { Command, type CommanderError, Option } from 'commander';
import type { CtlContext } from './context.js';
import { UsageError } from './errors.js';
import { number, type Register } from './options.js';
import { addClusterCommands } from './program-cluster.js';
import { addMemberCommands } from './program-members.js';
import { addShowCommands } from './program-show.js';

export interface GlobalOptions {
  readonly configFile: string | undefined;
  readonly dcsUrl: string | undefined;
  readonly insecure: boolean;
}

export interface CommandLine {
  readonly program: Command;
  /** What is wrong with the command line, after the usage lines of the command that runs; undefined: help was shown, all is well. */
  complaint(error: CommanderError | UsageError): string | undefined;
}

/** Builds the command line. `open` makes the context, only when a command really runs: `--help` needs no store. */
export function createProgram(open: (options: GlobalOptions) => Promise<CtlContext>, out: (text: string) => void): CommandLine {
  const program = new Command('patronictl')
    .helpOption('--help', 'Show this message and exit.')
    .helpCommand(false)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: out, writeErr: () => undefined })
    .configureHelp({ sortSubcommands: true, subcommandTerm: (c) => c.name(), commandUsage: usageOf })
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
  let running: Command | undefined;
  program.hook('preSubcommand', (_, chosen) => {
    running = chosen;
  });
  const command: Register = (name, description, hasGroup = true) => {
    const added = program.command(name).description(description);
    return hasGroup ? added.addOption(number('--group <INTEGER>', 'Citus group')) : added;
  };
  addShowCommands(command, context);
  addMemberCommands(command, context);
  addClusterCommands(command, context);
  return {
    program,
    complaint: (error) => {
      const command = running ?? program;
      const words = error instanceof UsageError ? error.message : usageText(error, command);
      if (words === undefined) return undefined;
      const name = command === program ? 'patronictl' : `patronictl ${command.name()}`;
      return `Usage: ${usageOf(command)}\nTry '${name} --help' for help.\n\nError: ${words}\n`;
    },
  };
}

function usageOf(command: Command): string {
  if (command.parent === null) return 'patronictl [OPTIONS] COMMAND [ARGS]...';
  const words = command.registeredArguments.map((a) => `${a.required ? a.name() : `[${a.name()}]`}${a.variadic ? '...' : ''}`);
  const target = command.name() === 'flush' ? ['{restart|switchover}'] : [];
  return ['patronictl', command.name(), '[OPTIONS]', ...words, ...target].join(' ');
}

/** Commander's complaint in the words that scripts know; undefined: help was shown, all is well. */
function usageText(error: CommanderError, command: Command): string | undefined {
  const quoted = /'([^']*)'/.exec(error.message)?.[1] ?? '';
  switch (error.code) {
    case 'commander.excessArguments': {
      const extra = command.args.slice(command.registeredArguments.length);
      return `Got unexpected extra argument${extra.length > 1 ? 's' : ''} (${extra.join(' ')})`;
    }
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
