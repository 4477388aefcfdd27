import { parseArgs } from 'node:util';
import { COMPATIBLE_VERSION } from '../base/version.js';

/** What `patroni` was asked to do (configuration.md §4.1). */
export type CommandLine =
  | { readonly kind: 'run'; readonly path: string | undefined }
  | {
      readonly kind: 'validate';
      readonly path: string | undefined;
      readonly ignoreListenPort: boolean;
      /** Print the merged configuration when it is valid. */
      readonly print: boolean;
    }
  /** `output`: a file; undefined: standard output. */
  | { readonly kind: 'generate-sample'; readonly output: string | undefined }
  | { readonly kind: 'generate'; readonly output: string | undefined; readonly dsn: string | undefined }
  /** Print `text` and end: on standard output with code 0 (help, version), on standard error with 2 (usage error). */
  | { readonly kind: 'exit'; readonly code: 0 | 2; readonly text: string };

const USAGE = `usage: patroni [-h] [--version] [--validate-config | --generate-sample-config | --generate-config]
               [--dsn DSN] [--ignore-listen-port] [--print]
               [configfile]
`;

const HELP = `${USAGE}
High availability for PostgreSQL.

positional arguments:
  configfile            file or directory with the configuration; without it PATRONI_CONFIGURATION (YAML) or the
                        PATRONI_* variables are used. With --generate-...: the file to write

options:
  -h, --help            show this help and exit
  --version             show the version and exit
  --validate-config     check the configuration and exit
  --generate-sample-config
                        write a sample configuration
  --generate-config     write a configuration for a running PostgreSQL
  --dsn DSN             where that PostgreSQL is (with --generate-config)
  --ignore-listen-port, -i
                        do not mind listen ports in use (with --validate-config)
  --print, -p           print the configuration if it is valid (with --validate-config)
`;

const MODES = ['validate-config', 'generate-sample-config', 'generate-config'] as const;

const OPTIONS = {
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
  'validate-config': { type: 'boolean' },
  'generate-sample-config': { type: 'boolean' },
  'generate-config': { type: 'boolean' },
  dsn: { type: 'string' },
  'ignore-listen-port': { type: 'boolean', short: 'i' },
  print: { type: 'boolean', short: 'p' },
} as const;

/** @param args without the program. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const expanded = expandAbbreviations(args);
  if (typeof expanded === 'string') return usageError(expanded);
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(expanded);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return usageError(reason(error, expanded));
  }
  const { values, positionals } = parsed;
  if (values.help) return { kind: 'exit', code: 0, text: HELP };
  if (values.version) return { kind: 'exit', code: 0, text: `patroni ${COMPATIBLE_VERSION}\n` };
  const [first, second] = MODES.filter((mode) => values[mode]);
  if (second !== undefined) return usageError(`argument --${second}: not allowed with argument --${first}`);
  if (positionals.length > 1) return usageError(`unrecognized arguments: ${positionals.slice(1).join(' ')}`);
  const [file] = positionals;
  switch (first) {
    case 'validate-config':
      return { kind: 'validate', path: file, ignoreListenPort: values['ignore-listen-port'] ?? false, print: values.print ?? false };
    case 'generate-sample-config':
      return { kind: 'generate-sample', output: file };
    case 'generate-config':
      return { kind: 'generate', output: file, dsn: values.dsn };
    default:
      return { kind: 'run', path: file };
  }
}

function parse(args: readonly string[]) {
  return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true, strict: true });
}

/** Long options in full; the message when one could be several or none. */
function expandAbbreviations(args: readonly string[]): readonly string[] | string {
  const result: string[] = [];
  let isOver = false;
  for (const [i, arg] of args.entries()) {
    const isValue = args[i - 1] === '--dsn' || result.at(-1) === '--dsn';
    isOver ||= arg === '--';
    if (isOver || isValue || !arg.startsWith('--')) {
      result.push(arg);
      continue;
    }
    const [name = '', ...value] = arg.slice(2).split('=');
    const candidates = name in OPTIONS ? [name] : Object.keys(OPTIONS).filter((option) => option.startsWith(name));
    if (candidates.length === 0) return `unrecognized arguments: ${arg}`;
    if (candidates.length > 1) return `ambiguous option: ${arg} could match ${candidates.map((option) => `--${option}`).join(', ')}`;
    result.push([`--${candidates[0]}`, ...value].join('='));
  }
  return result;
}

/** The sentence about what `parseArgs` refused. */
function reason(error: TypeError, args: readonly string[]): string {
  if (/does not take an argument/.test(error.message)) {
    const [name, value] = args.find((arg) => arg.startsWith('--') && arg.includes('='))?.split('=') ?? [];
    return `argument ${name}: ignored explicit argument '${value}'`;
  }
  if (/dsn/.test(error.message)) return 'argument --dsn: expected one argument';
  const unknown = args.filter((arg) => arg.startsWith('-') && !arg.startsWith('--') && !/^-[hip]+$/.test(arg));
  return `unrecognized arguments: ${unknown.join(' ')}`;
}

function usageError(message: string): CommandLine {
  return { kind: 'exit', code: 2, text: `${USAGE}patroni: error: ${message}\n` };
}
