import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { isPlainObject } from '../base/python-values.js';
import type { ConnectionCredentials, PostgresSettings, ToolOptions } from '../ports/settings.js';
import { CREDENTIAL_KEYS } from './environment-variables.js';
import { ConfigError, type Problem } from './errors.js';
import { SectionReader } from './reader.js';
import { SCHEMA } from './schema-table.js';

const CALLBACKS = ['on_start', 'on_stop', 'on_restart', 'on_reload', 'on_role_change'] as const;
const ROLES = ['primary', 'replica', 'standby_leader'] as const;

/**
 * The merged `postgresql` section, converted.
 * @throws ConfigError naming every required setting that is missing.
 */
export function postgresSettings(merged: Readonly<Record<string, unknown>>): PostgresSettings {
  const r = new SectionReader(merged);
  const authentication = r.section('authentication');
  const dataDir = r.text('data_dir');
  const listen = r.text('listen');
  const problems: Problem[] = [];
  const missing = (path: string): void => void problems.push({ path: `postgresql.${path}`, message: 'is not defined', value: undefined });
  if (listen === undefined) missing('listen');
  if (dataDir === undefined) missing('data_dir');
  if (!isPlainObject(authentication.get('replication'))) missing('authentication.replication');
  if (problems.length > 0 || dataDir === undefined || listen === undefined) throw new ConfigError(problems);
  return {
    // Whole paths: servers, tools and the probe of the disk start in directories of their own.
    dataDir: resolve(dataDir),
    listen,
    configDir: resolve(r.text('config_dir') ?? dataDir),
    configBaseName: r.text('config_base_name') ?? 'postgresql',
    binDir: r.text('bin_dir') ?? '',
    binName: r.textMap('bin_name'),
    database: r.text('database') ?? 'postgres',
    connectAddress: r.text('connect_address'),
    proxyAddress: r.text('proxy_address'),
    useUnixSocket: r.bool('use_unix_socket'),
    useUnixSocketRepl: r.bool('use_unix_socket_repl'),
    pgpass: resolve(r.text('pgpass') ?? join(homedir(), 'pgpass')),
    pgCtlTimeout: r.get('pg_ctl_timeout') === '' ? 0 : r.integer('pg_ctl_timeout', 60),
    superuser: credentials(authentication, 'superuser') ?? {},
    replication: credentials(authentication, 'replication') ?? {},
    rewind: credentials(authentication, 'rewind'),
    parameters: r.map('parameters'),
    parametersByRole: byRole((role) => (r.has(`parameters_${role}`) ? r.map(`parameters_${role}`) : undefined)),
    pgHba: r.texts('pg_hba'),
    pgHbaByRole: byRole((role) => r.texts(`pg_hba_${role}`)),
    pgIdent: r.texts('pg_ident'),
    pgIdentByRole: byRole((role) => r.texts(`pg_ident_${role}`)),
    recoveryConf: r.map('recovery_conf'),
    customConf: r.text('custom_conf'),
    callbacks: callbacks(r.section('callbacks')),
    prePromote: r.text('pre_promote'),
    beforeStop: r.text('before_stop'),
    createReplicaMethods: r.texts('create_replica_methods') ?? r.texts('create_replica_method') ?? ['basebackup'],
    methods: methodSections(merged, 'postgresql'),
    basebackup: toolOptions(r.get('basebackup')),
    rewindOptions: toolOptions(r.get('rewind')),
    usePgRewind: r.bool('use_pg_rewind'),
    removeDataDirectoryOnRewindFailure: r.bool('remove_data_directory_on_rewind_failure'),
    removeDataDirectoryOnDivergedTimelines: r.bool('remove_data_directory_on_diverged_timelines'),
    useSlots: r.bool('use_slots', true),
    krbsrvname: r.text('krbsrvname'),
  };
}

function byRole<T>(read: (role: (typeof ROLES)[number]) => T): Record<(typeof ROLES)[number], T> {
  return { primary: read('primary'), replica: read('replica'), standby_leader: read('standby_leader') };
}

/** Only what libpq knows is let through. */
function credentials(authentication: SectionReader, user: string): ConnectionCredentials | undefined {
  if (!isPlainObject(authentication.get(user))) return undefined;
  const r = authentication.section(user);
  const result: Partial<Record<(typeof CREDENTIAL_KEYS)[number], string>> = {};
  for (const key of CREDENTIAL_KEYS) {
    const value = r.text(key);
    if (value !== undefined) result[key] = value;
  }
  return result;
}

function callbacks(r: SectionReader): PostgresSettings['callbacks'] {
  const result: Partial<Record<(typeof CALLBACKS)[number], string>> = {};
  for (const name of CALLBACKS) {
    const command = r.text(name);
    if (command !== undefined) result[name] = command;
  }
  return result;
}

export function toolOptions(value: unknown): ToolOptions {
  return Array.isArray(value) || isPlainObject(value) ? value : [];
}

/** The mappings of a section that are no settings: methods of the user's, by name. */
export function methodSections(
  raw: Readonly<Record<string, unknown>>,
  name: string,
): Readonly<Record<string, Readonly<Record<string, unknown>>>> {
  const known = new Set(SCHEMA.filter((row) => row.path.startsWith(`${name}.`)).map((row) => row.path.split('.')[1]));
  const result: Record<string, Readonly<Record<string, unknown>>> = {};
  for (const [key, value] of Object.entries(raw)) if (isPlainObject(value) && !known.has(key)) result[key] = value;
  return result;
}
