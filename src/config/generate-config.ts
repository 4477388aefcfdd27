import { readFileSync, readlinkSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { LIBPQ_VARIABLES, parseDsn } from './dsn.js';
import type { Environment } from './environment.js';
import { CREDENTIAL_KEYS } from './environment-variables.js';
import { asMap, FIXME, runGenerator, startConfig, writeConfig } from './generate-sample.js';

type Row = Readonly<Record<string, string | null>>;

/** A connection to the server to describe; the composition root brings it. */
export interface DescribedServer {
  query(sql: string): Promise<readonly Row[]>;
  close(): void;
}

export interface GenerateRequest {
  readonly dsn: string | undefined;
  /** Its `PATRONI_*` variables are removed. */
  readonly environment: Environment;
  /** `parameters`: libpq keywords. */
  readonly connect: (parameters: Readonly<Record<string, string>>) => Promise<DescribedServer>;
  /** Asks the person at the terminal without showing the answer. */
  readonly askPassword: (prompt: string) => Promise<string>;
}

/** Parameters with paths and commands of this machine; the others go to the dynamic configuration. */
const LOCAL_PARAMETERS = new Set(
  'archive_command restore_command archive_cleanup_command recovery_end_command ssl_passphrase_command hba_file ident_file config_file'.split(
    ' ',
  ),
);
/** They have places of their own, or follow from the member's role. */
const PLACED = new Set('data_directory cluster_name listen_addresses port primary_conninfo primary_slot_name'.split(' '));
const ALWAYS =
  'hba_file ident_file config_file data_directory listen_addresses port cluster_name wal_level hot_standby max_connections max_wal_senders ' +
  'wal_keep_segments wal_keep_size max_prepared_transactions max_locks_per_transaction track_commit_timestamp max_replication_slots ' +
  'max_worker_processes wal_log_hints';
const DSN_DEFAULTS = { sslmode: 'prefer', gssencmode: 'prefer', channel_binding: 'prefer', sslnegotiation: 'postgres' };
const SINCE: Readonly<Record<string, number>> = { gssencmode: 12, channel_binding: 13, sslpassword: 13, sslcrldir: 14, sslnegotiation: 17 };
const HBA_WORDS = new Set(['local', 'host', 'hostssl', 'hostnossl', 'hostgssenc', 'hostnogssenc']);
const HBA_INCLUDES = new Set(['include', 'include_if_exists', 'include_dir']);

/**
 * A configuration for a PostgreSQL that runs on this machine (configuration.md §4.4), as YAML without final newline.
 * @throws Error with Patroni's message when the server can not be asked or its files can not be read.
 */
export async function generateConfig(request: GenerateRequest): Promise<string> {
  const parameters = await connectionParameters(request);
  const { config } = await startConfig({ ...request.environment });
  const server = await request.connect(parameters).catch((error: Error) => {
    throw new Error(`Failed to establish PostgreSQL connection: ${error.message}`, { cause: error });
  });
  try {
    const [facts] = await server.query("SELECT current_setting('is_superuser') AS super, current_setting('server_version_num') AS version");
    if (facts?.['super'] !== 'on') throw new Error('The provided user does not have superuser privilege');
    const major = Math.floor(Number(facts['version']) / 10_000);
    const settings = await readSettings(server);
    describe(config, settings, parameters, major);
  } finally {
    server.close();
  }
  return writeConfig(config, '--generate-config');
}

/** `--generate-config`. @returns the exit code. */
export function runGenerateConfig(command: { readonly output: string | undefined }, request: GenerateRequest): Promise<number> {
  return runGenerator(() => generateConfig(request), command.output);
}

async function connectionParameters(request: GenerateRequest): Promise<Record<string, string>> {
  const parsed = request.dsn === undefined ? {} : parseDsn(request.dsn);
  if (parsed === undefined) throw new Error('Failed to parse DSN string');
  const result: Record<string, string> = request.dsn === undefined ? {} : { ...DSN_DEFAULTS };
  for (const [key, variable] of Object.entries(LIBPQ_VARIABLES)) {
    const value = parsed[key] ?? request.environment[variable];
    if (value) result[key] = value;
  }
  if (parsed['sslpassword']) result['sslpassword'] = parsed['sslpassword'];
  result['user'] ??= userInfo().username;
  result['dbname'] ??= 'postgres';
  result['password'] ??= await request.askPassword('Please enter the user password:');
  return result;
}

async function readSettings(server: DescribedServer): Promise<ReadonlyMap<string, string>> {
  const always = ALWAYS.split(' ')
    .map((name) => `'${name}'`)
    .join(', ');
  const rows = await server.query(
    `SELECT name, current_setting(name) AS value FROM pg_settings
     WHERE context <> 'internal' AND (name IN (${always})
        OR source IN ('configuration file', 'command line', 'environment variable')
           AND category <> 'Write-Ahead Log / Recovery Target' AND setting <> '(disabled)')
     ORDER BY name`,
  );
  return new Map(rows.map((row) => [row['name'] ?? '', row['value'] ?? '']));
}

function describe(
  config: Record<string, unknown>,
  settings: ReadonlyMap<string, string>,
  parameters: Readonly<Record<string, string>>,
  major: number,
): void {
  const setting = (name: string): string => settings.get(name) ?? '';
  const dataDir = setting('data_directory');
  const postgresql = asMap(config['postgresql']);
  const local: Record<string, string> = {};
  const shared: Record<string, string> = {};
  for (const [name, value] of settings) {
    if (LOCAL_PARAMETERS.has(name)) local[name] = value;
    else if (!PLACED.has(name)) shared[name] = value;
  }
  if (setting('cluster_name') !== '') config['scope'] = setting('cluster_name');
  const dynamic = asMap(asMap(asMap(config['bootstrap'])['dcs'])['postgresql']);
  dynamic['parameters'] = shared;
  dynamic['use_pg_rewind'] = shared['wal_log_hints'] === 'on';
  const address = String(postgresql['connect_address']).replace(/:\d+$/, '');
  Object.assign(postgresql, {
    data_dir: dataDir,
    listen: `${setting('listen_addresses')}:${setting('port')}`,
    connect_address: `${address}:${(parameters['port'] ?? setting('port')).split(',')[0]}`,
    bin_dir: programDirectory(dataDir),
    parameters: local,
    authentication: authentication(parameters, major),
  });
  const hba = ownFile(
    setting('hba_file'),
    join(dataDir, 'pg_hba.conf'),
    (word) => HBA_WORDS.has(word) || (major >= 16 && HBA_INCLUDES.has(word)),
  );
  const ident = ownFile(setting('ident_file'), join(dataDir, 'pg_ident.conf'), (word) => !word.startsWith('#'));
  if (hba !== undefined) postgresql['pg_hba'] = hba;
  if (ident !== undefined && ident.length > 0) postgresql['pg_ident'] = ident;
}

function authentication(parameters: Readonly<Record<string, string>>, major: number): Record<string, unknown> {
  const superuser: Record<string, string> = {};
  for (const key of CREDENTIAL_KEYS) {
    const value = parameters[key === 'username' ? 'user' : key];
    if (value !== undefined && major >= (SINCE[key] ?? 0)) superuser[key] = value;
  }
  const unknown = (): Record<string, string> => ({ username: FIXME, password: FIXME });
  return { superuser, replication: unknown(), ...(major >= 11 ? { rewind: unknown() } : {}) };
}

/** The lines of a file that wait for our control; undefined when it is not in its default place, and so not ours. */
function ownFile(path: string, expected: string, isWanted: (firstWord: string) => boolean): readonly string[] | undefined {
  if (path !== expected) return undefined;
  const name = path.slice(path.lastIndexOf('/') + 1);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`Failed to read ${name}: ${(error as Error).message}`, { cause: error });
  }
  return text
    .split('\n')
    .map((row) => row.trim())
    .filter((row) => row !== '' && isWanted(row.split(/\s+/)[0] ?? ''));
}

/** Where the program of the running postmaster is. */
function programDirectory(dataDir: string): string {
  let text: string;
  try {
    text = readFileSync(join(dataDir, 'postmaster.pid'), 'utf8');
  } catch (error) {
    throw new Error(`Error while reading postmaster.pid file: ${(error as Error).message}`, { cause: error });
  }
  const pid = /^\s*(\d+)\s*$/m.exec(text.split('\n')[0] ?? '')?.[1];
  if (pid === undefined) throw new Error('Failed to obtain postmaster pid from postmaster.pid file');
  try {
    return dirname(readlinkSync(`/proc/${pid}/exe`));
  } catch (error) {
    throw new Error("Obtained postmaster pid doesn't exist.", { cause: error });
  }
}
