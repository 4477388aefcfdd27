import { LSN_ZERO } from '../base/lsn.js';
import { COMPATIBLE_VERSION } from '../base/version.js';
import { publishedTags, type Tags } from '../cluster/tags.js';
import type { ScheduledRestart } from '../ports/agent-control.js';
import type { Memory } from './memory.js';
import { type Observation, ownLsn } from './observation.js';

/** What a member publishes that is not of the moment. */
export interface MemberIdentity {
  readonly connUrl: string;
  readonly proxyUrl: string | undefined;
  readonly apiUrl: string;
  readonly tags: Tags;
}

/** States in which the server can tell its position. */
const TELLS_POSITION = ['running', 'restarting', 'starting'];

/**
 * The value of `members/<me>` (dcs.md §3.3). `checkpoint_after_promote` is there, and false, exactly while nobody may
 * rewind from us yet «RISK».
 */
export function memberDocument(
  o: Observation,
  memory: Memory,
  identity: MemberIdentity,
  timeline: number | undefined,
  scheduledRestart: ScheduledRestart | undefined,
  postmasterStartTime: string | undefined,
): Record<string, unknown> {
  const { state, role, pendingRestart, status } = o.postgres;
  const tags = publishedTags(identity.tags);
  const document: Record<string, unknown> = {
    conn_url: identity.connUrl,
    api_url: identity.apiUrl,
    state,
    role,
    version: COMPATIBLE_VERSION,
  };
  if (identity.proxyUrl !== undefined) document['proxy_url'] = identity.proxyUrl;
  if (o.isLeaseValid && memory.rewind !== 'checkpoint') document['checkpoint_after_promote'] = false;
  if (Object.keys(tags).length > 0) document['tags'] = tags;
  if (Object.keys(pendingRestart).length > 0) {
    document['pending_restart'] = true;
    document['pending_restart_reason'] = pendingRestart;
  }
  const canTell = (o.job === undefined || o.job.job.kind === 'promote') && TELLS_POSITION.includes(state);
  if (canTell && status.kind === 'known') {
    document['xlog_location'] = ownLsn(o) ?? LSN_ZERO;
    if (status.value.isInRecovery) {
      if (status.value.replayLsn > LSN_ZERO) document['replay_lsn'] = status.value.replayLsn;
      if (status.value.receiveLsn > LSN_ZERO) document['receive_lsn'] = status.value.receiveLsn;
      if (status.value.replicationState !== undefined) document['replication_state'] = status.value.replicationState;
    }
    if (timeline !== undefined && timeline > 0) document['timeline'] = timeline;
  }
  if (scheduledRestart !== undefined)
    document['scheduled_restart'] = { ...scheduledRestart, postmaster_start_time: postmasterStartTime ?? null };
  if (o.config.isPaused) document['pause'] = true;
  return document;
}
