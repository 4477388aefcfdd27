import { pythonText } from '../../base/python-values.js';
import { slotNameOf } from '../../cluster/slot-name.js';
import type { Upstream } from '../../ports/postgres.js';
import type { PostgresSettings } from '../../ports/settings.js';
import type { ConnectionParameters } from '../query/session.js';
import { withCredentials } from './addresses.js';
import { formatConninfo, parseConnUrl } from './conninfo.js';

/** Settings of recovery: they live in the block at the end of postgresql.conf (from 12) or in recovery.conf. */
export const RECOVERY_PARAMETERS: ReadonlySet<string> = new Set([
  'archive_cleanup_command',
  'pause_at_recovery_target',
  'primary_conninfo',
  'primary_slot_name',
  'promote_trigger_file',
  'recovery_end_command',
  'recovery_min_apply_delay',
  'recovery_target',
  'recovery_target_action',
  'recovery_target_inclusive',
  'recovery_target_lsn',
  'recovery_target_name',
  'recovery_target_time',
  'recovery_target_timeline',
  'recovery_target_xid',
  'restore_command',
  'standby_mode',
  'trigger_file',
]);

export type RecoverySettings = Readonly<Record<string, string>>;

export interface WantedRecovery {
  readonly settings: RecoverySettings;
  /** With password; undefined: no streaming. */
  readonly conninfo: ConnectionParameters | undefined;
}

export interface RecoveryContext {
  readonly settings: PostgresSettings;
  readonly memberName: string;
  readonly majorVersion: number;
}

/** Where an upstream is, with the replication user's credentials. */
export function replicationTarget(upstream: Upstream, settings: PostgresSettings): ConnectionParameters | undefined {
  const target = upstream.connUrl === undefined ? undefined : parseConnUrl(upstream.connUrl);
  return target === undefined ? undefined : withCredentials({ dbname: settings.database, ...target }, settings.replication);
}

/** Recovery settings for following `upstream`, or the archive alone (postgres.md §16.2). */
export function wantedRecovery(upstream: Upstream | undefined, context: RecoveryContext): WantedRecovery {
  const { settings, majorVersion } = context;
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(settings.recoveryConf)) {
    if (name.startsWith('recovery_target') || name === 'primary_conninfo' || name === 'primary_slot_name' || value === null) continue;
    if (name === 'standby_mode' || (majorVersion >= 160_000 && name.endsWith('trigger_file'))) continue;
    result[name === 'trigger_file' && majorVersion >= 120_000 ? 'promote_trigger_file' : name] = pythonText(value);
  }
  result['recovery_target_timeline'] = 'latest';
  // A target in an included file would pause, promote or stop the standby.
  if (majorVersion >= 120_000) for (const target of ['', '_lsn', '_name', '_time', '_xid']) result[`recovery_target${target}`] = '';
  const conninfo = upstream === undefined ? undefined : streaming(upstream, context, result);
  if (upstream?.restoreCommand !== undefined) result['restore_command'] = upstream.restoreCommand;
  if (upstream?.archiveCleanupCommand !== undefined) result['archive_cleanup_command'] = upstream.archiveCleanupCommand;
  if (upstream?.recoveryMinApplyDelay !== undefined) result['recovery_min_apply_delay'] = upstream.recoveryMinApplyDelay;
  return { settings: result, conninfo };
}

function streaming(upstream: Upstream, context: RecoveryContext, result: Record<string, string>): ConnectionParameters | undefined {
  const { settings, memberName, majorVersion } = context;
  const target = replicationTarget(upstream, settings);
  if (target === undefined || upstream.name === memberName) return undefined;
  const slot = upstream.slotName === undefined ? slotNameOf(memberName) : upstream.slotName;
  const hasSlot = settings.useSlots && slot !== null && majorVersion >= 90_400;
  if (hasSlot) result['primary_slot_name'] = slot;
  const isAnyOfSeveral = hasSlot && upstream.kind === 'remote' && target['host']?.includes(',') === true;
  const conninfo: ConnectionParameters = {
    sslmode: 'prefer',
    gssencmode: 'prefer',
    channel_binding: 'prefer',
    ...(majorVersion >= 170_000 ? { sslnegotiation: 'postgres' } : {}),
    ...target,
    // Synchronous replication knows members by this name.
    application_name: memberName,
    ...(settings.krbsrvname === undefined ? {} : { krbsrvname: settings.krbsrvname }),
    ...(isAnyOfSeveral ? { target_session_attrs: 'read-write' } : {}),
    ...(target['password'] !== undefined && majorVersion >= 100_000 ? { passfile: settings.pgpass } : {}),
  };
  result['primary_conninfo'] = formatConninfo(conninfo, majorVersion, majorVersion < 100_000);
  return conninfo;
}
