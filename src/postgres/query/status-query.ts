/**
 * The one statement that tells all facts of a moment (postgres.md §10.2), also those that the REST API publishes: reading them
 * in two statements could show a server that is both before and after a promotion.
 * Functions and columns changed names with versions 10 and 13; what a version lacks is null.
 */
export function statusQuery(majorVersion: number, withSynchronousState: boolean): string {
  const names = majorVersion >= 100_000 ? MODERN : LEGACY;
  const current = majorVersion >= 90_600 ? names.flush : 'pg_catalog.pg_current_xlog_location()';
  const receiver = receiverColumns(majorVersion);
  return `SELECT r.r AS in_recovery,
CASE WHEN r.r THEN NULL ELSE pg_catalog.substr(pg_catalog.${names.walFile}(pg_catalog.${names.insert}()), 1, 8) END AS timeline,
CASE WHEN r.r THEN NULL ELSE ${current} END AS wal_lsn,
pg_catalog.${names.replay}() AS replay_lsn,
pg_catalog.${names.receive}() AS receive_lsn,
CASE WHEN r.r THEN pg_catalog.${names.isPaused}() ELSE false END AS replay_paused,
${receiver.columns},
${majorVersion >= 120_000 ? "pg_catalog.current_setting('restore_command')" : 'NULL'} AS restore_command,
${slotsColumn(majorVersion)} AS slots,
${withSynchronousState ? "pg_catalog.current_setting('synchronous_commit')" : "'on'"} AS synchronous_commit,
${withSynchronousState ? "pg_catalog.current_setting('synchronous_standby_names')" : "''"} AS synchronous_standby_names,
${sendersColumn(names)} AS wal_senders,
${timestamp('pg_catalog.pg_postmaster_start_time()', majorVersion)} AS start_time,
${timestamp('pg_catalog.pg_last_xact_replay_timestamp()', majorVersion)} AS replay_timestamp,
pg_catalog.current_setting('server_version_num') AS server_version
FROM (SELECT pg_catalog.pg_is_in_recovery() AS r OFFSET 0) AS r${receiver.source}`;
}

interface Names {
  readonly walFile: string;
  readonly insert: string;
  readonly flush: string;
  readonly replay: string;
  readonly receive: string;
  readonly isPaused: string;
  readonly suffix: 'lsn' | 'location';
}

const MODERN: Names = {
  walFile: 'pg_walfile_name',
  insert: 'pg_current_wal_lsn',
  flush: 'pg_catalog.pg_current_wal_flush_lsn()',
  replay: 'pg_last_wal_replay_lsn',
  receive: 'pg_last_wal_receive_lsn',
  isPaused: 'pg_is_wal_replay_paused',
  suffix: 'lsn',
};

const LEGACY: Names = {
  walFile: 'pg_xlogfile_name',
  insert: 'pg_current_xlog_location',
  flush: 'pg_catalog.pg_current_xlog_flush_location()',
  replay: 'pg_last_xlog_replay_location',
  receive: 'pg_last_xlog_receive_location',
  isPaused: 'pg_is_xlog_replay_paused',
  suffix: 'location',
};

function receiverColumns(majorVersion: number): { readonly columns: string; readonly source: string } {
  if (majorVersion < 90_600) {
    const nothing = ['received_tli', 'written_lsn', 'latest_end_lsn', 'receiver_slot', 'receiver_conninfo', 'receiver_status'];
    return { columns: nothing.map((name) => `NULL AS ${name}`).join(', '), source: '' };
  }
  return {
    columns: `CASE WHEN w.latest_end_lsn IS NULL THEN NULL ELSE w.received_tli END AS received_tli,
${majorVersion >= 130_000 ? 'w.written_lsn' : 'NULL'} AS written_lsn, w.latest_end_lsn,
w.slot_name AS receiver_slot, w.conninfo AS receiver_conninfo, w.status AS receiver_status`,
    source: ' CROSS JOIN pg_catalog.pg_stat_get_wal_receiver() AS w',
  };
}

function slotsColumn(majorVersion: number): string {
  if (majorVersion < 90_400) return 'NULL';
  const columns = ['slot_name', 'slot_type', 'active', 'xmin', 'catalog_xmin', 'restart_lsn', 'database', 'plugin'];
  const where: string[] = [];
  if (majorVersion >= 90_600) columns.push('confirmed_flush_lsn');
  if (majorVersion >= 100_000) where.push('NOT temporary');
  if (majorVersion >= 130_000) columns.push('wal_status');
  if (majorVersion >= 170_000) {
    columns.push('failover', 'synced');
    where.push('NOT (failover AND synced)');
  }
  const condition = where.length === 0 ? '' : ` WHERE ${where.join(' AND ')}`;
  return jsonOf(`SELECT ${columns.join(', ')} FROM pg_catalog.pg_replication_slots${condition}`);
}

function sendersColumn({ suffix }: Names): string {
  return jsonOf(`SELECT usename, application_name, client_addr, state, sync_state, sync_priority,
write_${suffix} AS write_lsn, flush_${suffix} AS flush_lsn, replay_${suffix} AS replay_lsn FROM pg_catalog.pg_stat_replication`);
}

function jsonOf(select: string): string {
  return `(SELECT pg_catalog.json_agg(pg_catalog.row_to_json(t)) FROM (${select}) AS t)`;
}

/** `YYYY-MM-DD HH:MM:SS.ffffff+hh:mm` in the session's time zone (UTC before 11, whose to_char can't print the offset). */
function timestamp(expression: string, majorVersion: number): string {
  if (majorVersion >= 110_000) return `pg_catalog.to_char(${expression}, 'YYYY-MM-DD HH24:MI:SS.USTZH:TZM')`;
  return `(pg_catalog.to_char(pg_catalog.timezone('UTC', ${expression}), 'YYYY-MM-DD HH24:MI:SS.US') || '+00:00')`;
}
