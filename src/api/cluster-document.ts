import { formatLsn, LSN_ZERO, type Lsn, lagBytes } from '../base/lsn.js';
import { compareText, isPlainObject } from '../base/python-values.js';
import type { GlobalConfig } from '../cluster/dynamic-config.js';
import { addressOf, apiUrlOf, connUrlOf, type Member, memberLsn, stateOf } from '../cluster/member.js';
import { isSyncVoter } from '../cluster/sync-state.js';
import type { ClusterView } from '../cluster/view.js';

/** Fields of a member key that are shown as they are, when they are there. */
const COPIED = ['timeline', 'pending_restart', 'pending_restart_reason', 'scheduled_restart', 'tags'];

/** The document of `GET /cluster` (rest-api.md §9). */
export function clusterDocument(scope: string, view: ClusterView, config: GlobalConfig): Record<string, unknown> {
  const members = [...view.members].sort((a, b) => compareText(a.name, b.name)).map((member) => memberItem(member, view, config));
  const { failover } = view;
  return {
    members,
    pause: config.isPaused || undefined,
    scheduled_switchover:
      failover?.scheduledAt === undefined ? undefined : { at: failover.scheduledAt, from: failover.leader, to: failover.candidate },
    scope,
  };
}

function memberItem(member: Member, view: ClusterView, config: GlobalConfig): Record<string, unknown> {
  const isLeader = member.name === view.leader?.name;
  const role = roleOf(member, view, config, isLeader);
  const replication = member.data['replication_state'];
  const address = addressOf(connUrlOf(member) ?? '');
  const item: Record<string, unknown> = {
    name: member.name,
    role,
    state: role !== 'leader' && typeof replication === 'string' && replication !== '' ? replication : stateOf(member),
    api_url: apiUrlOf(member),
    host: address?.host,
    port: address?.port,
  };
  for (const field of COPIED) {
    const value = member.data[field];
    if (value !== undefined && !(isPlainObject(value) && Object.keys(value).length === 0)) item[field] = value;
  }
  if (isLeader) return item;
  const { lastLsn } = view.status;
  return {
    ...item,
    ...position('receive_', memberLsn(member, 'receive_lsn'), lastLsn),
    ...position('replay_', memberLsn(member, 'replay_lsn'), lastLsn),
    ...position('', memberLsn(member), lastLsn),
  };
}

function roleOf(member: Member, view: ClusterView, config: GlobalConfig, isLeader: boolean): string {
  if (isLeader) return config.standbyCluster === undefined ? 'leader' : 'standby_leader';
  if (config.synchronousMode === 'off' || !isSyncVoter(view.sync, member.name)) return 'replica';
  return config.synchronousMode === 'quorum' ? 'quorum_standby' : 'sync_standby';
}

function position(prefix: string, lsn: Lsn | undefined, lastLsn: Lsn): Record<string, unknown> {
  const isKnown = lsn !== undefined && lsn !== LSN_ZERO;
  return { [`${prefix}lag`]: isKnown ? lagBytes(lastLsn, lsn) : 'unknown', [`${prefix}lsn`]: isKnown ? formatLsn(lsn) : 'unknown' };
}
