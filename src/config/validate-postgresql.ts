import { execFile } from 'node:child_process';
import { accessSync, constants, readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { pythonText } from '../base/python-values.js';
import { SectionReader } from './reader.js';
import { failed } from './setting-types.js';

const REQUIRED_PROGRAMS = ['pg_ctl', 'initdb', 'pg_controldata', 'pg_basebackup', 'postgres', 'pg_isready'];
const VERSION_TIMEOUT_MS = 10_000;

/** Lines about `bin_dir`: the directory and the programs in it, or in PATH when it is not set (configuration.md §6). */
export function binDirLines(postgresql: unknown, path: string): readonly string[] {
  const r = new SectionReader(postgresql);
  const directory = r.text('bin_dir') ?? '';
  const line = (message: string): string => `postgresql.bin_dir  ${message}`;
  if (directory !== '') {
    const stat = statSync(directory, { throwIfNoEntry: false });
    if (stat === undefined) return [line(`Directory '${directory}' does not exist.`)];
    if (!stat.isDirectory()) return [line(`'${directory}' is not a directory`)];
  }
  return missingPrograms(postgresql, path).map((program) =>
    line(`does not contain '${program}' in '${directory === '' ? '$PATH' : directory}'`),
  );
}

/** PostgreSQL's programs, by the names of `bin_name`, that are not in `bin_dir` or, without it, in `path`. */
export function missingPrograms(postgresql: unknown, path: string): readonly string[] {
  const r = new SectionReader(postgresql);
  const names = r.textMap('bin_name');
  return REQUIRED_PROGRAMS.map((program) => names[program] ?? program).filter(
    (program) => findProgram(r.text('bin_dir') ?? '', program, path) === undefined,
  );
}

/** The path of an executable in `directory`, or in one of `path` when that is empty. */
export function findProgram(directory: string, program: string, path: string): string | undefined {
  const directories = directory === '' ? path.split(delimiter).filter(Boolean) : [directory];
  return directories.map((at) => join(at, program)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** The message about a data directory that can't be this cluster's, undefined for a good or an empty one. */
export async function dataDirMessage(postgresql: unknown, path: string): Promise<string | undefined> {
  const r = new SectionReader(postgresql);
  const value = r.get('data_dir');
  if (value === '') return failed('is an empty string');
  const directory = pythonText(value);
  const stat = statSync(directory, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (!stat.isDirectory()) return failed('is not a directory');
  const exists = (name: string): boolean => statSync(join(directory, name), { throwIfNoEntry: false }) !== undefined;
  const isEmpty = !exists('global/pg_control') && readdirSync(directory).every((name) => name.startsWith('.') || name === 'lost+found');
  if (isEmpty) return undefined;
  if (!exists('PG_VERSION')) return failed("doesn't look like a valid data directory");
  if (!exists('pg_wal') && !exists('pg_xlog'))
    return failed('data dir for the cluster is not empty, but doesn\'t contain "pg_wal" directory');
  const inDirectory = readFileSync(join(directory, 'PG_VERSION'), 'utf8').trim();
  const program = findProgram(r.text('bin_dir') ?? '', r.textMap('bin_name')['postgres'] ?? 'postgres', path);
  const installed = program === undefined ? undefined : majorOf(await postgresVersion(program));
  if (installed === undefined || installed === inDirectory) return undefined;
  return failed(`data_dir directory postgresql version (${inDirectory}) doesn't match with 'postgres --version' output (${installed})`);
}

/** The version in the output of `postgres --version`: `15.7`, `17beta1`, `9.6.24`. @throws Error when the program fails. */
export function postgresVersion(program: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, ['--version'], { timeout: VERSION_TIMEOUT_MS }, (error, output) => {
      const version = /\s(\d+(?:\.\d+|devel|beta\d+|rc\d+)*)/.exec(output)?.[1];
      if (error !== null) reject(error);
      else if (version === undefined) reject(new Error(`no version in ${JSON.stringify(output.trim())}`));
      else resolve(version);
    });
  });
}

/** `15` of `15.7`, `9.6` of `9.6.24`: as in the file PG_VERSION. */
export function majorOf(version: string): string {
  return /^9\.\d+/.exec(version)?.[0] ?? /^\d+/.exec(version)?.[0] ?? version;
}
