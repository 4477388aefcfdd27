import { maxLsn } from '../base/lsn.js';
import { parseInteger, pythonText } from '../base/python-values.js';
import type { AgentSnapshot } from '../ports/agent-control.js';
import { isSyncStandby, shownRole, shownState } from './status-document.js';

/** Whether the health check `path` is 200 (rest-api.md §6). Only the own lease makes a leader answer 200, never the view. */
export function isHealthy(name: string, s: AgentSnapshot, path: string, query: URLSearchParams): boolean {
  const role = shownRole(s);
  const isStandby = s.config.standbyCluster !== undefined;
  const followsRole = s.view === undefined && s.config.isPaused;
  const leads = s.isLeader && !followsRole;
  const primary = followsRole ? role === 'primary' : leads && !isStandby;
  const standbyLeader = followsRole ? role === 'standby_leader' : leads && isStandby && (role === 'replica' || role === 'standby_leader');
  const replica = !(leads && isStandby) && isReplica(s, role, query);
  const leading = primary || standbyLeader;
  const tagged = (result: boolean): boolean => result && hasTags(s, query);
  const has = (word: string): boolean => path.includes(word);

  if (has('standby_leader') || has('standby-leader')) return standbyLeader;
  if (has('leader')) return followsRole ? leading : leads;
  if (path === '/' || has('master') || has('primary') || has('read-write')) return primary;
  if (has('replica')) return tagged(replica);
  if (has('read-only') && !has('sync') && !has('quorum')) return tagged(leading || replica);
  if (has('health')) return tagged(shownState(s) === 'running');
  if (s.view === undefined) return false;
  const listed = isSyncStandby(s, name);
  const sync = listed && s.config.synchronousMode === 'on';
  const quorum = listed && s.config.synchronousMode === 'quorum';
  if (path === '/sync' || path === '/synchronous') return tagged(replica && sync);
  if (path === '/quorum') return tagged(replica && quorum);
  if (path === '/async' || path === '/asynchronous') return tagged(replica && !listed);
  if (path === '/read-only-quorum') return tagged(leading || (replica && quorum));
  if (path === '/read-only-sync' || path === '/read-only-synchronous') return tagged(leading || (replica && sync));
  return false;
}

function isReplica(s: AgentSnapshot, role: string, query: URLSearchParams): boolean {
  if (s.postgres.status.kind !== 'known' || role !== 'replica' || shownState(s) !== 'running' || s.tags['noloadbalance']) return false;
  const server = s.postgres.status.value;
  const wanted = query.get('replication_state');
  if (wanted && wanted !== server.replicationState) return false;
  const limit = parseInteger(query.get('lag') || undefined, 'B');
  const leader = maxLsn(s.view?.status.lastLsn, server.latestEndLsn);
  return limit === undefined || leader === 0n || leader <= server.replayLsn + BigInt(limit);
}

function hasTags(s: AgentSnapshot, query: URLSearchParams): boolean {
  for (const [key, value] of query) {
    if (!key.startsWith('tag_') || value === '') continue;
    const tag = s.tags[key.slice(4)];
    if (tag === undefined || (typeof tag === 'string' ? tag : pythonText(tag).toLowerCase()) !== value) return false;
  }
  return true;
}
