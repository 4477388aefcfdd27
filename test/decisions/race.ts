import { milliseconds } from '../../src/base/duration.js';
import { at, healthyCluster, leaderless, lsn, NOW, RUNNING_AS_PRIMARY } from '../support/builders.js';
import type { DecisionCase } from './case.js';

const STAYS = 'following a different leader because i am not the healthiest node';
const WINS = {
  rules: ['race/run', 'holder/promote'],
  reason: 'promoted self to leader by acquiring session lock',
  actions: ['acquire-lock', 'start-job promote'],
};
const stays = (...rules: string[]) => ({ rules, reason: STAYS });
const primary = () => healthyCluster().after('a').server({ role: 'primary' });
const DEMOTED = ['drop-lease', 'cancel-job', 'start-job demote immediate-nolock'];

const votes: readonly DecisionCase[] = [
  {
    name: 'T1: ahead of everybody',
    given: leaderless().peers({ b: at(990), c: at(1000) }),
    expect: {
      ...WINS,
      beside: [
        'race/nofailover',
        'race/paused',
        'race/requested',
        'race/not-synchronous',
        'race/watchdog-unusable',
        'race/not-in-failsafe-map',
        'race/may-have-promised',
        'race/server-does-not-answer',
        'race/starting',
        'race/primary',
        'race/stale-primary',
        'race/lost',
        'race/back-off-from-live-primary',
        'race/back-off-after-pre-promote',
      ],
    },
  },
  {
    name: 'T2: somebody has more',
    given: leaderless().peers({ b: at(1001), c: at(1000) }),
    expect: { ...stays('race/run'), log: ['info: Wal position of b is ahead of my wal position'] },
  },
  {
    name: 'T3: a higher priority at the same position',
    given: leaderless().peers({ b: at(1000, { tags: { failover_priority: 5 } }) }),
    expect: { ...stays('race/run'), log: ['info: b has equally tolerable WAL position and priority 5, while this node has priority 1'] },
  },
  {
    name: 'the priority of one that may not lead, for its timeline, does not count',
    given: leaderless()
      .config({ check_timeline: true })
      .history([4, 100])
      .answering({ replicaTimeline: 5 })
      .peers({ b: at(1000, { tags: { failover_priority: 5 }, timeline: 4 }) }),
    expect: { ...WINS, rules: ['race/run', 'holder/promote'] },
  },
  {
    name: 'T4: a higher priority counts only at the same position',
    given: leaderless().peers({ b: at(999, { tags: { failover_priority: 5 } }) }),
    expect: WINS,
  },
  {
    name: 'T5: the priority of the former leader does not count',
    given: leaderless()
      .after('b')
      .peers({ b: at(1000, { tags: { failover_priority: 5 } }) }),
    expect: { ...WINS, log: ['info: Ignoring former leader b having priority 5 higher than this nodes 1 priority'] },
  },
  {
    name: 'T6: a living primary vetoes',
    given: leaderless().peers({ b: RUNNING_AS_PRIMARY }),
    expect: { ...stays('race/run'), log: ['warning: Primary (b) is still alive'] },
  },
  { name: 'T8: nobody else can be reached', given: leaderless(), expect: WINS },
  { name: 'T9: lag equal to the limit', given: leaderless().lastLsn(1000 + 1_048_576), expect: WINS },
  {
    name: 'T10: lag beyond the limit',
    given: leaderless().lastLsn(1000 + 1_048_577),
    expect: { ...stays('race/run'), log: ['info: My wal position exceeds maximum replication lag'] },
  },
  {
    name: 'T11: an old timeline where it is checked',
    given: leaderless().config({ check_timeline: true }).history([4, 100]).answering({ replicaTimeline: 4 }),
    expect: { ...stays('race/run'), log: ['info: My timeline 4 is behind last known cluster timeline 5'] },
  },
  {
    name: 'T12: an unknown timeline where it is checked',
    given: leaderless().config({ check_timeline: true }).history([4, 100]).answering({ replicaTimeline: 'unknown' }),
    expect: { ...stays('race/run'), log: ['info: Can not figure out my timeline'] },
  },
  {
    name: 'T13: an old timeline where it is not checked',
    given: leaderless().history([4, 100]).answering({ replicaTimeline: 4 }),
    expect: WINS,
  },
  {
    name: 'T18: another member was quicker',
    given: leaderless().losingRaceTo('b'),
    expect: {
      rules: ['race/run', 'follow/steady'],
      reason: 'following new leader after trying and failing to obtain lock',
      actions: ['acquire-lock'],
      through: ['follower/lost-race'],
      beside: ['holder/promote', 'holder/renew-lock'],
    },
  },
  {
    name: 'a member tagged nofailover is not asked',
    given: leaderless()
      .member('b', { tags: { nofailover: true } })
      .peers({ b: at(2000) }),
    expect: WINS,
  },
  { name: 'a member without watchdog has no say', given: leaderless().peers({ b: at(2000, { isWatchdogFailed: true }) }), expect: WINS },
  {
    name: 'a member that left since the last leader has a say',
    given: leaderless()
      .after('c')
      .member('b', undefined)
      .peers({ b: at(1001) }),
    expect: stays('race/run'),
  },
];

const synchronous: readonly DecisionCase[] = [
  {
    name: 'T65: switchover to me, who is not synchronous',
    given: leaderless().config({ synchronous_mode: true }).sync('c:b').request({ leader: 'c', member: 'a' }),
    expect: { ...stays('race/switchover-needs-synchronous-standby'), beside: ['race/requested'] },
  },
  {
    name: 'T66: manual failover to me, who is not synchronous',
    given: leaderless().config({ synchronous_mode: true }).sync('c:b').request({ member: 'a' }),
    expect: {
      ...WINS,
      rules: ['race/requested', 'holder/promote'],
      through: ['race/requested'],
      beside: ['race/switchover-needs-synchronous-standby'],
    },
  },
  {
    name: 'T125: not listed in /sync',
    given: leaderless().config({ synchronous_mode: true }).sync('c:b'),
    expect: { ...stays('race/not-synchronous'), beside: ['race/run'] },
  },
  {
    name: 'T126: only the former leader has more',
    given: leaderless()
      .config({ synchronous_mode: true })
      .sync('c:a,b')
      .peers({ b: at(1000), c: at(2000) }),
    expect: { ...WINS, log: ['info: Ignoring the former leader being ahead of us'] },
  },
  {
    name: 'T127: another synchronous standby has more',
    given: leaderless()
      .config({ synchronous_mode: true })
      .sync('c:a,b')
      .peers({ b: at(1001), c: at(2000) }),
    expect: stays('race/run'),
  },
  { name: 'T128: the leader of /sync may return alone', given: leaderless().config({ synchronous_mode: true }).sync('a:b'), expect: WINS },
  {
    name: 'T134: one vote is enough',
    given: leaderless()
      .config({ synchronous_mode: 'quorum' })
      .sync('d:a,b,c/1')
      .peers({ b: at(1000) }),
    expect: { ...WINS, log: ['info: Got quorum vote from b'] },
  },
  {
    name: 'a voter takes no more WAL of the former leader before it races',
    given: leaderless()
      .config({ synchronous_mode: 'quorum' })
      .sync('d:a,b,c/1')
      .peers({ b: at(1000) }),
    expect: { ...WINS, rules: ['race/stop-receiving', ...WINS.rules] },
  },
  {
    name: 'who is cut off already is not cut off again',
    given: leaderless()
      .config({ synchronous_mode: 'quorum' })
      .sync('d:a,b,c/1')
      .server({ isCutOff: true })
      .peers({ b: at(1000) }),
    expect: { ...WINS, beside: ['race/stop-receiving'] },
  },
  {
    name: 'a member that does not vote goes on receiving',
    given: leaderless().config({ synchronous_mode: 'quorum' }).sync('d:b,c/1'),
    expect: { ...stays('race/run'), beside: ['race/stop-receiving'] },
  },
  {
    name: 'in priority mode the winner was the only one to acknowledge',
    given: leaderless().config({ synchronous_mode: true }).sync('d:a'),
    expect: { ...WINS, beside: ['race/stop-receiving'] },
  },
  {
    name: 'a vote of somebody who still receives does not count yet',
    given: leaderless()
      .config({ synchronous_mode: 'quorum' })
      .sync('d:a,b,c/1')
      .peers({ b: at(1000, { isReceiving: true }) }),
    expect: {
      ...stays('race/run'),
      log: ['info: The vote of b counts when it receives no more WAL of the former leader'],
    },
  },
  { name: 'T135: no vote', given: leaderless().config({ synchronous_mode: 'quorum' }).sync('d:a,b,c/1'), expect: stays('race/run') },
  {
    name: 'T136: a non-voter needs one vote more',
    given: leaderless()
      .config({ synchronous_mode: 'quorum' })
      .sync('d:b,c/1')
      .peers({ b: at(1000) }),
    expect: { ...stays('race/run'), beside: ['race/not-synchronous'] },
  },
  {
    name: 'T136: a non-voter with one vote more',
    given: leaderless()
      .config({ synchronous_mode: 'quorum' })
      .sync('d:b,c/1')
      .peers({ b: at(1000), c: at(900) }),
    expect: WINS,
  },
  {
    name: 'a voter of a newer timeline has what this member lacks, however far its own WAL goes (simulated seed 306921)',
    given: leaderless()
      .config({ synchronous_mode: 'quorum' })
      .sync('d:a,b,c/1')
      .peers({ b: at(900, { timeline: 2 }) }),
    expect: { ...stays('race/run'), log: ['info: Timeline 2 of b is ahead of my timeline 1'] },
  },
  {
    name: 'who followed the last promotion waits for nobody who did not',
    given: leaderless()
      .config({ synchronous_mode: 'quorum' })
      .sync('d:a,b,c/1')
      .answering({ replicaTimeline: 2 })
      .peers({ b: at(1100) }),
    expect: { ...WINS, log: ['info: Got quorum vote from b'] },
  },
  {
    name: 'a timeline that may be newer than what was replayed is not known: positions decide',
    given: leaderless()
      .config({ synchronous_mode: 'quorum' })
      .sync('d:a,b,c/1')
      .facts({ replicaTimeline: 2, isTimelineUnclear: true })
      .peers({ b: at(1100) }),
    expect: stays('race/run'),
  },
  {
    name: 'without a known timeline positions decide',
    given: leaderless()
      .config({ synchronous_mode: 'quorum' })
      .sync('d:a,b,c/1')
      .answering({ replicaTimeline: 'unknown' })
      .peers({ b: at(1100) }),
    expect: stays('race/run'),
  },
  {
    name: 'T137: the leader of /sync needs no vote',
    given: leaderless().config({ synchronous_mode: 'quorum' }).sync('a:b,c/1'),
    expect: WINS,
  },
  {
    name: 'T138: the leader of /sync with somebody ahead',
    given: leaderless()
      .config({ synchronous_mode: 'quorum' })
      .sync('a:b,c/1')
      .peers({ b: at(1001) }),
    expect: stays('race/run'),
  },
  {
    name: 'T139: a voter that must not lead does not vote',
    given: leaderless()
      .config({ synchronous_mode: 'quorum' })
      .sync('d:a,b/1')
      .peers({ b: at(1000, { tags: { nofailover: true } }) }),
    expect: stays('race/run'),
  },
];

/** In quorum mode a place in /sync proves nothing: the candidate of a request asks, too. */
const quorumCandidate = () => leaderless().config({ synchronous_mode: 'quorum' }).sync('d:a,b,c/1').server({ isCutOff: true });
const REQUESTED = { ...WINS, rules: ['race/requested', 'holder/promote'], through: ['race/requested'] };
const SWITCHOVER_TO_ME = { leader: 'd', member: 'a' };

const candidates: readonly DecisionCase[] = [
  {
    name: 'quorum mode, switchover to me: another voter has no more',
    given: quorumCandidate()
      .request(SWITCHOVER_TO_ME)
      .peers({ b: at(1000) }),
    expect: { ...REQUESTED, log: ['info: Got quorum vote from b'] },
  },
  {
    name: 'quorum mode, switchover to me: the priority of a voter does not count, and who must not lead may vote',
    given: quorumCandidate()
      .request(SWITCHOVER_TO_ME)
      .peers({ b: at(1000, { tags: { nofailover: true, failover_priority: 5 } }) }),
    expect: REQUESTED,
  },
  {
    name: 'quorum mode, switchover to me: the leader that hands over votes when it is a standby',
    given: leaderless()
      .config({ synchronous_mode: 'quorum' })
      .sync('c:a,b/1')
      .server({ isCutOff: true })
      .request({ leader: 'c', member: 'a' })
      .peers({ c: at(1000) }),
    expect: REQUESTED,
  },
  {
    name: 'quorum mode, switchover to me: another voter has more',
    given: quorumCandidate()
      .request(SWITCHOVER_TO_ME)
      .peers({ b: at(1000), c: at(1001) }),
    expect: { ...stays('race/requested'), log: ['info: switchover: waiting, because another member has more'] },
  },
  {
    name: 'quorum mode, switchover to me: a voter of a newer timeline has more',
    given: quorumCandidate()
      .request(SWITCHOVER_TO_ME)
      .peers({ b: at(900, { timeline: 2 }) }),
    expect: {
      ...stays('race/requested'),
      log: ['info: Timeline 2 of b is ahead of my timeline 1', 'info: switchover: waiting, because another member has more'],
    },
  },
  {
    name: 'quorum mode, switchover to me: nobody answers',
    given: quorumCandidate().request(SWITCHOVER_TO_ME),
    expect: {
      ...stays('race/requested'),
      log: ['info: switchover: waiting, because not enough members have confirmed that they have no more'],
    },
  },
  {
    name: 'quorum mode, switchover to me: the vote is on its way',
    given: quorumCandidate()
      .request(SWITCHOVER_TO_ME)
      .peers({ b: at(1000, { isReceiving: true }) }),
    expect: stays('race/requested'),
  },
  {
    name: 'quorum mode, failover to me: nobody answers, and the operator takes the risk',
    given: quorumCandidate().request({ member: 'a' }),
    expect: { ...REQUESTED, log: ['warning: manual failover: not all members that may have acknowledged commits could be asked'] },
  },
  {
    name: 'quorum mode, failover to me: somebody who answers has more (simulated seed 16881)',
    given: quorumCandidate()
      .request({ member: 'a' })
      .peers({ b: at(1001) }),
    expect: { ...stays('race/requested'), log: ['info: manual failover: waiting, because another member has more'] },
  },
  {
    name: 'quorum mode, failover to me, who is not in /sync',
    given: leaderless()
      .config({ synchronous_mode: 'quorum' })
      .sync('d:b,c/1')
      .request({ member: 'a' })
      .peers({ b: at(1001) }),
    expect: { ...REQUESTED, log: ['warning: manual failover: I am not in /sync, acknowledged commits may be lost'] },
  },
  {
    name: 'quorum mode: nobody waits for a candidate that he keeps from being elected (simulated seed 13245)',
    given: quorumCandidate()
      .request({ leader: 'd', member: 'b' })
      .peers({ b: at(999) }),
    expect: { ...REQUESTED, log: ['warning: switchover: member b is behind this member'] },
  },
  {
    name: 'quorum mode: a candidate that has as much is waited for',
    given: quorumCandidate()
      .request({ leader: 'd', member: 'b' })
      .peers({ b: at(1000) }),
    expect: { ...stays('race/requested'), log: ['info: switchover: to b, i am a'] },
  },
  {
    name: 'priority mode: the candidate in /sync has everything, whoever is ahead',
    given: leaderless()
      .config({ synchronous_mode: true })
      .sync('d:a,b')
      .request(SWITCHOVER_TO_ME)
      .peers({ b: at(1001) }),
    expect: REQUESTED,
  },
];

const eligibility: readonly DecisionCase[] = [
  {
    name: 'a pre_promote script that refused before the key was lost has said nothing of the next promotion (simulated seed 12315)',
    given: leaderless().remember({ isPrePromoteFailed: true }),
    expect: { ...WINS, memory: { isPrePromoteFailed: false }, beside: ['holder/pre-promote-failed'] },
  },
  {
    name: 'T14: nofailover',
    given: leaderless().tags({ nofailover: true }),
    expect: {
      rules: ['race/nofailover'],
      reason: 'following a different leader because I am not allowed to promote',
      memory: { rewind: 'check' },
      beside: ['race/run'],
    },
  },
  {
    name: 'T15: priority 0',
    given: leaderless().tags({ failover_priority: 0 }),
    expect: { rules: ['race/nofailover'], reason: 'following a different leader because I am not allowed to promote' },
  },
  {
    name: 'T16: nofailover false beats priority 0',
    given: leaderless().tags({ nofailover: false, failover_priority: 0 }),
    expect: { ...WINS, beside: ['race/nofailover'] },
  },
  {
    name: 'T17: starting',
    given: leaderless().starting(5),
    expect: { ...stays('race/starting'), beside: ['race/run', 'race/server-does-not-answer'] },
  },
  {
    name: 'a server that does not answer',
    given: leaderless().mute(),
    expect: { ...stays('race/server-does-not-answer'), beside: ['race/run'] },
  },
  {
    name: 'T20: the primary of the newest timeline takes its key back',
    given: healthyCluster().asPrimary(3).after('a').history([1, 10], [2, 20]),
    expect: {
      rules: ['race/primary', 'holder/primary'],
      reason: 'acquired session lock as a leader',
      actions: ['acquire-lock'],
      beside: ['race/stale-primary', 'holder/promote'],
    },
  },
  {
    name: 'T21: the primary of an older timeline stops',
    given: healthyCluster().asPrimary(2).after('a').history([1, 10], [2, 20]),
    expect: {
      rules: ['race/stale-primary'],
      reason: 'demoting self because i am not the healthiest node',
      actions: DEMOTED,
      memory: { rewind: 'check' },
      beside: ['race/primary'],
    },
  },
  {
    name: 'a primary whose place in /sync somebody else has taken stops (simulated seed 437673)',
    given: primary().config({ synchronous_mode: 'quorum' }).sync('b:a,c/1'),
    expect: {
      rules: ['race/succeeded-primary'],
      reason: 'demoting self because i am not the healthiest node',
      log: ['warning: The key sync names b, who was elected meanwhile'],
      actions: DEMOTED,
      memory: { rewind: 'check' },
      beside: ['race/primary'],
    },
  },
  {
    name: 'in priority mode nobody else may come back where a successor is lost before its promotion: the primary goes on',
    given: primary().config({ synchronous_mode: true }).sync('b:'),
    expect: {
      rules: ['race/primary', 'holder/primary'],
      reason: 'acquired session lock as a leader',
      actions: ['acquire-lock', 'maintain-sync'],
      beside: ['race/succeeded-primary'],
    },
  },
  {
    name: 'in priority mode a successor that has reserved a timeline may have been promoted: the primary stops',
    given: primary().config({ synchronous_mode: true }).sync('b:').view({ reservedTimeline: 2 }),
    expect: {
      rules: ['race/succeeded-primary'],
      reason: 'demoting self because i am not the healthiest node',
      actions: DEMOTED,
      memory: { rewind: 'check' },
    },
  },
  {
    name: 'a primary whose name /sync does not know goes on: the key may be of an older time',
    given: primary().config({ synchronous_mode: 'quorum' }).sync('b:c/0'),
    expect: {
      rules: ['race/primary', 'holder/primary'],
      reason: 'acquired session lock as a leader',
      actions: ['acquire-lock', 'maintain-sync'],
      beside: ['race/succeeded-primary'],
    },
  },
  {
    name: 'a primary that /sync names as its leader takes its key back',
    given: primary().config({ synchronous_mode: 'quorum' }).sync('a:b,c/1'),
    expect: {
      rules: ['race/primary', 'holder/primary'],
      reason: 'acquired session lock as a leader',
      actions: ['acquire-lock', 'maintain-sync'],
      beside: ['race/succeeded-primary'],
    },
  },
  {
    name: 'a primary tagged nofailover takes its key back',
    given: primary().tags({ nofailover: true }),
    expect: {
      rules: ['race/primary', 'holder/primary'],
      reason: 'acquired session lock as a leader',
      actions: ['acquire-lock'],
      beside: ['race/nofailover'],
    },
  },
  {
    name: 'a primary that loses the race stops',
    given: primary().losingRaceTo('b'),
    expect: {
      rules: ['race/primary', 'follow/demote'],
      reason: 'demoted self after trying and failing to obtain lock',
      actions: ['acquire-lock', ...DEMOTED],
      through: ['follower/lost-race'],
    },
  },
  {
    name: 'a primary that loses the race to somebody whom the view does not show',
    given: primary().facts({ acquire: 'held-by-other' }),
    expect: {
      rules: ['race/lost'],
      reason: 'demoted self after trying and failing to obtain lock',
      actions: DEMOTED,
      beside: ['race/primary'],
    },
  },
  {
    name: 'a standby that loses the race to somebody whom the view does not show',
    given: leaderless().facts({ acquire: 'held-by-other' }),
    expect: { rules: ['race/lost'], reason: 'following new leader after trying and failing to obtain lock', beside: ['race/run'] },
  },
  {
    name: 'T22: a required watchdog can not be used',
    given: leaderless().watchdog({ isHealthy: false }),
    expect: { ...stays('race/watchdog-unusable'), log: ['warning: Watchdog device is not usable'], beside: ['race/run'] },
  },
  {
    name: 'T39: after a failed pre_promote others get their chance',
    given: leaderless().remember({ releasedKeyAt: milliseconds(NOW - 29_999) }),
    expect: {
      ...stays('race/back-off-after-pre-promote'),
      log: ['info: backoff: skip leader race after pre_promote script failure and releasing the lock voluntarily'],
    },
  },
  {
    name: 'T39: one ttl later it races again',
    given: leaderless().remember({ releasedKeyAt: milliseconds(NOW - 30_000) }),
    expect: { ...WINS, beside: ['race/back-off-after-pre-promote'] },
  },
];

const backoff = (agoMs: number | undefined, previous: number) =>
  leaderless()
    .config({ primary_race_backoff: 30 })
    .remember({
      previousLsn: lsn(previous),
      lastLsn: lsn(1000),
      raceBackoffStartedAt: agoMs === undefined ? undefined : milliseconds(NOW - agoMs),
    });
const postponed = (left: number) => ({
  rules: ['race/back-off-from-live-primary'],
  reason: `My (a) wal position moved since last heart beat loop, ${left} seconds until leader race`,
});

const backingOff: readonly DecisionCase[] = [
  {
    name: 'a primary does not wait without lock',
    given: healthyCluster()
      .after('a')
      .config({ primary_race_backoff: 30 })
      .remember({ previousLsn: lsn(900), lastLsn: lsn(1000) }),
    expect: {
      rules: ['race/primary', 'holder/primary'],
      reason: 'acquired session lock as a leader',
      actions: ['acquire-lock'],
      beside: ['race/back-off-from-live-primary'],
    },
  },
  {
    name: 'T29: the first leaderless cycle',
    given: backoff(undefined, 1000).telling({ replicationState: undefined }),
    expect: { ...postponed(30), memory: { raceBackoffStartedAt: NOW } },
  },
  { name: 'T30: WAL still arrives', given: backoff(11_000, 900), expect: postponed(19) },
  { name: 'T31: no WAL arrives', given: backoff(11_000, 1000), expect: { ...WINS, beside: ['race/back-off-from-live-primary'] } },
  { name: 'T32: the time is over', given: backoff(31_000, 900), expect: { ...WINS, beside: ['race/back-off-from-live-primary'] } },
  {
    name: 'T33: a named candidate does not wait',
    given: backoff(undefined, 900).request({ member: 'a' }),
    expect: { ...WINS, rules: ['race/requested', 'holder/promote'], beside: ['race/back-off-from-live-primary'] },
  },
];

const requested: readonly DecisionCase[] = [
  {
    name: 'T59: switchover to me',
    given: leaderless()
      .request({ leader: 'c', member: 'a' })
      .peers({ b: at(5000) }),
    expect: { ...WINS, rules: ['race/requested', 'holder/promote'], through: ['race/requested'] },
  },
  {
    name: 'T60: the candidate is healthy',
    given: leaderless()
      .request({ leader: 'c', member: 'b' })
      .peers({ b: at(900) }),
    expect: { ...stays('race/requested'), log: ['info: switchover: to b, i am a'], memory: { rewind: 'check' } },
  },
  {
    name: 'T61: the candidate is dead',
    given: leaderless().lastLsn(5_000_000).request({ leader: 'c', member: 'b' }),
    expect: { ...WINS, rules: ['race/requested', 'holder/promote'], log: ['warning: switchover: member b is not reachable'] },
  },
  {
    name: 'T62: I stepped down and somebody is healthy',
    given: leaderless()
      .request({ leader: 'a' })
      .peers({ b: at(1000) }),
    expect: stays('race/requested'),
  },
  {
    name: 'T63: I stepped down and nobody is healthy',
    given: leaderless().request({ leader: 'a' }),
    expect: { ...WINS, rules: ['race/requested', 'holder/promote'] },
  },
  {
    name: 'T64: nofailover beats the request',
    given: leaderless().tags({ nofailover: true }).request({ leader: 'c', member: 'a' }),
    expect: {
      rules: ['race/nofailover'],
      reason: 'following a different leader because I am not allowed to promote',
      beside: ['race/requested'],
    },
  },
  {
    name: 'T67: a schedule counts as due without leader',
    given: leaderless()
      .request({ leader: 'c', member: 'b', scheduled_at: '2031-06-01T00:00:00+00:00' })
      .peers({ b: at(1000) }),
    expect: stays('race/requested'),
  },
];

const paused: readonly DecisionCase[] = [
  {
    name: 'a server of another cluster does not take the lock on request',
    given: leaderless().paused().server({ systemId: '7000000000000000002' }).request({ leader: 'c', member: 'a' }),
    expect: { rules: ['race/paused'], reason: 'no action. I am (a)', beside: ['race/paused-request'] },
  },
  {
    name: 'T105: nobody races',
    given: leaderless().paused(),
    expect: { rules: ['race/paused'], reason: 'no action. I am (a)', beside: ['race/run', 'race/paused-primary', 'race/paused-request'] },
  },
  {
    name: 'T106: a primary gets its key back',
    given: primary().paused(),
    expect: {
      rules: ['race/paused-primary', 'holder/primary'],
      reason: 'acquired session lock as a leader',
      actions: ['acquire-lock'],
      beside: ['race/paused'],
    },
  },
  {
    name: 'a primary of an older timeline does not',
    given: healthyCluster().asPrimary(2).after('a').history([1, 10], [2, 20]).paused(),
    expect: {
      rules: ['race/stale-primary'],
      reason: 'continue to run as primary without lock',
      actions: ['set-role primary'],
      beside: ['race/paused-primary'],
    },
  },
  {
    name: 'a primary of another cluster does not',
    given: primary().paused().server({ systemId: '7000000000000000002' }),
    expect: { rules: ['race/paused-primary'], reason: 'continue to run as primary without lock', actions: ['set-role primary'] },
  },
  {
    name: 'T108: the winner of a switchover waits to be promoted',
    given: leaderless().paused().request({ leader: 'c', member: 'a' }),
    expect: {
      rules: ['race/paused-request', 'holder/promote'],
      reason: 'promoted self to leader by acquiring session lock',
      actions: ['acquire-lock', 'start-job promote'],
      through: ['race/paused-request'],
      beside: ['race/paused'],
    },
  },
  {
    name: 'a request for another member',
    given: leaderless().paused().request({ leader: 'c', member: 'b' }),
    expect: { rules: ['race/paused-request'], reason: 'no action. I am (a)', through: ['race/paused-request'] },
  },
  {
    name: 'a scheduled request does not count in maintenance mode',
    given: leaderless().paused().request({ leader: 'c', member: 'a', scheduled_at: '2031-05-04T03:00:00+00:00' }),
    expect: { rules: ['race/paused'], reason: 'no action. I am (a)', beside: ['race/paused-request'] },
  },
];

export const raceCases: readonly DecisionCase[] = [
  ...votes,
  ...synchronous,
  ...candidates,
  ...eligibility,
  ...backingOff,
  ...requested,
  ...paused,
];
