import { isAbsolute, join } from 'node:path';
import { parseInteger, pythonText } from '../../base/python-values.js';
import type { PostgresRole } from '../../cluster/postgres-state.js';
import type { ParameterMap, PostgresSettings } from '../../ports/settings.js';
import { Parameters } from './parameters.js';
import { isRecoveryParameter } from './validity.js';

export const STRICT_SYNC_PLACEHOLDER = '__patroni_strict_sync_replica_placeholder__';

export interface ServerParametersInput {
  readonly settings: PostgresSettings;
  readonly scope: string;
  /** 0: not known. */
  readonly majorVersion: number;
  readonly role: PostgresRole;
  readonly synchronousMode: 'off' | 'on' | 'quorum';
  /** What the agent has set last; a reload must never blank it. */
  readonly synchronousStandbyNames: string | undefined;
  readonly strict: boolean;
  /** Logical slots of standbys need hot_standby_feedback. */
  readonly enforceFeedback?: boolean;
}

export interface ServerParameters {
  readonly parameters: Parameters;
  readonly recoveryConf: ParameterMap;
}

/** Controlled parameters by the version that brought them. */
const SINCE: Readonly<Record<string, number>> = {
  cluster_name: 90_500,
  wal_keep_size: 130_000,
  track_commit_timestamp: 90_500,
  max_replication_slots: 90_400,
  max_worker_processes: 90_400,
  wal_log_hints: 90_400,
};

const CONTROLLED = new Set([
  ...Object.keys(SINCE),
  ...['listen_addresses', 'port', 'wal_level', 'hot_standby', 'max_connections', 'max_wal_senders', 'wal_keep_segments'],
  ...['max_prepared_transactions', 'max_locks_per_transaction'],
]);

/** In the order of the command line; its values win over ALTER SYSTEM. */
const ON_COMMAND_LINE =
  'listen_addresses port cluster_name wal_level hot_standby max_connections max_wal_senders max_prepared_transactions max_locks_per_transaction track_commit_timestamp max_replication_slots max_worker_processes wal_log_hints'.split(
    ' ',
  );

/** `addr[,addr…][:port]`; the port is 5432 unless given. */
export function splitListen(listen: string): { readonly addresses: string; readonly port: string } {
  const match = /^(.*?)(?::([0-9]+))?$/.exec(listen.trim());
  const port = match?.[2];
  const addresses = port === undefined ? listen.trim() : (match?.[1] ?? '');
  return { addresses: addresses.replaceAll(/[[\]]/g, ''), port: port ?? '5432' };
}

/** The parameters that the server should run with, in any role (postgres.md §12.2). */
export function computeServerParameters(o: ServerParametersInput): ServerParameters {
  const parameters = new Parameters(o.settings.parameters);
  for (const [name, value] of Object.entries(roleEntry(o.settings.parametersByRole, o.role) ?? {})) {
    if (!CONTROLLED.has(name.toLowerCase())) parameters.set(name, value);
  }
  const listen = splitListen(o.settings.listen);
  parameters.set('cluster_name', o.scope);
  parameters.set('listen_addresses', listen.addresses);
  parameters.set('port', listen.port);
  synchronousNames(parameters, o);
  if (o.enforceFeedback === true) parameters.set('hot_standby_feedback', 'on');
  walLevel(parameters, o.majorVersion);
  walKeep(parameters, o.majorVersion);
  for (const [name, since] of Object.entries(SINCE)) {
    if (o.majorVersion !== 0 && o.majorVersion < since) parameters.delete(name);
  }
  for (const name of ['hba_file', 'ident_file']) {
    const path = parameters.get(name);
    if (typeof path === 'string' && path !== '' && !isAbsolute(path)) parameters.set(name, join(o.settings.configDir, path));
  }
  return { parameters, recoveryConf: takeRecoveryConf(parameters, o) };
}

/** The entry of a map by role that counts for the role now; a role in between has none. */
export function roleEntry<T>(
  byRole: Readonly<Record<'primary' | 'replica' | 'standby_leader', T | undefined>>,
  role: PostgresRole,
): T | undefined {
  if (role === 'promoted') return byRole.primary;
  return role === 'primary' || role === 'replica' || role === 'standby_leader' ? byRole[role] : undefined;
}

function synchronousNames(parameters: Parameters, o: ServerParametersInput): void {
  if (o.synchronousMode === 'off') return;
  if (o.synchronousStandbyNames !== undefined) parameters.set('synchronous_standby_names', o.synchronousStandbyNames);
  else if (o.strict && (o.role === 'primary' || o.role === 'promoted'))
    parameters.set('synchronous_standby_names', STRICT_SYNC_PLACEHOLDER);
  else parameters.delete('synchronous_standby_names');
}

function walLevel(parameters: Parameters, majorVersion: number): void {
  const level = pythonText(parameters.get('wal_level')).toLowerCase();
  if (level === 'hot_standby' && majorVersion >= 90_600) parameters.set('wal_level', 'replica');
  if (level === 'replica' && majorVersion < 90_600) parameters.set('wal_level', 'hot_standby');
}

/** One setting under two names: a number of 16 MB segments before version 13, a size since. */
function walKeep(parameters: Parameters, majorVersion: number): void {
  if (majorVersion >= 130_000) {
    const segments = parseInteger(parameters.delete('wal_keep_segments') ?? 8) ?? 8;
    if (!parameters.has('wal_keep_size')) parameters.set('wal_keep_size', `${segments * 16}MB`);
  } else if (majorVersion !== 0) {
    const size = parseInteger(parameters.delete('wal_keep_size') ?? '128MB', 'MB') ?? 128;
    if (!parameters.has('wal_keep_segments')) parameters.set('wal_keep_segments', Math.floor((size + 8) / 16));
  }
}

/** Recovery parameters among the others replace the section for them. */
function takeRecoveryConf(parameters: Parameters, o: ServerParametersInput): ParameterMap {
  const misplaced = [...parameters].filter(([name]) => isRecoveryParameter(name));
  for (const [name] of misplaced) parameters.delete(name);
  const right = o.majorVersion >= 120_000 ? 'promote_trigger_file' : 'trigger_file';
  const wrong = right === 'trigger_file' ? 'promote_trigger_file' : 'trigger_file';
  const entries = misplaced.length > 0 ? misplaced : Object.entries(o.settings.recoveryConf);
  return Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase() === wrong ? right : name, value]));
}

export type PendingRestartEntries = Readonly<Record<string, { readonly old_value: string; readonly new_value: string }>>;

const FIELDS: readonly (readonly [name: string, field: string, since: number])[] = [
  ['max_connections', 'max_connections setting', 0],
  ['max_prepared_transactions', 'max_prepared_xacts setting', 0],
  ['max_locks_per_transaction', 'max_locks_per_xact setting', 0],
  ['max_worker_processes', 'max_worker_processes setting', 90_400],
  ['max_wal_senders', 'max_wal_senders setting', 120_000],
];

/**
 * A hot standby refuses to start with smaller values than its primary had: until it has replayed the change it starts with
 * what pg_controldata tells (postgres.md §12.5).
 * @param controlData Fields by name, with or without `Current ` in front.
 */
export function effectiveAtStart(
  parameters: Parameters,
  controlData: Readonly<Record<string, string>> | undefined,
  role: PostgresRole,
  majorVersion: number,
): { readonly parameters: Parameters; readonly pendingRestart: PendingRestartEntries; readonly warnings: readonly string[] } {
  const effective = new Parameters(parameters);
  const pendingRestart: Record<string, { old_value: string; new_value: string }> = {};
  const warnings: string[] = [];
  if (role === 'primary' || controlData === undefined) return { parameters: effective, pendingRestart, warnings };
  for (const [name, field, since] of FIELDS) {
    if (majorVersion < since || !parameters.has(name)) continue;
    const wanted = parseInteger(parameters.get(name));
    const needed = parseInteger(controlData[field] ?? controlData[`Current ${field}`]);
    if (needed === undefined) warnings.push(`${field} is missing from pg_controldata output`);
    else if (wanted !== undefined && needed > wanted) {
      effective.set(name, needed);
      pendingRestart[name] = { old_value: String(needed), new_value: String(wanted) };
    }
  }
  return { parameters: effective, pendingRestart, warnings };
}

/** `--name=value` for what must be equal on all members, in a fixed order (postgres.md §3.2). */
export function commandLine(parameters: Parameters): readonly string[] {
  return ON_COMMAND_LINE.flatMap((name) => {
    const value = parameters.get(name);
    return value === undefined || value === null ? [] : [`--${name}=${pythonText(value)}`];
  });
}
