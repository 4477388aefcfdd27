import { clusterTimeline } from '../cluster/history.js';
import { isSyncVoter } from '../cluster/sync-state.js';
import { isQuorumActive, isSyncActive } from './election.js';
import { isPrimary, type KnownObservation } from './observation.js';

/** By the history somebody else was promoted after this primary. */
export function staleTimeline(o: KnownObservation): { readonly mine: number; readonly needed: number } | undefined {
  const mine = timelineOf(o);
  const needed = clusterTimeline(o.cluster.view.history);
  return isPrimary(o) && mine !== undefined && mine < needed ? { mine, needed } : undefined;
}

/**
 * `/sync` names another leader than this primary. By quorum commit its voters elect one anew, this member among them. Else nobody could
 * follow if the successor never came back; so this one goes on, unless the successor has reserved a timeline and may have been promoted.
 */
export function isSucceeded(o: KnownObservation): boolean {
  const { sync, reservedTimeline } = o.cluster.view;
  if (!isPrimary(o) || !isSyncActive(o) || sync.leader?.toLowerCase() === o.me.toLowerCase()) return false;
  const mine = timelineOf(o);
  return (isQuorumActive(o) && isSyncVoter(sync, o.me)) || (mine !== undefined && reservedTimeline > mine);
}

function timelineOf({ postgres: { status } }: KnownObservation): number | undefined {
  return status.kind === 'known' ? status.value.primaryTimeline : undefined;
}
