import { compareText, parseBool, parseInteger, pythonText } from '../../base/python-values.js';
import { slotNameOf } from '../../cluster/slot-name.js';
import type { Upstream } from '../../ports/postgres.js';
import type { ConnectionCredentials, ParameterMap } from '../../ports/settings.js';
import { type Conninfo, connectionParameters, formatConninfo, parseConninfo, withDefaults } from './conninfo.js';
import { isPgpassFor } from './pgpass.js';
import { RECOVERY_PARAMETER_NAMES } from './validity.js';

export interface WantedRecoveryInput {
  /** undefined: no streaming. Never ourselves. */
  readonly upstream: Upstream | undefined;
  /** Own name, on which synchronous replication matches. */
  readonly name: string;
  readonly settings: {
    readonly replication: ConnectionCredentials;
    readonly database: string;
    readonly krbsrvname: string | undefined;
  };
  readonly recoveryConf: ParameterMap;
  readonly majorVersion: number;
  readonly useSlots: boolean;
}

export interface WantedRecovery {
  /** Without `primary_conninfo`, which is rendered when it is written. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Holds the password. */
  readonly primaryConninfo: Conninfo | undefined;
}

/** The recovery settings for following `upstream` (postgres.md §16.2). */
export function wantedRecovery(o: WantedRecoveryInput): WantedRecovery {
  const parameters = new Map<string, string>();
  for (const [name, value] of Object.entries(o.recoveryConf)) {
    const isOurs = /^(recovery_target|primary_conninfo$|primary_slot_name$)/i.test(name);
    if (!isOurs && value !== null && value !== undefined) parameters.set(name.toLowerCase(), pythonText(value));
  }
  parameters.set('standby_mode', 'on');
  parameters.set('recovery_target_timeline', 'latest');
  if (o.majorVersion >= 120_000) {
    // An included file could otherwise pause, promote or stop the standby.
    for (const suffix of ['', '_name', '_time', '_xid', '_lsn']) parameters.set(`recovery_target${suffix}`, '');
  }
  const primaryConninfo = conninfoFor(o);
  const slot = primaryConninfo === undefined ? undefined : slotFor(o);
  if (slot !== undefined) parameters.set('primary_slot_name', slot);
  if (o.upstream?.restoreCommand !== undefined) parameters.set('restore_command', o.upstream.restoreCommand);
  if (o.upstream?.archiveCleanupCommand !== undefined) parameters.set('archive_cleanup_command', o.upstream.archiveCleanupCommand);
  if (o.upstream?.kind === 'remote' && o.upstream.recoveryMinApplyDelay !== undefined) {
    parameters.set('recovery_min_apply_delay', o.upstream.recoveryMinApplyDelay);
  }
  return { parameters, primaryConninfo };
}

/**
 * A host that swallows packets holds the WAL receiver for two minutes before it tries the next one; it knows no
 * `connect_timeout`. The limit of the kernel for unanswered data holds for connecting, too.
 */
const NEXT_HOST_AFTER_MS = 10_000;

function conninfoFor(o: WantedRecoveryInput): Conninfo | undefined {
  if (o.upstream === undefined || o.upstream.name === o.name) return undefined;
  const target = connectionParameters(o.upstream.connUrl, o.settings.replication, o.settings.database);
  if (target === undefined) return undefined;
  const isOneOfSeveral = o.upstream.kind === 'remote' && target['host']?.includes(',') === true;
  const isReadWrite = isOneOfSeveral && slotFor(o) !== undefined && o.majorVersion >= 100_000;
  return {
    sslmode: 'prefer',
    ...(o.majorVersion >= 120_000 ? { gssencmode: 'prefer' } : {}),
    ...(o.majorVersion >= 130_000 ? { channel_binding: 'prefer' } : {}),
    ...(o.majorVersion >= 170_000 ? { sslnegotiation: 'postgres' } : {}),
    ...target,
    application_name: o.name,
    ...(o.settings.krbsrvname === undefined ? {} : { krbsrvname: o.settings.krbsrvname }),
    ...(isReadWrite ? { target_session_attrs: 'read-write' } : {}),
    ...(isOneOfSeveral && o.majorVersion >= 120_000 ? { tcp_user_timeout: String(NEXT_HOST_AFTER_MS) } : {}),
  };
}

function slotFor(o: WantedRecoveryInput): string | undefined {
  if (!o.useSlots || o.majorVersion < 90_400 || o.upstream?.slotName === null) return undefined;
  if (o.upstream?.kind === 'remote') return o.upstream.slotName === undefined ? undefined : slotNameOf(o.upstream.slotName);
  return slotNameOf(o.upstream?.slotName ?? o.name);
}

/** `primary_conninfo` as it is written: from version 10 on the password stands in the password file. */
export function primaryConninfoText(info: Conninfo, majorVersion: number, pgpass: string): string {
  const isInFile = majorVersion >= 100_000 && info['password'] !== undefined;
  return formatConninfo(isInFile ? { ...info, passfile: pgpass } : info, majorVersion);
}

/** Everything that is to be written, `standby_mode` included. */
export function writtenRecovery(wanted: WantedRecovery, majorVersion: number, pgpass: string): Map<string, string> {
  const all = new Map(wanted.parameters);
  if (wanted.primaryConninfo !== undefined) all.set('primary_conninfo', primaryConninfoText(wanted.primaryConninfo, majorVersion, pgpass));
  return all;
}

/** The two spellings of what happens at the target, 9.5 being the border (postgres.md §16.1). */
export function convertRecoveryTarget(parameters: ReadonlyMap<string, string>, majorVersion: number): Map<string, string> {
  const result = new Map(parameters);
  const pause = result.get('pause_at_recovery_target');
  const action = result.get('recovery_target_action');
  if (majorVersion >= 90_500) {
    result.delete('pause_at_recovery_target');
    if (pause !== undefined && action === undefined) result.set('recovery_target_action', parseBool(pause) ? 'pause' : 'promote');
  } else if (action !== undefined) {
    result.delete('recovery_target_action');
    if (action.toLowerCase() === 'promote') result.set('pause_at_recovery_target', 'false');
  }
  return result;
}

/** `name = 'value'` lines, sorted. */
export function renderParameters(parameters: Iterable<readonly [string, string]>): string {
  return [...parameters]
    .sort(([a], [b]) => compareText(a, b))
    .map(([name, value]) => `${name} = '${value.replace(/['\\]/g, '$&$&')}'\n`)
    .join('');
}

/** Reads recovery.conf as the server does. undefined when a line does not parse. */
export function parseRecoveryConf(text: string): Map<string, string> | undefined {
  const result = new Map<string, string>();
  for (const line of text.split('\n')) {
    if (/^\s*(#|$)/.test(line)) continue;
    const match = /^\s*([A-Za-z_]\w*)\s*(?:=\s*|\s)(?:'((?:[^'\\]|''|\\.)*)'|([^\s'#]+))\s*(?:#.*)?$/.exec(line);
    if (!match) return undefined;
    result.set(
      (match[1] ?? '').toLowerCase(),
      match[3] ?? (match[2] ?? '').replace(/''|\\(.)/g, (all, c: string | undefined) => c ?? all[0] ?? ''),
    );
  }
  return result;
}

export interface KnownRecoveryValue {
  readonly value: string;
  readonly needsRestart: boolean;
  readonly sourceFile?: string | undefined;
}

/** Whether a change waits for a restart, where the server itself can't be asked (postgres.md §16.3). */
export function recoveryNeedsRestart(name: string, majorVersion: number): boolean {
  if (majorVersion < 120_000 || name.startsWith('recovery_target')) return true;
  if (name === 'restore_command') return majorVersion < 140_000;
  return (name === 'primary_conninfo' || name === 'primary_slot_name') && majorVersion < 130_000;
}

/** Names whose known values are compared. */
export function comparedRecoveryNames(majorVersion: number): readonly string[] {
  const wrong = majorVersion >= 120_000 ? 'trigger_file' : 'promote_trigger_file';
  const left = ['pause_at_recovery_target', 'recovery_target_inclusive', 'recovery_target_action', 'standby_mode', wrong];
  return RECOVERY_PARAMETER_NAMES.filter((name) => !left.includes(name));
}

export interface CompareRecoveryInput {
  readonly wanted: WantedRecovery;
  /** undefined: could not be read or parsed. */
  readonly known: ReadonlyMap<string, KnownRecoveryValue> | undefined;
  readonly hasMarker: boolean;
  readonly isStarting: boolean;
  /** False until a callback was called: a server that we joined gets our file once. */
  readonly isTakenOver: boolean;
  readonly receiver:
    | { readonly isRunning: boolean; readonly slotName: string | undefined; readonly conninfo: string | undefined }
    | undefined;
  readonly majorVersion: number;
  /** Content of the file that the known `passfile` names; undefined: there is none. */
  readonly pgpassContent: string | undefined;
  readonly database: string;
  /** Paths of postgresql.conf and postgresql.auto.conf. */
  readonly ownFiles: readonly string[];
}

const KEPT_FROM_INCLUDED_FILES = [
  'archive_cleanup_command',
  'promote_trigger_file',
  'recovery_end_command',
  'recovery_min_apply_delay',
  'restore_command',
];

/** Whether the running standby's settings are the wanted ones, and if not, whether that takes a restart (postgres.md §16.4). */
export function compareRecovery(o: CompareRecoveryInput): { readonly change: boolean; readonly restart: boolean } {
  const all = { change: true, restart: true };
  if (!o.hasMarker || o.known === undefined) return all;
  const known = new Map(o.known);
  const conninfoText = known.get('primary_conninfo')?.value ?? '';
  if (conninfoText !== '' && parseConninfo(conninfoText) === undefined) return all;
  const slot = known.get('primary_slot_name');
  if (!o.isStarting && o.receiver?.isRunning && slot !== undefined)
    known.set('primary_slot_name', { ...slot, value: o.receiver.slotName ?? '' });
  let change = o.majorVersion >= 120_000 && !o.isTakenOver && !o.isStarting;
  let restart = false;
  for (const [name, entry] of known) {
    if (isEqual(name, entry, o)) continue;
    change = true;
    restart ||= entry.needsRestart;
  }
  return { change, restart };
}

function isEqual(name: string, entry: KnownRecoveryValue, o: CompareRecoveryInput): boolean {
  const wanted = o.wanted.parameters.get(name);
  const isForeign = entry.sourceFile !== undefined && entry.sourceFile !== '' && !o.ownFiles.includes(entry.sourceFile);
  if (isForeign && wanted === undefined && KEPT_FROM_INCLUDED_FILES.includes(name)) return true;
  switch (name) {
    case 'recovery_min_apply_delay':
      return (parseInteger(wanted ?? 0, 'ms') ?? 0) === (parseInteger(entry.value || 0, 'ms') ?? 0);
    case 'standby_mode':
      return parseBool(wanted ?? 'on') === parseBool(entry.value);
    case 'primary_slot_name':
      return o.wanted.primaryConninfo === undefined || entry.value === (wanted ?? '');
    case 'primary_conninfo':
      return isConninfoEqual(entry.value, o);
    default:
      return entry.value === (wanted ?? '');
  }
}

function isConninfoEqual(text: string, o: CompareRecoveryInput): boolean {
  const wanted = o.wanted.primaryConninfo;
  if (wanted === undefined) return text === '';
  if (text === '') return false;
  const configured: Conninfo = parseConninfo(text) ?? {};
  const used = o.receiver?.isRunning && o.receiver.conninfo ? parseConninfo(o.receiver.conninfo) : undefined;
  const known: Record<string, string | undefined> = { ...withDefaults(used ?? configured) };
  if (used !== undefined) {
    known['dbname'] = configured['dbname'];
    known['passfile'] = configured['passfile'];
    known['password'] = configured['password'];
  }
  const isByFile = configured['passfile'] !== undefined && configured['password'] === undefined && wanted['password'] !== undefined;
  if (isByFile && (o.pgpassContent === undefined || !isPgpassFor(o.pgpassContent, wanted))) return false;
  return Object.entries(wanted).every(([key, value]) => {
    if (key === 'dbname' && o.majorVersion < 170_000) return true;
    if (key === 'password' && isByFile) return true;
    return value === '' || known[key] === value;
  });
}
