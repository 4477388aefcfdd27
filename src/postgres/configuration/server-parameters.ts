import { parseInteger, pythonText } from '../../base/python-values.js';
import type { PostgresRole } from '../../cluster/postgres-state.js';
import type { ControlData } from '../../ports/postgres.js';
import type { PostgresSettings } from '../../ports/settings.js';
import type { PendingRestart } from '../server-configuration.js';
import { parseListen } from './addresses.js';
import { RECOVERY_PARAMETERS } from './recovery.js';

export type ServerParameters = Readonly<Record<string, string>>;

export interface ParameterContext {
  readonly settings: PostgresSettings;
  readonly scope: string;
  readonly role: PostgresRole;
  readonly majorVersion: number;
  /** As HA set it; a configuration must never blank it. */
  readonly synchronousStandbyNames: string | undefined;
}

/** On the command line, so that ALTER SYSTEM can't change them; in this order. */
const COMMAND_LINE: readonly (readonly [name: string, since?: number])[] = [
  ['listen_addresses'],
  ['port'],
  ['cluster_name', 90_500],
  ['wal_level'],
  ['hot_standby'],
  ['max_connections'],
  ['max_wal_senders'],
  ['max_prepared_transactions'],
  ['max_locks_per_transaction'],
  ['track_commit_timestamp', 90_500],
  ['max_replication_slots', 90_400],
  ['max_worker_processes', 90_400],
  ['wal_log_hints', 90_400],
];

function roleKey(role: PostgresRole): keyof PostgresSettings['parametersByRole'] {
  if (role === 'primary' || role === 'promoted') return 'primary';
  return role === 'standby_leader' ? 'standby_leader' : 'replica';
}

export function byRole<T>(
  values: Readonly<Record<'primary' | 'replica' | 'standby_leader', T | undefined>>,
  role: PostgresRole,
): T | undefined {
  return values[roleKey(role)];
}

/** The parameters of postgresql.conf with lower-case names, before they are checked (postgres.md §12.2). */
export function serverParameters(context: ParameterContext): ServerParameters {
  const { settings, scope, role, majorVersion, synchronousStandbyNames } = context;
  const result: Record<string, string> = {};
  const controlled = new Set(COMMAND_LINE.map(([name]) => name));
  const set = (name: string, value: unknown): void => {
    if (value !== null && value !== undefined && !RECOVERY_PARAMETERS.has(name)) result[name] = pythonText(value);
  };
  for (const [name, value] of Object.entries(settings.parameters)) set(name.toLowerCase(), value);
  for (const [name, value] of Object.entries(byRole(settings.parametersByRole, role) ?? {})) {
    if (!controlled.has(name.toLowerCase())) set(name.toLowerCase(), value);
  }
  const listen = parseListen(settings.listen);
  result['cluster_name'] = scope;
  result['listen_addresses'] = listen.addresses;
  result['port'] = listen.port;
  if (synchronousStandbyNames !== undefined) result['synchronous_standby_names'] = synchronousStandbyNames;
  convertWal(result, majorVersion);
  for (const [name, since] of COMMAND_LINE) if (since !== undefined && majorVersion < since) delete result[name];
  return result;
}

function convertWal(result: Record<string, string>, majorVersion: number): void {
  const level = result['wal_level']?.toLowerCase();
  if (level === 'hot_standby' && majorVersion >= 90_600) result['wal_level'] = 'replica';
  if (level === 'replica' && majorVersion < 90_600) result['wal_level'] = 'hot_standby';
  const segments = result['wal_keep_segments'];
  const size = result['wal_keep_size'];
  delete result['wal_keep_segments'];
  delete result['wal_keep_size'];
  if (majorVersion >= 130_000) result['wal_keep_size'] = size ?? `${(parseInteger(segments) ?? 8) * 16}MB`;
  else result['wal_keep_segments'] = segments ?? String(Math.floor(((parseInteger(size, 'MB') ?? 128) + 8) / 16));
}

export function commandLine(parameters: ServerParameters): readonly string[] {
  return COMMAND_LINE.flatMap(([name]) => (parameters[name] === undefined ? [] : [`--${name}=${parameters[name]}`]));
}

/** A hot standby does not start with less than its primary had; pg_controldata tells how much that was. */
const NOT_BELOW_PRIMARY: readonly (readonly [name: string, field: string, since?: number])[] = [
  ['max_connections', 'max_connections setting'],
  ['max_prepared_transactions', 'max_prepared_xacts setting'],
  ['max_locks_per_transaction', 'max_locks_per_xact setting'],
  ['max_worker_processes', 'max_worker_processes setting', 90_400],
  ['max_wal_senders', 'max_wal_senders setting', 120_000],
];

export function raisedForStandby(
  parameters: ServerParameters,
  controlData: ControlData,
  majorVersion: number,
  warn: (message: string) => void,
): { readonly parameters: ServerParameters; readonly pendingRestart: PendingRestart } {
  const raised: Record<string, string> = { ...parameters };
  const pending: Record<string, { old_value: string; new_value: string }> = {};
  for (const [name, field, since] of NOT_BELOW_PRIMARY) {
    if (since !== undefined && majorVersion < since) continue;
    const needed = parseInteger(controlData.raw[field]);
    const configured = parseInteger(parameters[name]);
    if (needed === undefined) warn(`${field} is missing from pg_controldata output`);
    else if (configured !== undefined && needed > configured) {
      raised[name] = String(needed);
      pending[name] = { old_value: String(needed), new_value: String(configured) };
    }
  }
  return { parameters: raised, pendingRestart: pending };
}

function quote(value: string): string {
  return `'${value.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
}

/** The whole generated file; `recovery` only from version 12, where it is part of it. */
export function renderServerFile(
  include: string,
  parameters: ServerParameters,
  files: Readonly<Record<string, string>>,
  recovery: Readonly<Record<string, string>> | undefined,
): string {
  const lines = ['# Do not edit this file manually!', '# It will be overwritten by Patroni!', `include ${quote(include)}`, ''];
  for (const name of Object.keys(parameters).sort()) lines.push(`${name} = ${quote(parameters[name] ?? '')}`);
  for (const [name, path] of Object.entries(files)) if (parameters[name] === undefined) lines.push(`${name} = ${quote(path)}`);
  if (recovery !== undefined) {
    lines.push('', '# recovery.conf');
    for (const name of Object.keys(recovery).sort()) lines.push(`${name} = ${quote(recovery[name] ?? '')}`);
  }
  return `${lines.join('\n')}\n`;
}
