import { isByPromise, promisedTo } from '../failsafe.js';
import { hasLock, type KnownObservation } from '../observation.js';
import { ask, type Rule, rule } from '../rule.js';
import { follow } from './follow.js';

const isFollower = (o: KnownObservation): boolean => o.cluster.view.leader !== undefined && !hasLock(o);
const leaderName = (o: KnownObservation): string => o.cluster.view.leader?.name ?? 'None';

/** Somebody else holds the lock (ha.md §8 rows 4 and 5; §7.0 for a race that was just lost). */
export const follower: readonly Rule<KnownObservation>[] = [
  rule({
    id: 'follower/ask-promised',
    why: 'A primary that this member lets lead without lock may have stepped down since: then its word ends the promise.',
    match: (o) => {
      const primary = promisedTo(o);
      const isLeading = isFollower(o) && primary !== undefined && isByPromise(o) && !o.config.isPaused;
      return isLeading && o.facts.peers?.has(primary.name) !== true ? primary : undefined;
    },
    decide: ({ name, api_url }) => ask({ kind: 'ask-peers', peers: [{ name, apiUrl: api_url }] }),
  }),
  rule({
    id: 'follower/lost-race',
    why: 'Another member was quicker; its lock decides.',
    match: (o, memory) =>
      isFollower(o) && o.facts.acquire === 'held-by-other'
        ? follow(o, memory, {
            demote: 'demoted self after trying and failing to obtain lock',
            follow: 'following new leader after trying and failing to obtain lock',
          })
        : undefined,
    decide: (verdict) => verdict,
  }),
  rule({
    id: 'follower/standby-cluster',
    why: 'In a standby cluster the leader follows from outside, and the rest follows it.',
    match: (o, memory) =>
      isFollower(o) && o.config.standbyCluster !== undefined
        ? follow(o, memory, {
            demote: 'cannot be a real primary in a standby cluster',
            follow: `no action. I am (${o.me}), a secondary, and following a standby leader (${leaderName(o)})`,
          })
        : undefined,
    decide: (verdict) => verdict,
  }),
  rule({
    id: 'follower/follow-leader',
    why: 'The lock belongs to another member: a primary stops, a standby follows.',
    match: (o, memory) =>
      isFollower(o)
        ? follow(o, memory, {
            demote: 'demoting self because I do not have the lock and I was a leader',
            follow: `no action. I am (${o.me}), a secondary, and following a leader (${leaderName(o)})`,
          })
        : undefined,
    decide: (verdict) => verdict,
  }),
];
