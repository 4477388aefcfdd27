import { isRunning, traitsOfMember } from '../../cluster/member.js';
import { isSyncVoter } from '../../cluster/sync-state.js';
import { publishedTags, type Tags } from '../../cluster/tags.js';
import type { ClusterView } from '../../cluster/view.js';
import { isPrimary, type Observation } from '../observation.js';

/**
 * A standby whose server is about to go on purpose asks to be released from synchronous replication before, so that no
 * commit waits for it (ha.md §17.7). A courtesy: nothing safe rests on it, and a primary that lost its lease has no time for it.
 */
export function shouldRenounce(o: Observation): boolean {
  return o.config.synchronousMode !== 'off' && !o.isLeaseValid && !isPrimary(o) && !o.policy.traits.nosync;
}

/** The tags as the others shall see them: who renounces is never picked, by members of any version. */
export function effectiveTags(configured: Tags, isRenouncing: boolean): Tags {
  return { ...publishedTags(configured), ...(isRenouncing ? { nosync: true, sync_priority: 0 } : {}) };
}

/** Commits of the current leader may still wait for `me`. Without a leader there are none. */
export function isOnDuty({ leader, sync }: ClusterView, me: string): boolean {
  return leader !== undefined && leader.name !== me && sync.leader === leader.name && isSyncVoter(sync, me);
}

/** In strict mode a leader keeps its last standby whatever that one asks for: then waiting is in vain. */
export function canBeReleased({ leader, members }: ClusterView, me: string, isStrict: boolean): boolean {
  const others = members.filter(({ name }) => name !== me && name !== leader?.name);
  return !isStrict || others.some((member) => isRunning(member) && !traitsOfMember(member).nosync);
}
