import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { compareText, isPlainObject } from '../base/python-values.js';
import { ConfigError } from './errors.js';
import { patch } from './patch.js';
import { parseYaml } from './yaml.js';

/** What the loader needs of a file system; tests hand in another one. */
export interface ConfigFiles {
  kind(path: string): 'file' | 'directory' | 'other' | 'absent';
  /** Names, not paths. */
  list(directory: string): readonly string[];
  read(path: string): string;
}

export const nodeConfigFiles: ConfigFiles = {
  kind: (path) => {
    try {
      const stat = statSync(path);
      return stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : 'other';
    } catch {
      // Also what can't be reached for want of rights: to Python's `os.path.exists` it is not there.
      return 'absent';
    }
  },
  list: (directory) => readdirSync(directory),
  read: (path) => readFileSync(path, 'utf8'),
};

/**
 * The configuration in a file, or in the `.yml` and `.yaml` files of a directory, each merged over those before it in the
 * order of their names.
 * @throws ConfigError when a file can't be read, is not YAML or does not hold a mapping.
 */
export function readConfigPath(path: string, files: ConfigFiles = nodeConfigFiles): Record<string, unknown> {
  const kind = files.kind(path);
  if (kind === 'file') return readConfigFile(path, files);
  if (kind !== 'directory') throw new ConfigError(`invalid config path: ${path} is neither directory nor file`);
  const result: Record<string, unknown> = {};
  const names = attempt(path, () => files.list(path))
    .filter((name) => /\.ya?ml$/.test(name))
    .sort(compareText);
  for (const name of names) {
    const file = join(path, name);
    if (files.kind(file) === 'file') patch(result, readConfigFile(file, files));
  }
  return result;
}

function readConfigFile(path: string, files: ConfigFiles): Record<string, unknown> {
  return parseConfigText(
    attempt(path, () => files.read(path)),
    `config file ${path}`,
  );
}

function attempt<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ConfigError(`invalid config file ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** @throws ConfigError unless `text` is a YAML mapping; `what` names the source in the message. */
export function parseConfigText(text: string, what: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = parseYaml(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new ConfigError(`invalid ${what}: ${error.message}`, { cause: error });
  }
  if (!isPlainObject(value)) throw new ConfigError(`invalid ${what}: it does not contain a dict`);
  return value;
}
