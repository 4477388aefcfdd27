import { control, healthyCluster, healthyStandby, leaderless, lsn, NOW, type Scene } from '../support/builders.js';
import type { DecisionCase } from './case.js';

const follower = (): Scene => healthyStandby();
const FOLLOWING = 'no action. I am (a), a secondary, and following a leader (b)';
const steady = { rules: ['follow/steady'], reason: FOLLOWING };
/** Two timelines: the leader left 2 at 700. */
const leftAt700 = {
  kind: 'known' as const,
  timeline: 3,
  lsn: lsn(9_000_000),
  history: [
    { timeline: 1, lsn: lsn(10), reason: '' },
    { timeline: 2, lsn: lsn(700), reason: '' },
  ],
};
const checking = (position: number, isInRecovery = true): Scene =>
  follower()
    .remember({ rewind: 'check' })
    .answering({ localPosition: { timeline: 2, lsn: lsn(position), isInRecovery }, leaderTimelines: leftAt700 });
const needing = (): Scene => follower().stopped('stopped', 'demoted').remember({ rewind: 'need' });

export const followCases: readonly DecisionCase[] = [
  {
    name: 'the everyday state of a standby',
    given: follower(),
    expect: {
      ...steady,
      through: ['follower/follow-leader'],
      beside: [
        'follow/demote',
        'follow/paused-primary',
        'follow/paused-alone',
        'follow/divergence',
        'follow/resume-replay',
        'follow/restart',
        'follow/reload',
        'follow/leader-has-newer-timeline',
        'divergence/check',
        'follower/lost-race',
      ],
    },
  },
  {
    name: 'T28: a primary whose key belongs to another member',
    given: healthyCluster().ledBy('b'),
    expect: {
      rules: ['follow/demote'],
      reason: 'demoting self because I do not have the lock and I was a leader',
      actions: ['drop-lease', 'cancel-job', 'start-job demote immediate-nolock'],
      memory: { rewind: 'check' },
      beside: ['follow/steady', 'follow/paused-primary'],
    },
  },
  {
    name: 'T102: the same in maintenance mode',
    given: healthyCluster().ledBy('b').paused(),
    expect: {
      rules: ['follow/paused-primary'],
      reason: 'continue to run as primary without lock',
      actions: ['set-role primary'],
      beside: ['follow/demote'],
    },
  },
  {
    name: 'T109: the end of maintenance mode',
    given: healthyCluster().ledBy('b').remember({ wasPaused: true }),
    expect: {
      rules: ['follow/demote'],
      reason: 'demoting self because I do not have the lock and I was a leader',
      actions: ['drop-lease', 'cancel-job', 'start-job demote immediate-nolock'],
      memory: { wasPaused: false },
    },
  },
  {
    name: 'the end of maintenance mode: a comparison that was due stays due',
    given: follower().remember({ wasPaused: true, rewind: 'check' }),
    expect: { ...steady, memory: { wasPaused: false, rewind: 'check' } },
  },
  {
    name: 'a primary that does not answer counts as one',
    given: healthyCluster().ledBy('b').mute(),
    expect: {
      rules: ['follow/demote'],
      reason: 'demoting self because I do not have the lock and I was a leader',
      actions: ['drop-lease', 'cancel-job', 'start-job demote immediate-nolock'],
    },
  },
  {
    name: 'a standby that follows nobody in maintenance mode',
    given: follower().paused().tags({ nostream: true }),
    expect: { rules: ['follow/paused-alone'], reason: 'no action. I am (a)', actions: ['set-role replica'], beside: ['follow/compare'] },
  },
  {
    name: 'a standby that follows somebody in maintenance mode',
    given: follower().paused(),
    expect: { ...steady, beside: ['follow/paused-alone'] },
  },
  {
    name: 'replay was paused by the server',
    given: follower().telling({ isReplayPaused: true }),
    expect: {
      rules: ['follow/resume-replay', 'follow/steady'],
      reason: FOLLOWING,
      actions: ['resume-replay'],
      log: ['info: Resuming paused WAL replay for PostgreSQL 14+'],
      beside: ['follow/compare'],
    },
  },
  {
    name: 'replay is paused for ever before 14',
    given: follower().telling({ isReplayPaused: true }).server({ majorVersion: 130_000 }),
    expect: { ...steady, rules: ['follow/compare', 'follow/steady'], beside: ['follow/resume-replay'] },
  },
  {
    name: 'another upstream by reload',
    given: follower().answering({ recovery: { change: true, restart: false } }),
    expect: {
      rules: ['follow/compare', 'follow/reload'],
      reason: FOLLOWING,
      actions: ['reload-recovery b replica'],
      memory: { rewind: 'check' },
      beside: ['follow/restart', 'follow/steady'],
    },
  },
  {
    name: 'another upstream by restart',
    given: follower().answering({ recovery: { change: true, restart: true } }),
    expect: {
      rules: ['follow/compare', 'follow/restart'],
      reason: FOLLOWING,
      actions: ['start-job restart-standby b replica'],
      memory: { rewind: 'check' },
      beside: ['follow/reload'],
    },
  },
  {
    name: 'the leader went on to a newer timeline',
    given: follower()
      .member('b', { timeline: 3 })
      .remember({ lastTimeline: 2 })
      .answering({ localPosition: { timeline: 2, lsn: lsn(600), isInRecovery: true }, leaderTimelines: leftAt700 }),
    expect: {
      rules: ['follow/leader-has-newer-timeline', 'divergence/check', 'follow/steady'],
      reason: FOLLOWING,
      memory: { rewind: 'not-need' },
    },
  },
  {
    name: 'the leader is on the same timeline',
    given: follower().member('b', { timeline: 2 }).remember({ lastTimeline: 2 }),
    expect: { ...steady, beside: ['follow/leader-has-newer-timeline', 'follow/leader-has-older-timeline'] },
  },
  {
    name: 'the leader is on an older timeline: the operator brought a former primary back',
    given: follower()
      .member('b', { timeline: 3 })
      .remember({ lastTimeline: 4 })
      .answering({ localPosition: { timeline: 4, lsn: lsn(900), isInRecovery: true }, leaderTimelines: leftAt700, canRewind: true }),
    expect: {
      rules: ['follow/leader-has-older-timeline', 'divergence/check', 'divergence/rewind'],
      reason: 'running pg_rewind from b',
      actions: ['start-job rewind b'],
      memory: { rewind: 'need' },
    },
  },
  {
    name: 'T164: replicatefrom names a member that is gone',
    given: follower()
      .tags({ replicatefrom: 'x' })
      .answering({ recovery: { change: true, restart: false } }),
    expect: { rules: ['follow/reload'], reason: FOLLOWING, actions: ['reload-recovery b replica'] },
  },
  {
    name: 'replicatefrom names a member',
    given: follower()
      .tags({ replicatefrom: 'c' })
      .answering({ recovery: { change: true, restart: false } }),
    expect: { rules: ['follow/reload'], reason: FOLLOWING, actions: ['reload-recovery c replica'] },
  },
  {
    name: 'a standby cluster: the secondary',
    given: follower().standbyCluster(),
    expect: {
      rules: ['follow/steady'],
      reason: 'no action. I am (a), a secondary, and following a standby leader (b)',
      through: ['follower/standby-cluster'],
      beside: ['follow/unknown-standby-leader', 'follow/standby-leader'],
    },
  },
  { name: 'an ordinary cluster is no standby cluster', given: follower(), expect: { ...steady, beside: ['follower/standby-cluster'] } },
  {
    name: 'a standby cluster whose leader is not known',
    given: follower().standbyCluster().member('b', { conn_url: undefined }),
    expect: {
      rules: ['follow/unknown-standby-leader'],
      reason: 'continue following the old known standby leader',
      beside: ['follow/compare'],
    },
  },
  {
    name: 'a standby cluster: no primary beside the standby leader',
    given: healthyCluster().standbyCluster().ledBy('b'),
    expect: {
      rules: ['follow/demote'],
      reason: 'cannot be a real primary in a standby cluster',
      actions: ['drop-lease', 'cancel-job', 'start-job demote immediate-nolock'],
      through: ['follower/standby-cluster'],
    },
  },
  { name: 'a role that drifted', given: follower().server({ role: 'demoted' }), expect: { ...steady, actions: ['set-role replica'] } },
  {
    name: 'the race is lost and the winner is known',
    given: leaderless().losingRaceTo('c'),
    expect: {
      rules: ['race/run', 'follow/steady'],
      reason: 'following new leader after trying and failing to obtain lock',
      actions: ['acquire-lock'],
      through: ['follower/lost-race'],
    },
  },
  {
    name: 'a running standby is taken over: its history is compared',
    given: follower().server({ isTakenOver: false }),
    expect: { ...steady, actions: ['callback on_start'], memory: { rewind: 'check' } },
  },
];

export const divergenceCases: readonly DecisionCase[] = [
  {
    name: 'T97: not beyond the fork',
    given: checking(700),
    expect: {
      rules: ['divergence/check', 'follow/steady'],
      reason: FOLLOWING,
      memory: { rewind: 'not-need' },
      beside: ['divergence/rewind', 'divergence/read-can-rewind'],
    },
  },
  {
    name: 'T98: beyond the fork',
    given: checking(701),
    expect: {
      rules: ['divergence/check', 'divergence/read-can-rewind', 'divergence/rewind'],
      reason: 'running pg_rewind from b',
      actions: ['start-job rewind b'],
      through: ['follow/divergence'],
      beside: ['divergence/end-archive-recovery-first', 'divergence/wait-for-checkpoint', 'divergence/reinitialize'],
    },
  },
  {
    name: 'T99: a clean shutdown that ends at the fork',
    given: checking(600, false).answering({ checkpointRecordEnd: lsn(700) }),
    expect: { rules: ['divergence/check', 'follow/steady'], reason: FOLLOWING, memory: { rewind: 'not-need' } },
  },
  {
    name: 'T99: a clean shutdown that ends beyond the fork',
    given: checking(600, false).answering({ checkpointRecordEnd: lsn(720) }),
    expect: { rules: ['divergence/rewind'], reason: 'running pg_rewind from b', actions: ['start-job rewind b'] },
  },
  {
    name: 'patroni-1411: what is thrown away is told first',
    given: checking(701),
    expect: {
      rules: ['divergence/rewind'],
      reason: 'running pg_rewind from b',
      actions: ['start-job rewind b'],
      log: ['warning: 1 bytes of WAL after 0/2BC on timeline 2 are not part of the history of b, and will be lost here'],
    },
  },
  {
    name: 'patroni-3648: a rewind broke off half-way',
    given: needing().remember({ rewind: 'check' }).answering({ localPosition: 'half-rewound' }),
    expect: {
      rules: ['divergence/check', 'divergence/rewind'],
      reason: 'running pg_rewind from b',
      actions: ['start-job rewind b'],
      log: ['error: a rewind of this data directory broke off half-way, it has to be rebuilt'],
    },
  },
  {
    name: 'nothing is due',
    given: follower().answering({ localPosition: { timeline: 9, lsn: lsn(1), isInRecovery: true }, leaderTimelines: leftAt700 }),
    expect: { ...steady, beside: ['divergence/check', 'divergence/rewind'] },
  },
  {
    name: 'T100: the leader has no checkpoint yet',
    given: needing().member('b', { checkpoint_after_promote: false }),
    expect: {
      rules: ['divergence/wait-for-checkpoint'],
      reason: 'Waiting for checkpoint on b before rewind',
      beside: ['divergence/rewind'],
    },
  },
  {
    name: 'T70: a former primary that is known to have diverged',
    given: needing(),
    expect: {
      rules: ['stopped/read-control-data', 'divergence/rewind'],
      reason: 'running pg_rewind from b',
      actions: ['start-job rewind b'],
      beside: ['divergence/end-archive-recovery-first', 'divergence/wait-for-checkpoint'],
    },
  },
  {
    name: 'an archive recovery that was killed',
    given: needing().answering({ controlData: control('in archive recovery') }),
    expect: {
      rules: ['stopped/read-control-data', 'divergence/end-archive-recovery-first'],
      reason: 'ending archive recovery before pg_rewind',
      actions: ['start-job end-archive-recovery'],
      memory: { crashRecoveryStartedAt: NOW },
      beside: ['divergence/rewind'],
    },
  },
  {
    name: 'an archive recovery that was killed, and could not be ended',
    given: needing()
      .answering({ controlData: control('in archive recovery') })
      .remember({ crashRecoveryStartedAt: NOW }),
    expect: {
      rules: ['divergence/rewind'],
      reason: 'running pg_rewind from b',
      actions: ['start-job rewind b'],
      beside: ['divergence/end-archive-recovery-first'],
    },
  },
  {
    name: 'rewind is impossible, a new copy allowed',
    given: needing().answering({ canRewind: false }).policy({ removeOnDivergedTimelines: true }),
    expect: {
      rules: ['divergence/read-can-rewind', 'divergence/reinitialize'],
      reason: 'reinitializing due to diverged timelines',
      actions: ['start-job reinitialize-diverged'],
      log: ['warning: remove_data_directory_on_diverged_timelines is set. removing...'],
      beside: ['divergence/rewind'],
    },
  },
  {
    name: 'rewind is switched off, a new copy allowed',
    given: needing().policy({ usePgRewind: false, removeOnDivergedTimelines: true }),
    expect: {
      rules: ['divergence/reinitialize'],
      reason: 'reinitializing due to diverged timelines',
      actions: ['start-job reinitialize-diverged'],
      beside: ['divergence/read-can-rewind'],
    },
  },
  {
    name: 'rewind is impossible, a new copy not allowed',
    given: needing().answering({ canRewind: false }),
    expect: {
      rules: ['stopped/standby'],
      reason: 'starting as a secondary',
      actions: ['disarm-watchdog', 'start-job start-standby b replica'],
      beside: ['divergence/reinitialize', 'divergence/rewind'],
    },
  },
  {
    name: 'T101: after a failed rewind without directory the member is cloned',
    given: needing().ended({ kind: 'rewind', outcome: 'removed' }).emptyDirectory(),
    expect: {
      rules: ['data-directory/clone'],
      reason: "trying to bootstrap from leader 'b'",
      actions: ['disarm-watchdog', "start-job clone from leader 'b'"],
      memory: { rewind: 'initial' },
    },
  },
  {
    name: 'after a failed rewind the server is started as it is',
    given: needing().ended({ kind: 'rewind', outcome: 'failed' }),
    expect: {
      rules: ['stopped/standby'],
      reason: 'starting as a secondary',
      actions: ['disarm-watchdog', 'start-job start-standby b replica'],
      memory: { rewind: 'failed' },
      beside: ['divergence/rewind'],
    },
  },
];
