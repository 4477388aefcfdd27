import { LSN_ZERO } from '../base/lsn.js';
import { isSyncMember } from '../cluster/sync-state.js';
import { type Action, log } from './decision.js';
import { aheadLine, compareWithMe, isOutdated, isQuorumActive, isUnlisted, type Judgement, type PeerAnswers } from './election.js';
import type { KnownObservation } from './observation.js';

export interface CandidacyJudgement extends Judgement {
  /** Somebody who has more was heard: what he has beyond us may have been acknowledged. */
  readonly isBehind: boolean;
}

/**
 * Whether a place in `/sync` is no proof that its owner has every acknowledged commit: by quorum commit any of the voters may have
 * acknowledged it, so that the others have to confirm that they have no more (I-9).
 */
export function needsVotes(o: KnownObservation, name: string): boolean {
  return isQuorumActive(o) && isSyncMember(o.cluster.view.sync, name);
}

/**
 * Judges the answers to the candidate of a request in quorum mode. The request settles who is to lead, so priorities don't count,
 * and who may not lead himself can vote. The leader that hands over votes as soon as it is a standby.
 */
export function judgeCandidacy(o: KnownObservation, answers: PeerAnswers): CandidacyJudgement {
  const { sync, failover } = o.cluster.view;
  const lines: Action[] = [];
  let [votes, isBehind, isWaiting, isPrimaryAlive] = [0, false, false, false];
  for (const [name, status] of answers) {
    if (status.kind === 'unreachable' || !isSyncMember(sync, name)) continue;
    if (!status.isInRecovery) {
      isPrimaryAlive ||= name !== failover?.leader;
      if (name !== failover?.leader) lines.push(log('warning', `Primary (${name}) is still alive`));
    } else if (compareWithMe(o, status) > 0) {
      if (name === sync.leader || isOutdated(o, status.timeline) || isUnlisted(o, name)) continue;
      isBehind = true;
      lines.push(aheadLine(o, name, status));
    } else if (status.lsn > LSN_ZERO) {
      // In maintenance mode nobody takes his upstream away; the operator sees to the old primary.
      const isReceiving = status.isReceiving === true && !o.config.isPaused;
      isWaiting ||= isReceiving;
      if (!isReceiving) votes++;
      lines.push(
        log(
          'info',
          isReceiving ? `The vote of ${name} counts when it receives no more WAL of the former leader` : `Got quorum vote from ${name}`,
        ),
      );
    }
  }
  const isElected = votes >= sync.quorum || (sync.leader === o.me && !isBehind);
  return { yes: isElected && !isBehind && !isPrimaryAlive, log: lines, isBehind, isWaiting };
}
