import { lookup } from 'node:dns/promises';
import { mkdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { isPlainObject } from '../base/python-values.js';
import { DEFAULT_PARAMETERS } from './controlled-parameters.js';
import { DEFAULT_LOG_FORMAT } from './effective-log.js';
import { captureEnvironment, type Environment } from './environment.js';
import { parseConfigText } from './file.js';
import { patch } from './patch.js';
import { findProgram, majorOf, postgresVersion } from './validate-postgresql.js';
import { dumpYaml } from './yaml.js';

export const FIXME = '#FIXME';
type RawMap = Record<string, unknown>;

/** Order of the sections in a generated file; each mapping stands after an empty line. */
const ORDER = [
  'scope',
  'namespace',
  'name',
  'log',
  'restapi',
  'ctl',
  'citus',
  'consul',
  'etcd',
  'etcd3',
  'exhibitor',
  'kubernetes',
  'raft',
  'zookeeper',
  'bootstrap',
  'postgresql',
  'watchdog',
  'tags',
];

/**
 * A sample configuration with the environment's settings over it (configuration.md §4.3), as YAML without final newline.
 * @throws Error `Failed to get postgres version: …` without a PostgreSQL to ask.
 */
export async function generateSample(environment: Environment): Promise<string> {
  const path = environment['PATH'] ?? '';
  const { config, over } = await startConfig(environment);
  const postgresql = asMap(config['postgresql']);
  const version = await installedVersion(postgresql, path);
  addVersionDependent(config, postgresql, version);
  patch(config, structuredClone(over));
  return writeConfig(config, '--generate-sample-config');
}

/** The template with the environment's settings over it, and those alone. */
export async function startConfig(environment: Environment): Promise<{ readonly config: RawMap; readonly over: Readonly<RawMap> }> {
  const captured = captureEnvironment(environment);
  const over = captured.configuration === undefined ? captured.config : parseConfigText(captured.configuration, 'PATRONI_CONFIGURATION');
  const host = hostname();
  const config = template(host, await localAddress(host));
  patch(config, structuredClone(over));
  return { config, over };
}

/** `--generate-sample-config`. @returns the exit code. */
export function runGenerateSample(command: { readonly output: string | undefined }, environment: Environment): Promise<number> {
  return runGenerator(() => generateSample(environment), command.output);
}

/** Writes what `generate` gives; its failure goes to standard error. @returns the exit code. */
export async function runGenerator(generate: () => Promise<string>, output: string | undefined): Promise<number> {
  try {
    writeGenerated(await generate(), output);
    return 0;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
}

/** Writes to a file (its directories are created) or to standard output. */
function writeGenerated(text: string, output: string | undefined): void {
  if (output === undefined) {
    process.stdout.write(text);
    return;
  }
  mkdirSync(dirname(output), { recursive: true });
  writeFileSync(output, text);
}

function template(host: string, address: string | undefined): RawMap {
  const ip = address ?? FIXME;
  const at = (port: number): string => (address === undefined ? FIXME : `${address.includes(':') ? `[${ip}]` : ip}:${port}`);
  return {
    scope: FIXME,
    name: address === undefined ? FIXME : host,
    restapi: { connect_address: at(8008), listen: at(8008) },
    log: { type: 'plain', level: 'INFO', traceback_level: 'ERROR', format: DEFAULT_LOG_FORMAT, max_queue_size: 1000 },
    postgresql: {
      data_dir: FIXME,
      connect_address: at(5432),
      listen: at(5432),
      bin_dir: '',
      authentication: { superuser: { username: 'postgres', password: FIXME }, replication: { username: 'replicator', password: FIXME } },
    },
    // Patroni's sample also has `nosync`, which its own validation refuses beside `sync_priority`.
    tags: { failover_priority: 1, sync_priority: 1, noloadbalance: false, clonefrom: true, nostream: false },
    bootstrap: {
      dcs: { ttl: 30, loop_wait: 10, retry_timeout: 10, postgresql: { use_slots: true, parameters: { ...DEFAULT_PARAMETERS } } },
    },
  };
}

/** The first address of this host, IPv4 first. */
async function localAddress(host: string): Promise<string | undefined> {
  try {
    const addresses = await lookup(host, { all: true });
    return (addresses.find((entry) => entry.family === 4) ?? addresses[0])?.address;
  } catch {
    return undefined;
  }
}

async function installedVersion(postgresql: RawMap, path: string): Promise<number> {
  const binDir = String(postgresql['bin_dir'] ?? '');
  const name = String(asMap(postgresql['bin_name'])['postgres'] ?? 'postgres');
  const program = findProgram(binDir, name, path);
  try {
    if (program === undefined) throw new Error(`no executable '${name}' in '${binDir === '' ? '$PATH' : binDir}'`);
    return Number(majorOf(await postgresVersion(program)));
  } catch (error) {
    throw new Error(`Failed to get postgres version: ${(error as Error).message}`, { cause: error });
  }
}

/** What depends on the major version of PostgreSQL: 9.5, 9.6, 10, … */
function addVersionDependent(config: RawMap, postgresql: RawMap, major: number): void {
  const method = major >= 10 ? 'scram-sha-256' : 'md5';
  const authentication = asMap(postgresql['authentication']);
  const replication = String(asMap(authentication['replication'])['username'] ?? 'replicator');
  postgresql['parameters'] = { ...asMap(postgresql['parameters']), password_encryption: method };
  postgresql['pg_hba'] = [`host all all all ${method}`, `host replication ${replication} all ${method}`];
  if (major >= 11 && !('rewind' in authentication)) authentication['rewind'] = { username: 'rewind_user', password: FIXME };
  const shared = asMap(asMap(asMap(config['bootstrap'])['dcs'])['postgresql']);
  const parameters = asMap(shared['parameters']);
  if (major >= 13) parameters['wal_keep_size'] = '128MB';
  else parameters['wal_keep_segments'] = 8;
  parameters['wal_level'] = major >= 9.6 ? 'replica' : 'hot_standby';
  shared['use_pg_rewind'] = parameters['wal_log_hints'] === 'on';
}

export function writeConfig(config: Readonly<RawMap>, option: string): string {
  const keys = [...ORDER, ...Object.keys(config).filter((key) => !ORDER.includes(key))].filter((key) => key in config);
  let text = `# Generated by patroni ${option}: replace every #FIXME, name a store (etcd3, …), then check with --validate-config.\n`;
  for (const key of keys) {
    const value = config[key];
    if (isPlainObject(value)) text += '\n';
    text += key === 'bootstrap' ? writeBootstrap(asMap(value)) : dumpYaml({ [key]: value }, { lineWidth: 200 });
  }
  return text.trimEnd();
}

/** The timings first: they belong together. */
function writeBootstrap(bootstrap: RawMap): string {
  const { loop_wait, retry_timeout, ttl, ...rest } = asMap(bootstrap['dcs']);
  const indent = (text: string): string => text.replace(/^(?=.)/gm, '    ');
  const timings = Object.entries({ loop_wait, retry_timeout, ttl }).filter(([, value]) => value !== undefined);
  return `bootstrap:\n  # Written to the store when the cluster is created; later changes: patronictl edit-config.\n  dcs:\n${indent(
    timings.map(([key, value]) => dumpYaml({ [key]: value })).join('') + dumpYaml(rest, { lineWidth: 200 }),
  )}`;
}

export function asMap(value: unknown): RawMap {
  return isPlainObject(value) ? value : {};
}
