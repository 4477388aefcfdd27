import { parseJsonObject } from '../base/json.js';
import { parseInteger } from '../base/python-values.js';

/** The content of `/sync` (dcs.md §3.7). Empty (no leader) while synchronous mode is not active. */
export interface SyncState {
  /** undefined while the key does not exist. */
  readonly version: string | undefined;
  readonly leader: string | undefined;
  readonly voters: readonly string[];
  readonly quorum: number;
}

export const NO_SYNC_STATE: SyncState = { version: undefined, leader: undefined, voters: [], quorum: 0 };

export function parseSyncState(value: string, version: string): SyncState {
  const document = parseJsonObject(value);
  const leader = document?.['leader'];
  if (typeof leader !== 'string' || leader === '') return { ...NO_SYNC_STATE, version };
  const standbys = document?.['sync_standby'];
  const voters =
    typeof standbys === 'string'
      ? standbys
          .split(',')
          .map((name) => name.trim())
          .filter((name) => name !== '')
      : [];
  return { version, leader, voters, quorum: parseInteger(document?.['quorum']) ?? 0 };
}

export function isSyncEmpty(sync: SyncState): boolean {
  return sync.leader === undefined;
}

/** Names are compared without case because PostgreSQL compares application names so. */
export function isSyncVoter(sync: SyncState, name: string): boolean {
  return sync.voters.some((voter) => voter.toLowerCase() === name.toLowerCase());
}

/** Whether `name` is the leader of the key or one of its voters. */
export function isSyncMember(sync: SyncState, name: string): boolean {
  return isSyncVoter(sync, name) || sync.leader?.toLowerCase() === name.toLowerCase();
}
