import { isJsonObject, type Json, type JsonObject, parseJson } from '../../base/json.js';
import { LSN_ZERO, type Lsn, maxLsn, parseLsn } from '../../base/lsn.js';
import { parseInteger } from '../../base/python-values.js';
import type { ReplicationSlot, ServerStatus, StreamingStandby, WalSender } from '../../ports/postgres.js';
import type { Row } from './session.js';

/** What the WAL receiver really uses, for the comparison with the wanted recovery settings. */
export interface ReceiverFacts {
  readonly isRunning: boolean;
  readonly slotName: string | undefined;
  /** The password is masked by the server. */
  readonly conninfo: string | undefined;
}

export interface StatusAnswer {
  readonly status: ServerStatus;
  readonly receiver: ReceiverFacts;
}

export interface StatusContext {
  readonly majorVersion: number;
  readonly withSynchronousState: boolean;
  /** Before version 12 the server does not tell its restore_command: is one configured? */
  readonly hasRestoreCommand: boolean;
}

/** Reads the row of the status query. @throws TypeError when it is not such a row. */
export function readStatusAnswer(row: Row, context: StatusContext): StatusAnswer {
  const isInRecovery = flag(row, 'in_recovery');
  const senders = objects(row['wal_senders']);
  const receiver: ReceiverFacts = {
    isRunning: row['receiver_status'] !== null && row['receiver_status'] !== undefined,
    slotName: text(row['receiver_slot']),
    conninfo: text(row['receiver_conninfo']),
  };
  const status: ServerStatus = {
    isInRecovery,
    primaryTimeline: isInRecovery ? 0 : Number.parseInt(row['timeline'] ?? '0', 16),
    walLsn: lsn(row['wal_lsn']) ?? LSN_ZERO,
    replayLsn: lsn(row['replay_lsn']) ?? LSN_ZERO,
    receiveLsn: maxLsn(lsn(row['receive_lsn']), lsn(row['written_lsn'])),
    isReplayPaused: flag(row, 'replay_paused'),
    receivedTimeline: parseInteger(row['received_tli']),
    replicationState: isInRecovery && context.majorVersion >= 90_600 ? replicationState(row, context) : undefined,
    latestEndLsn: lsn(row['latest_end_lsn']),
    slots: objects(row['slots']).map(slot),
    synchronousCommit: row['synchronous_commit'] ?? 'on',
    synchronousStandbyNames: row['synchronous_standby_names'] ?? '',
    standbys: context.withSynchronousState ? senders.filter((sender) => sender['state'] === 'streaming').map(standby) : [],
    postmasterStartTime: row['start_time'] ?? '',
    serverVersion: parseInteger(row['server_version']) ?? 0,
    replayTimestamp: text(row['replay_timestamp']),
    walSenders: senders.map(walSender),
  };
  return { status, receiver };
}

function replicationState(row: Row, context: StatusContext): ServerStatus['replicationState'] {
  if (row['receiver_status'] === 'streaming') return 'streaming';
  const hasCommand = context.majorVersion >= 120_000 ? text(row['restore_command']) !== undefined : context.hasRestoreCommand;
  return hasCommand ? 'in archive recovery' : undefined;
}

function slot(item: JsonObject): ReplicationSlot {
  return {
    name: string(item['slot_name']) ?? '',
    type: item['slot_type'] === 'logical' ? 'logical' : 'physical',
    isActive: item['active'] === true,
    xmin: string(item['xmin']),
    catalogXmin: string(item['catalog_xmin']),
    restartLsn: lsn(string(item['restart_lsn'])),
    confirmedFlushLsn: lsn(string(item['confirmed_flush_lsn'])),
    database: string(item['database']),
    plugin: string(item['plugin']),
    walStatus: string(item['wal_status']),
    isFailover: item['failover'] === true,
    isSynced: item['synced'] === true,
  };
}

function standby(item: JsonObject): StreamingStandby {
  return {
    applicationName: string(item['application_name']) ?? '',
    syncState: string(item['sync_state']) ?? '',
    writeLsn: lsn(string(item['write_lsn'])),
    flushLsn: lsn(string(item['flush_lsn'])),
    replayLsn: lsn(string(item['replay_lsn'])),
  };
}

function walSender(item: JsonObject): WalSender {
  return {
    usename: string(item['usename']) ?? '',
    application_name: string(item['application_name']) ?? '',
    client_addr: string(item['client_addr']) ?? null,
    state: string(item['state']) ?? '',
    sync_state: string(item['sync_state']) ?? '',
    sync_priority: parseInteger(item['sync_priority']) ?? 0,
  };
}

function flag(row: Row, column: string): boolean {
  const value = row[column];
  if (value !== 't' && value !== 'f') throw new TypeError(`status query: column ${column} is no boolean`);
  return value === 't';
}

function text(value: string | null | undefined): string | undefined {
  return value === null || value === '' ? undefined : value;
}

function lsn(value: string | null | undefined): Lsn | undefined {
  return value === null || value === undefined ? undefined : parseLsn(value);
}

function string(value: Json | undefined): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : undefined;
}

function objects(value: string | null | undefined): JsonObject[] {
  if (value === null || value === undefined) return [];
  const list = parseJson(value);
  return Array.isArray(list) ? list.filter(isJsonObject) : [];
}
