import { milliseconds } from '../../src/base/duration.js';
import { at, healthyCluster, healthyStandby, leaderless, NOW, type Scene } from '../support/builders.js';
import type { DecisionCase } from './case.js';

const leader = () => healthyCluster();
/** The lock is ours, the server still a standby. */
const winner = () => leaderless().ledBy('a');
const standbyLeader = () => winner().standbyCluster().server({ role: 'standby_leader' });
const NOTHING_TO_DO = 'no action. I am (a), the leader with the lock';
const DEMOTED = ['drop-lease', 'cancel-job', 'start-job demote immediate-nolock'];
const steady = { rules: ['holder/renew-lock', 'holder/primary'], reason: NOTHING_TO_DO };

const lock: readonly DecisionCase[] = [
  {
    name: 'the everyday state of a leader',
    given: leader(),
    expect: {
      ...steady,
      beside: [
        'holder/lock-lost-primary',
        'holder/succeeded-primary',
        'holder/lock-lost-paused',
        'holder/activate-watchdog',
        'holder/watchdog-failed-primary',
        'holder/pre-promote-failed',
        'holder/server-does-not-answer',
        'holder/promote',
        'holder/paused-not-primary',
        'prologue/repair-keys',
      ],
    },
  },
  {
    name: 'a primary that gets the lock finds that another member was elected while it asked',
    given: leader().facts({ acquire: 'acquired' }).config({ synchronous_mode: 'quorum' }).sync('b:a,c/1'),
    expect: {
      rules: ['holder/succeeded-primary'],
      reason: 'demoting self because somebody else led meanwhile',
      actions: ['cancel-job', 'start-job demote immediate'],
      memory: { rewind: 'check' },
      beside: ['holder/primary'],
    },
  },
  {
    name: 'a primary that gets the lock finds that another member was promoted while it asked',
    given: leader().facts({ acquire: 'acquired' }).history([1, 10]),
    expect: {
      rules: ['holder/succeeded-primary'],
      reason: 'demoting self because somebody else led meanwhile',
      actions: ['cancel-job', 'start-job demote immediate'],
      memory: { rewind: 'check' },
    },
  },
  {
    name: 'T25: the lock is lost as a primary',
    given: leader().losingLock(),
    expect: {
      rules: ['holder/lock-lost-primary'],
      reason: 'demoted self because failed to update leader lock in DCS',
      actions: DEMOTED,
      log: ['error: failed to update leader lock'],
      memory: { rewind: 'check' },
      beside: ['holder/primary', 'holder/lock-lost-standby', 'holder/lock-lost-paused'],
    },
  },
  {
    name: 'the lock is lost after the server was told to promote, and before it has',
    given: winner().server({ role: 'promoted' }).losingLock(),
    expect: {
      rules: ['holder/lock-lost-primary'],
      reason: 'demoted self because failed to update leader lock in DCS',
      actions: DEMOTED,
      log: ['error: failed to update leader lock'],
      beside: ['holder/lock-lost-standby'],
    },
  },
  {
    name: 'T26: the lock is lost as a standby',
    given: winner().losingLock(),
    expect: {
      rules: ['holder/lock-lost-standby'],
      reason: 'not promoting because failed to update leader lock in DCS',
      actions: ['drop-lease'],
      beside: ['holder/promote', 'holder/lock-lost-primary'],
    },
  },
  {
    name: 'the lock is lost in maintenance mode',
    given: leader().paused().losingLock(),
    expect: {
      rules: ['holder/lock-lost-paused'],
      reason: 'continue to run as primary after failing to update leader lock in DCS',
      actions: ['drop-lease'],
      beside: ['holder/lock-lost-primary'],
    },
  },
  {
    name: 'T151: a lost lock is lost with failsafe too',
    given: leader()
      .config({ failsafe_mode: true })
      .view({ failsafe: new Map([['a', 'http://a:8008/patroni']]) })
      .losingLock(),
    expect: { rules: ['holder/lock-lost-primary'], reason: 'demoted self because failed to update leader lock in DCS', actions: DEMOTED },
  },
  {
    name: 'T172: patroni-2910: the server does not answer',
    given: leader().mute(),
    expect: {
      rules: ['holder/renew-lock', 'holder/server-does-not-answer'],
      reason: 'Error communicating with PostgreSQL. Will try again later',
      beside: ['holder/primary', 'holder/promote'],
    },
  },
  {
    name: 'T35: the initialize key is missing',
    given: leader().view({ initialize: undefined }),
    expect: { ...steady, rules: ['prologue/repair-keys', 'holder/primary'], actions: ['write-initialize create'] },
  },
  {
    name: 'T34: the configuration was wiped',
    given: leader().view({ config: undefined }),
    expect: { ...steady, rules: ['prologue/repair-keys', 'holder/primary'], actions: ['write-config'] },
  },
];

const synchronous: readonly DecisionCase[] = [
  {
    name: 'T111: a leader in synchronous mode keeps the key and the names in step',
    given: leader().config({ synchronous_mode: true }),
    expect: { ...steady, actions: ['maintain-sync'] },
  },
  {
    name: 'T119: the mode was switched off, the key is left',
    given: leader().sync('a:b'),
    expect: { ...steady, actions: ['maintain-sync'] },
  },
  {
    name: 'before a promotion the key is written',
    given: winner().config({ synchronous_mode: true }).sync('c:a'),
    expect: {
      rules: ['holder/renew-lock', 'holder/prepare-sync', 'holder/promote'],
      reason: 'promoted self to leader because I had the session lock',
      actions: ['start-job promote'],
      beside: ['holder/sync-changed-by-others'],
    },
  },
  {
    name: 'a key that is left from before is removed before a promotion',
    given: winner().sync('c:a'),
    expect: {
      rules: ['holder/renew-lock', 'holder/prepare-sync', 'holder/promote'],
      reason: 'promoted self to leader because I had the session lock',
      actions: ['start-job promote'],
    },
  },
  {
    name: 'T40: the key /sync was changed by somebody else before the promotion',
    given: winner().config({ synchronous_mode: true }).sync('c:a').answering({ isSyncPrepared: false }),
    expect: {
      rules: ['holder/renew-lock', 'holder/prepare-sync', 'holder/sync-changed-by-others'],
      reason: 'Postponing promotion because synchronous replication state was updated by somebody else',
      beside: ['holder/promote'],
    },
  },
];

const becoming: readonly DecisionCase[] = [
  {
    name: 'the lock is ours and the server a standby',
    given: winner(),
    expect: {
      rules: ['holder/renew-lock', 'holder/promote'],
      reason: 'promoted self to leader because I had the session lock',
      actions: ['start-job promote'],
      memory: { rewind: 'initial', lastTimeline: undefined },
      beside: [
        'holder/prepare-sync',
        'holder/promotion-in-flight',
        'holder/primary',
        'holder/watchdog-failed-standby',
        'holder/lock-lost-standby',
        'holder/standby-leader',
        'holder/paused-waiting-for-promotion',
      ],
    },
  },
  {
    name: 'the promotion was asked for and is not done',
    given: winner().server({ role: 'promoted' }),
    expect: { rules: ['holder/promotion-in-flight'], reason: NOTHING_TO_DO, beside: ['holder/promote', 'holder/primary'] },
  },
  {
    name: 'the role is corrected after a promotion',
    given: leader().server({ role: 'promoted' }),
    expect: { ...steady, actions: ['set-role primary'], beside: ['holder/promotion-in-flight'] },
  },
  {
    name: 'T23: the watchdog can not be armed before a promotion',
    given: winner().watchdog({ needsActivation: true }).answering({ isWatchdogActive: false }),
    expect: {
      rules: ['holder/activate-watchdog', 'holder/watchdog-failed-standby'],
      reason: 'Not promoting self because watchdog could not be activated',
      actions: ['release-lock'],
      beside: ['holder/promote', 'holder/watchdog-failed-primary'],
    },
  },
  {
    name: 'T24: the watchdog can not be armed on a primary',
    given: leader().watchdog({ needsActivation: true }).answering({ isWatchdogActive: false }),
    expect: {
      rules: ['holder/activate-watchdog', 'holder/watchdog-failed-primary'],
      reason: 'Demoting self because watchdog could not be activated',
      actions: ['cancel-job', 'start-job demote immediate'],
      memory: { rewind: 'check' },
      beside: ['holder/primary', 'holder/watchdog-failed-standby'],
    },
  },
  {
    name: 'the watchdog is armed first',
    given: winner().watchdog({ needsActivation: true }),
    expect: {
      rules: ['holder/activate-watchdog', 'holder/promote'],
      reason: 'promoted self to leader because I had the session lock',
      actions: ['start-job promote'],
    },
  },
  {
    name: 'T39: pre_promote said no',
    given: winner().ended({ kind: 'promote', outcome: 'pre-promote-failed' }),
    expect: {
      rules: ['holder/pre-promote-failed'],
      reason: 'Promotion cancelled because the pre-promote script failed',
      actions: ['release-lock'],
      log: ['warning: Releasing the leader key voluntarily because the pre-promote script failed'],
      memory: { releasedKeyAt: NOW, isPrePromoteFailed: false },
      beside: ['holder/promote'],
    },
  },
  {
    name: 'a primary keeps the lock though pre_promote said no',
    given: leader().remember({ isPrePromoteFailed: true }),
    expect: { ...steady, beside: ['holder/pre-promote-failed'] },
  },
  {
    name: 'T41: the first cycle on a new timeline',
    given: winner().asPrimary(7).see({ firstCheckpoint: 'unknown' }),
    expect: { ...steady, actions: ['update-history', 'checkpoint-after-promote'] },
  },
  {
    name: 'T41: the history is written and the checkpoint runs',
    given: winner().asPrimary(7).history([6, 1000]).see({ firstCheckpoint: 'running' }),
    expect: { ...steady, memory: { rewind: 'initial' } },
  },
  {
    name: 'a new cluster on timeline 1 has no history',
    given: leader().history([1, 100]),
    expect: { ...steady, actions: ['update-history'] },
  },
];

const inMaintenance: readonly DecisionCase[] = [
  {
    name: 'T103: the holder became a standby',
    given: winner().paused(),
    expect: {
      rules: ['holder/paused-not-primary'],
      reason: 'removed leader lock because postgres is not running as primary',
      actions: ['release-lock'],
      beside: ['holder/paused-waiting-for-promotion', 'holder/renew-lock'],
    },
  },
  {
    name: 'T108: the candidate waits for its promotion',
    given: winner().paused().request({ member: 'a' }),
    expect: {
      rules: ['holder/paused-waiting-for-promotion'],
      reason: 'waiting to become primary after promote...',
      beside: ['holder/paused-not-primary', 'holder/renew-lock'],
    },
  },
  {
    name: 'T108: the candidate is primary',
    given: leader().paused().request({ member: 'a' }),
    expect: { ...steady, actions: ['write-failover {} f-1'], beside: ['holder/paused-waiting-for-promotion'] },
  },
  {
    name: 'the leader of a standby cluster keeps its lock in maintenance mode',
    given: standbyLeader().paused(),
    expect: {
      rules: ['holder/renew-lock', 'follow/steady'],
      reason: 'no action. I am (a), the standby leader with the lock',
      beside: ['holder/paused-not-primary'],
    },
  },
];

const standbyCluster: readonly DecisionCase[] = [
  {
    name: 'T152: the first cycle of a standby leader',
    given: winner().standbyCluster(),
    expect: {
      rules: ['holder/renew-lock', 'follow/standby-leader'],
      reason: 'promoted self to a standby leader because i had the session lock',
      actions: ['set-role standby_leader', 'callback on_role_change'],
      through: ['holder/standby-leader'],
      beside: ['holder/promote', 'follow/steady'],
    },
  },
  {
    name: 'T152: the everyday state of a standby leader',
    given: standbyLeader(),
    expect: {
      rules: ['follow/steady'],
      reason: 'no action. I am (a), the standby leader with the lock',
      through: ['holder/standby-leader'],
      beside: ['follow/standby-leader', 'follow/unknown-standby-leader'],
    },
  },
  {
    name: 'a standby leader by race',
    given: leaderless().standbyCluster(),
    expect: {
      rules: ['race/run', 'follow/standby-leader'],
      reason: 'promoted self to a standby leader by acquiring session lock',
      actions: ['acquire-lock', 'set-role standby_leader', 'callback on_role_change'],
    },
  },
  {
    name: 'T154: the standby cluster becomes a cluster of its own',
    given: winner().server({ role: 'standby_leader' }),
    expect: {
      rules: ['holder/promote'],
      reason: 'promoted self to leader because I had the session lock',
      actions: ['start-job promote'],
      beside: ['holder/standby-leader'],
    },
  },
];

const handsOver = (given: Scene, word = 'switchover') => ({
  given,
  expect: {
    rules: ['holder/renew-lock', 'switchover/hand-over'],
    reason: `${word}: demoting myself`,
    actions: ['start-job demote graceful'],
    through: ['holder/manual-request'],
    memory: { rewind: 'check' as const },
    beside: ['holder/primary'],
  },
});
const removes = (rule: string, line: string, ...beside: string[]) => ({
  rules: ['holder/renew-lock', rule, 'holder/primary'],
  reason: NOTHING_TO_DO,
  actions: ['write-failover {} f-1'],
  log: [`warning: ${line}`, 'info: Cleaning up failover key'],
  beside,
});
const ROWS = [
  'switchover/schedule-without-timezone',
  'switchover/schedule-stale',
  'switchover/leader-does-not-match',
  'switchover/candidate-is-leader',
  'switchover/paused-without-candidate',
];
const DUE = new Date(Date.UTC(2031, 4, 4, 3, 0, 60)).toISOString();

export const requestCases: readonly DecisionCase[] = [
  {
    name: 'T43: switchover to a healthy member',
    ...handsOver(
      leader()
        .request({ leader: 'a', member: 'b' })
        .peers({ b: at(1000) }),
    ),
  },
  {
    name: 'T43: nothing else stands in the way',
    given: leader()
      .request({ leader: 'a', member: 'b' })
      .peers({ b: at(1000) }),
    expect: { ...handsOver(leader()).expect, beside: ROWS },
  },
  {
    name: 'without request nobody hands over',
    given: leader().peers({ b: at(1000) }),
    expect: { ...steady, beside: ['switchover/hand-over', 'holder/manual-request'] },
  },
  {
    name: 'T44: failover to the leader',
    given: leader().request({ member: 'a' }),
    expect: removes('switchover/candidate-is-leader', 'manual failover: I am already the leader, no need to failover'),
  },
  {
    name: 'T45: switchover from another leader',
    given: leader()
      .request({ leader: 'z', member: 'b' })
      .peers({ b: at(1000) }),
    expect: removes('switchover/leader-does-not-match', 'switchover: leader name does not match: z != a', 'switchover/hand-over'),
  },
  {
    name: 'T46: nobody answers',
    given: leader().request({ leader: 'a' }),
    expect: removes('switchover/hand-over', 'switchover: no healthy members found, switchover is not possible'),
  },
  {
    name: 'T47: the candidate lags too much',
    given: leader()
      .lastLsn(3_000_000)
      .request({ member: 'b' })
      .peers({ b: at(1000) }),
    expect: {
      ...removes('switchover/hand-over', 'manual failover: no healthy members found, failover is not possible'),
      log: ['info: Member b exceeds maximum replication lag'],
    },
  },
  {
    name: 'T48: the schedule is a minute away',
    given: leader()
      .scheduledIn(60)
      .peers({ b: at(1000) }),
    expect: {
      ...steady,
      log: [`info: Awaiting switchover at ${DUE} (in 60 seconds)`],
      beside: ['switchover/hand-over', 'switchover/schedule-stale'],
    },
  },
  {
    name: 'T49: the schedule is due',
    ...handsOver(
      leader()
        .scheduledIn(0)
        .peers({ b: at(1000) }),
    ),
  },
  {
    name: 'T50: the schedule was 14 s ago',
    ...handsOver(
      leader()
        .scheduledIn(-14)
        .peers({ b: at(1000) }),
    ),
  },
  {
    name: 'T51: the schedule was 16 s ago',
    given: leader()
      .scheduledIn(-16)
      .peers({ b: at(1000) }),
    expect: removes(
      'switchover/schedule-stale',
      `Found a stale switchover value, cleaning up: ${new Date(Date.UTC(2031, 4, 4, 2, 59, 44)).toISOString()}`,
      'switchover/hand-over',
    ),
  },
  {
    name: 'T52: the schedule has no time zone',
    given: leader()
      .request({ leader: 'a', member: 'b', scheduled_at: '2031-05-04T03:00:00' })
      .peers({ b: at(1000) }),
    expect: removes('switchover/schedule-without-timezone', 'Incorrect value of scheduled_at: 2031-05-04T03:00:00', 'switchover/hand-over'),
  },
  {
    name: 'T53: a switchover without candidate in maintenance mode',
    given: leader()
      .paused()
      .request({ leader: 'a' })
      .peers({ b: at(1000) }),
    expect: removes(
      'switchover/paused-without-candidate',
      'Switchover is possible only to a specific candidate in a paused state',
      'switchover/hand-over',
    ),
  },
  {
    name: 'T54: a schedule is ignored in maintenance mode',
    given: leader()
      .paused()
      .scheduledIn(-100)
      .peers({ b: at(1000) }),
    expect: { ...steady, beside: [...ROWS, 'switchover/hand-over'] },
  },
  {
    name: 'a switchover with candidate in maintenance mode',
    ...handsOver(
      leader()
        .paused()
        .request({ leader: 'a', member: 'b' })
        .peers({ b: at(1000) }),
    ),
  },
  {
    name: 'T55: the candidate is not synchronous',
    given: leader()
      .config({ synchronous_mode: true })
      .sync('a:b')
      .request({ leader: 'a', member: 'c' })
      .peers({ c: at(1000) }),
    expect: {
      ...removes('switchover/hand-over', 'switchover: no healthy members found, switchover is not possible'),
      actions: ['write-failover {} f-1', 'maintain-sync'],
      log: ['warning: Switchover candidate=c does not match with sync_standbys=b'],
    },
  },
  {
    name: 'T56: a manual failover may lose data',
    ...handsOver(
      leader()
        .config({ synchronous_mode: true })
        .sync('a:b')
        .request({ member: 'c' })
        .peers({ c: at(1000) }),
      'manual failover',
    ),
  },
  {
    name: 'T57: no quorum',
    given: leader()
      .config({ synchronous_mode: 'quorum' })
      .sync('a:b,c/1')
      .request({ leader: 'a' })
      .peers({ b: at(1000) }),
    expect: {
      ...removes('switchover/hand-over', 'switchover: no healthy members found, switchover is not possible'),
      actions: ['write-failover {} f-1', 'maintain-sync'],
      log: ['info: Quorum requirement 1 can not be reached'],
    },
  },
  {
    name: 'T58: a quorum',
    ...handsOver(
      leader()
        .config({ synchronous_mode: 'quorum' })
        .sync('a:b,c/1')
        .request({ leader: 'a' })
        .peers({ b: at(1000), c: at(1000) }),
    ),
  },
];

const nearHolder: readonly DecisionCase[] = [
  {
    name: 'a follower is no holder',
    given: healthyStandby(),
    expect: {
      rules: ['follow/steady'],
      reason: 'no action. I am (a), a secondary, and following a leader (b)',
      beside: ['holder/renew-lock', 'holder/promote'],
    },
  },
  {
    name: 'an old failure of pre_promote is forgotten by the next promotion',
    given: winner().remember({ releasedKeyAt: milliseconds(1) }),
    expect: {
      rules: ['holder/promote'],
      reason: 'promoted self to leader because I had the session lock',
      actions: ['start-job promote'],
      beside: ['holder/pre-promote-failed'],
    },
  },
];

export const holderCases: readonly DecisionCase[] = [
  ...lock,
  ...synchronous,
  ...becoming,
  ...inMaintenance,
  ...standbyCluster,
  ...nearHolder,
];
