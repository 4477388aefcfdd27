import { milliseconds } from '../../src/base/duration.js';
import type { Job } from '../../src/ha/job.js';
import { at, control, healthyCluster, healthyStandby, leaderless, lsn, NOW, type Scene } from '../support/builders.js';
import type { DecisionCase } from './case.js';

const leader = () => healthyCluster();
const NOLOCK = ['drop-lease', 'cancel-job', 'start-job demote immediate-nolock'];
const IMMEDIATE = ['cancel-job', 'start-job demote immediate'];
const crashed = (scene: Scene) => scene.stopped('running', 'primary').answering({ controlData: control('in production') });
const READ_ONLY = 'starting as readonly because i had the session lock';
const secondary = (...rules: string[]) => ({
  rules: [...rules, 'stopped/standby'],
  reason: 'starting as a secondary',
  actions: ['disarm-watchdog', 'start-job start-standby b replica'],
});

export const stoppedCases: readonly DecisionCase[] = [
  {
    name: 'T71: the holder crashed',
    given: crashed(leader()),
    expect: {
      rules: ['stopped/noticed', 'stopped/renew-lock', 'stopped/read-control-data', 'stopped/restart-crashed-primary'],
      reason: 'starting primary after failure',
      actions: ['set-state crashed', 'start-job start-primary'],
      memory: { isRecovering: true },
      log: ['warning: Postgresql is not running.'],
      beside: [
        'stopped/fail-over-after-crash',
        'stopped/crash-recovery',
        'stopped/read-can-rewind',
        'stopped/read-only-with-lock',
        'stopped/paused-holder',
      ],
    },
  },
  {
    name: 'a crashed server without lock is never started read-write',
    given: crashed(healthyStandby()),
    expect: {
      rules: ['stopped/noticed', 'stopped/crash-recovery'],
      reason: 'doing crash recovery in a single user mode',
      actions: ['set-state crashed', 'disarm-watchdog', 'start-job crash-recovery'],
      beside: ['stopped/restart-crashed-primary', 'stopped/renew-lock'],
    },
  },
  {
    name: 'a crashed holder that lost the lock is not started read-write',
    given: crashed(leader()).losingLock(),
    expect: {
      rules: ['stopped/renew-lock', 'stopped/crash-recovery'],
      reason: 'doing crash recovery in a single user mode',
      actions: ['set-state crashed', 'disarm-watchdog', 'start-job crash-recovery'],
      beside: ['stopped/restart-crashed-primary', 'stopped/read-only-with-lock'],
    },
  },
  {
    name: 'T73: primary_start_timeout 0 and somebody can take over',
    given: crashed(leader().config({ primary_start_timeout: 0 })).peers({ b: at(1000) }),
    expect: {
      rules: ['stopped/fail-over-after-crash'],
      reason: 'stopped PostgreSQL to fail over after a crash',
      actions: ['set-state crashed', 'disarm-watchdog', ...IMMEDIATE],
      log: ['info: Primary crashed. Failing over.'],
      memory: { rewind: 'check' },
      beside: ['stopped/read-control-data'],
    },
  },
  {
    name: 'T74: primary_start_timeout 0 and nobody can take over: read-only, under the lock',
    given: crashed(leader().config({ primary_start_timeout: 0 })),
    expect: {
      rules: ['stopped/noticed', 'stopped/renew-lock', 'stopped/fail-over-after-crash'],
      reason: READ_ONLY,
      actions: ['set-state crashed', 'disarm-watchdog', 'start-job start-standby nobody replica'],
      memory: { isRecovering: true, rewind: 'initial' },
      log: ['info: Member b is not reachable'],
      beside: ['stopped/restart-crashed-primary', 'stopped/crash-recovery'],
    },
  },
  {
    name: 'T74: in the cycle after that start the holder is promoted again',
    given: leader().asStandby().remember({ isRecovering: true }),
    expect: {
      rules: ['holder/renew-lock', 'holder/promote'],
      reason: 'promoted self to leader because I had the session lock',
      actions: ['start-job promote'],
      memory: { isRecovering: false },
    },
  },
  {
    name: 'T75: the holder was demoted and stopped',
    given: leader().stopped('stopped', 'demoted'),
    expect: {
      rules: ['stopped/read-only-with-lock'],
      reason: READ_ONLY,
      actions: ['disarm-watchdog', 'start-job start-standby nobody replica'],
      memory: { isRecovering: true, rewind: 'initial' },
      beside: ['stopped/restart-crashed-primary', 'stopped/crash-recovery', 'stopped/noticed', 'stopped/standby-leader', 'stopped/standby'],
    },
  },
  {
    name: 'the holder failed to start a moment ago',
    given: leader()
      .stopped('start failed', 'demoted')
      .remember({ startFailedAt: milliseconds(NOW - 1000) }),
    expect: {
      rules: ['stopped/start-with-lock-failed-just-now'],
      reason: 'failed to start postgres',
      actions: [],
      beside: ['stopped/read-only-with-lock', 'stopped/start-failed-just-now'],
    },
  },
  {
    name: 'the holder failed to start long ago',
    given: leader()
      .stopped('start failed', 'demoted')
      .remember({ startFailedAt: milliseconds(NOW - 10_001) }),
    expect: {
      rules: ['stopped/read-only-with-lock'],
      reason: READ_ONLY,
      actions: ['disarm-watchdog', 'start-job start-standby nobody replica'],
      beside: ['stopped/start-with-lock-failed-just-now'],
    },
  },
  {
    name: 'a standby failed to start a moment ago',
    given: healthyStandby()
      .stopped('start failed', 'replica')
      .remember({ startFailedAt: milliseconds(NOW - 1000), rewind: 'failed' }),
    expect: { rules: ['stopped/start-failed-just-now'], reason: 'failed to start postgres', actions: [], beside: ['stopped/standby'] },
  },
  {
    name: 'a standby failed to start long ago',
    given: healthyStandby()
      .stopped('start failed', 'replica')
      .remember({ startFailedAt: milliseconds(NOW - 10_001), rewind: 'failed' }),
    expect: {
      rules: ['stopped/standby'],
      reason: 'starting as a secondary',
      actions: ['disarm-watchdog', 'start-job start-standby b replica'],
      beside: ['stopped/start-failed-just-now'],
    },
  },
  {
    name: 'T76: a crashed former primary in a cluster without leader',
    given: crashed(leader().after('a')).answering({ canRewind: false }),
    expect: {
      rules: ['stopped/read-can-rewind', 'stopped/crash-recovery'],
      reason: 'doing crash recovery in a single user mode',
      actions: ['set-state crashed', 'disarm-watchdog', 'start-job crash-recovery'],
      memory: { crashRecoveryStartedAt: NOW },
      beside: ['stopped/arm-divergence-check'],
    },
  },
  {
    name: 'T76: single-user recovery runs only once',
    given: crashed(leader().after('a')).remember({ crashRecoveryStartedAt: milliseconds(1) }),
    expect: {
      rules: ['stopped/arm-divergence-check', 'stopped/standby'],
      reason: 'starting as a secondary',
      actions: ['set-state crashed', 'disarm-watchdog', 'start-job start-standby nobody replica'],
      beside: ['stopped/crash-recovery', 'stopped/read-can-rewind'],
    },
  },
  {
    name: 'T77: a crashed former primary that can not rewind',
    given: crashed(healthyStandby()).answering({ canRewind: false }),
    expect: {
      ...secondary('stopped/read-can-rewind'),
      actions: ['set-state crashed', 'disarm-watchdog', 'start-job start-standby b replica'],
      beside: ['stopped/crash-recovery'],
    },
  },
  {
    name: 'T78: a crashed former primary that can rewind',
    given: crashed(healthyStandby()),
    expect: {
      rules: ['stopped/crash-recovery'],
      reason: 'doing crash recovery in a single user mode',
      actions: ['set-state crashed', 'disarm-watchdog', 'start-job crash-recovery'],
    },
  },
  {
    name: 'a killed standby, of which pg_control still says what it was before',
    given: crashed(healthyStandby()).server({ role: 'replica', hasRecoveryConfiguration: true }),
    expect: {
      ...secondary(),
      actions: ['set-state crashed', 'disarm-watchdog', 'start-job start-standby b replica'],
      beside: ['stopped/crash-recovery', 'stopped/read-can-rewind'],
    },
  },
  {
    name: 'T79: a backup_label on 15 and later',
    given: crashed(leader().after('a')).answering({ canSkipSingleUserRecovery: true }),
    expect: {
      rules: ['stopped/standby'],
      reason: 'starting as a secondary',
      actions: ['set-state crashed', 'disarm-watchdog', 'start-job start-standby nobody replica'],
      beside: ['stopped/crash-recovery'],
    },
  },
  {
    name: 'T86: a stopped standby',
    given: healthyStandby().stopped(),
    expect: {
      ...secondary('stopped/arm-divergence-check'),
      memory: { isRecovering: true },
      beside: [
        'stopped/renew-lock',
        'stopped/fail-over-after-crash',
        'stopped/leaderless-standby-cluster',
        'stopped/standby-leader',
        'stopped/divergence',
        'stopped/paused',
      ],
    },
  },
  {
    name: 'after a rewind nothing is compared again',
    given: healthyStandby().stopped().remember({ rewind: 'success' }),
    expect: { ...secondary(), beside: ['stopped/arm-divergence-check'] },
  },
  {
    name: 'T98: a stopped former primary that left the history',
    given: healthyStandby()
      .stopped('stopped', 'demoted')
      .answering({
        localPosition: { timeline: 2, lsn: lsn(701), isInRecovery: true },
        leaderTimelines: { kind: 'known', timeline: 3, lsn: lsn(9_000_000), history: [{ timeline: 2, lsn: lsn(700), reason: '' }] },
      }),
    expect: {
      rules: ['stopped/arm-divergence-check', 'divergence/check', 'divergence/read-can-rewind', 'divergence/rewind'],
      reason: 'running pg_rewind from b',
      actions: ['start-job rewind b'],
      through: ['stopped/divergence'],
      beside: ['stopped/standby'],
    },
  },
  {
    name: 'the leader of a standby cluster is stopped',
    given: leader().standbyCluster().stopped('stopped', 'standby_leader'),
    expect: {
      rules: ['stopped/standby-leader'],
      reason: 'starting as a standby leader because i had the session lock',
      actions: ['disarm-watchdog', 'start-job start-standby remote_member standby_leader'],
      beside: ['stopped/read-only-with-lock'],
    },
  },
  {
    name: 'T153: a standby cluster without leader',
    given: leaderless().standbyCluster().stopped(),
    expect: {
      rules: ['stopped/leaderless-standby-cluster'],
      reason: 'trying to follow a remote member because standby cluster is unhealthy',
      actions: ['disarm-watchdog', 'start-job start-standby remote_member replica'],
      beside: ['stopped/standby', 'stopped/standby-leader'],
    },
  },
  {
    name: 'T104: the holder is stopped in maintenance mode',
    given: leader().paused().stopped('stopped', 'primary'),
    expect: {
      rules: ['stopped/paused-holder'],
      reason: 'removed leader lock because postgres is not running',
      actions: ['set-state stopped', 'release-lock'],
      beside: ['stopped/renew-lock', 'stopped/paused'],
    },
  },
  {
    name: 'a standby is stopped in maintenance mode',
    given: healthyStandby().paused().stopped(),
    expect: {
      rules: ['stopped/paused'],
      reason: 'postgres is not running',
      actions: ['set-state stopped'],
      beside: ['stopped/paused-holder', 'stopped/standby'],
    },
  },
];

const starting = (seconds: number) => leader().starting(seconds);

export const startingCases: readonly DecisionCase[] = [
  {
    name: 'T80: starting for 100 s',
    given: starting(100),
    expect: {
      rules: ['starting/renew-lock', 'starting/wait'],
      reason: 'PostgreSQL is still starting up, 200 seconds until timeout',
      beside: ['starting/timed-out', 'starting/lock-lost', 'starting/manual-request'],
    },
  },
  {
    name: 'a restart has its own time-out',
    given: starting(100).remember({ startTimeoutMs: milliseconds(110_000) }),
    expect: { rules: ['starting/wait'], reason: 'PostgreSQL is still starting up, 10 seconds until timeout' },
  },
  {
    name: 'T81: patroni-1663: starting for too long, and somebody can take over',
    given: starting(301).peers({ b: at(1000) }),
    expect: {
      rules: ['starting/timed-out'],
      reason: 'stopped PostgreSQL because of startup timeout',
      actions: IMMEDIATE,
      log: ['info: Demoting self because primary startup is taking too long'],
      beside: ['starting/wait'],
    },
  },
  {
    name: 'T82: starting for too long, and nobody can take over',
    given: starting(301),
    expect: {
      rules: ['starting/timed-out'],
      reason: 'primary start has timed out, but continuing to wait because failover is not possible',
    },
  },
  {
    name: 'T83: the lock is lost while starting',
    given: starting(10).losingLock(),
    expect: {
      rules: ['starting/lock-lost'],
      reason: 'stopped PostgreSQL while starting up because leader key was lost',
      actions: NOLOCK,
      beside: ['starting/wait'],
    },
  },
  {
    name: 'an operator hands over while starting',
    given: starting(10)
      .request({ leader: 'a', member: 'b' })
      .peers({ b: at(1000) }),
    expect: {
      rules: ['switchover/hand-over'],
      reason: 'switchover: demoting myself',
      actions: ['start-job demote graceful'],
      through: ['starting/manual-request'],
      beside: ['starting/wait'],
    },
  },
  {
    name: 'a follower that starts goes on with the other tables',
    given: healthyStandby().starting(10),
    expect: {
      rules: ['follow/steady'],
      reason: 'no action. I am (a), a secondary, and following a leader (b)',
      beside: ['starting/renew-lock', 'starting/wait'],
    },
  },
];

const PROMOTE: Job = { kind: 'promote' };
const RESTART: Job = { kind: 'restart', timeoutMs: milliseconds(1) };
const FENCING: Job = { kind: 'demote', mode: 'immediate-nolock', request: undefined };

export const busyCases: readonly DecisionCase[] = [
  {
    name: 'the lock is kept for a job',
    given: leader().job(RESTART),
    expect: {
      rules: ['busy/renew-lock', 'busy/lock-kept'],
      reason: 'updated leader lock during restart',
      beside: ['busy/crash-recovery-takes-too-long', 'busy/in-progress', 'busy/lock-lost-as-primary', 'holder/primary'],
    },
  },
  {
    name: 'no job runs',
    given: leader(),
    expect: {
      rules: ['holder/primary'],
      reason: 'no action. I am (a), the leader with the lock',
      beside: ['busy/renew-lock', 'busy/lock-kept'],
    },
  },
  {
    name: 'T84: crash recovery takes too long',
    given: leader()
      .stopped('crashed', 'primary')
      .job({ kind: 'crash-recovery' }, { agoMs: 301_000 })
      .peers({ b: at(1000) }),
    expect: {
      rules: ['busy/crash-recovery-takes-too-long'],
      reason: 'terminated crash recovery because of startup timeout',
      actions: IMMEDIATE,
      log: ['info: Demoting self because crash recovery is taking too long'],
      beside: ['busy/lock-kept'],
    },
  },
  {
    name: 'T84: nobody can take over from crash recovery',
    given: leader().stopped('crashed', 'primary').job({ kind: 'crash-recovery' }, { agoMs: 301_000 }),
    expect: {
      rules: ['busy/crash-recovery-takes-too-long'],
      reason: 'updated leader lock during doing crash recovery in a single user mode',
    },
  },
  {
    name: 'T36: the lock is lost while pre_promote runs',
    given: leaderless().job(PROMOTE, { isPrePromoteOpen: true }),
    expect: {
      rules: ['busy/lock-lost-before-promotion'],
      reason: 'lost leader before promote',
      actions: ['drop-lease', 'cancel-job'],
      beside: ['busy/in-progress', 'busy/lock-lost-as-primary', 'busy/renew-lock'],
    },
  },
  {
    name: 'T37: the lock is lost after pre_promote ended',
    given: leaderless().job(PROMOTE),
    expect: {
      rules: ['busy/in-progress'],
      reason: 'promote in progress',
      log: ['info: not healthy enough for leader race'],
      beside: ['busy/lock-lost-before-promotion', 'busy/lock-lost-as-primary'],
    },
  },
  {
    name: 'T37: pg_ctl was told; stricter than Patroni',
    given: leaderless().server({ role: 'promoted' }).job(PROMOTE),
    expect: { rules: ['busy/lock-lost-as-primary'], reason: 'lost leader lock during promote', actions: NOLOCK },
  },
  {
    name: 'T38: the lock is lost after the promotion',
    given: healthyCluster().ledBy('b').job(PROMOTE),
    expect: {
      rules: ['busy/lock-lost-as-primary'],
      reason: 'lost leader lock during promote',
      actions: NOLOCK,
      log: ['info: Demoting primary during promote'],
      memory: { rewind: 'check' },
      beside: ['busy/lock-lost-before-promotion', 'busy/fencing', 'busy/in-progress'],
    },
  },
  {
    name: 'T85: the lock is lost during a restart',
    given: leader().job(RESTART).losingLock(),
    expect: { rules: ['busy/renew-lock', 'busy/lock-lost-as-primary'], reason: 'lost leader lock during restart', actions: NOLOCK },
  },
  {
    name: 'the server is on its way down',
    given: leader().after('a').job(FENCING),
    expect: {
      rules: ['busy/fencing'],
      reason: 'demoting self (immediate-nolock) in progress',
      actions: ['drop-lease'],
      beside: ['busy/lock-lost-as-primary'],
    },
  },
  {
    name: 'a graceful demotion does not protect from the loss of the lock',
    given: leader().after('a').job({ kind: 'demote', mode: 'graceful', request: 'switchover' }),
    expect: {
      rules: ['busy/lock-lost-as-primary'],
      reason: 'lost leader lock during switchover: demote',
      actions: NOLOCK,
      beside: ['busy/fencing'],
    },
  },
  {
    name: 'T86: a standby starts',
    given: healthyStandby().stopped().job({ kind: 'start-standby', upstream: undefined, role: 'replica', timeoutMs: undefined }),
    expect: { rules: ['busy/in-progress'], reason: 'restarting after failure in progress', beside: ['busy/renew-lock'] },
  },
  {
    name: 'in maintenance mode a job goes on without lock',
    given: healthyCluster().ledBy('b').paused().job(RESTART),
    expect: { rules: ['busy/in-progress'], reason: 'restart in progress', beside: ['busy/lock-lost-as-primary'] },
  },
];

export const recoveringCases: readonly DecisionCase[] = [
  {
    name: 'T72: the start of the holder failed',
    given: leader().stopped('start failed', 'primary').remember({ isRecovering: true }),
    expect: {
      rules: ['recovering/failed-with-lock'],
      reason: 'removed leader key after trying and failing to start postgres',
      actions: ['disarm-watchdog', 'set-role demoted', 'callback on_role_change', 'release-lock'],
      memory: { isRecovering: false },
      beside: ['recovering/failed', 'recovering/done', 'stopped/read-control-data'],
    },
  },
  {
    name: 'the start of a standby failed',
    given: healthyStandby().stopped('start failed').remember({ isRecovering: true }),
    expect: {
      rules: ['recovering/failed'],
      reason: 'failed to start postgres',
      actions: ['disarm-watchdog'],
      memory: { isRecovering: false },
      beside: ['recovering/failed-with-lock', 'recovering/done'],
    },
  },
  {
    name: 'the start succeeded',
    given: healthyStandby().remember({ isRecovering: true, rewind: 'success', crashRecoveryStartedAt: NOW }),
    expect: {
      rules: ['recovering/done', 'follow/steady'],
      reason: 'no action. I am (a), a secondary, and following a leader (b)',
      memory: { isRecovering: false, rewind: 'initial', crashRecoveryStartedAt: undefined },
      beside: ['recovering/failed'],
    },
  },
  {
    name: 'no start was ordered',
    given: healthyStandby(),
    expect: {
      rules: ['follow/steady'],
      reason: 'no action. I am (a), a secondary, and following a leader (b)',
      beside: ['recovering/done', 'recovering/failed', 'recovering/failed-with-lock'],
    },
  },
  {
    name: 'a stopped server with a rewind due is as it should be',
    given: healthyStandby().stopped('stopped', 'demoted').remember({ isRecovering: true, rewind: 'need' }),
    expect: {
      rules: ['recovering/done', 'divergence/rewind'],
      reason: 'running pg_rewind from b',
      actions: ['start-job rewind b'],
      beside: ['recovering/failed'],
    },
  },
];

const unreachable = (scene: Scene) => scene.dcsUnavailable();
const OFFLINE = ['cancel-job', 'start-job demote offline'];
const OUT = 'DCS is not accessible';

export const dcsUnreachableCases: readonly DecisionCase[] = [
  {
    name: 'T27: a primary whose lease is about to end',
    given: unreachable(leader().leaseLeft(5000)),
    expect: {
      rules: ['dcs-unreachable/primary'],
      reason: 'demoted self because DCS is not accessible and I was a leader',
      actions: OFFLINE,
      log: ['info: demoting self because DCS is not accessible and I was a leader'],
      memory: { rewind: 'check' },
      beside: ['dcs-unreachable/standby', 'dcs-unreachable/paused', 'dcs-unreachable/already-fencing', 'dcs-unreachable/lease-holds'],
    },
  },
  {
    name: 'a primary whose lease holds',
    given: unreachable(leader().leaseLeft(5001)),
    expect: {
      rules: ['dcs-unreachable/lease-holds'],
      reason: 'DCS is not accessible, continuing to run as leader because the lock is confirmed for 5 more seconds',
      beside: ['dcs-unreachable/primary', 'dcs-unreachable/activate-watchdog'],
    },
  },
  {
    name: 'without store, with a lease, a lost watchdog is armed again',
    given: unreachable(leader().leaseLeft(9000).watchdog({ needsActivation: true })),
    expect: {
      rules: ['dcs-unreachable/activate-watchdog', 'dcs-unreachable/lease-holds'],
      reason: 'DCS is not accessible, continuing to run as leader because the lock is confirmed for 9 more seconds',
      beside: ['dcs-unreachable/watchdog-failed'],
    },
  },
  {
    name: 'without store a required watchdog can not be armed again',
    given: unreachable(leader().leaseLeft(9000).watchdog({ needsActivation: true }).answering({ isWatchdogActive: false })),
    expect: {
      rules: ['dcs-unreachable/activate-watchdog', 'dcs-unreachable/watchdog-failed'],
      reason: 'Demoting self because watchdog could not be activated',
      actions: ['start-job demote offline'],
      beside: ['dcs-unreachable/lease-holds', 'dcs-unreachable/primary'],
    },
  },
  {
    name: 'T19: a standby',
    given: unreachable(healthyStandby()),
    expect: { rules: ['dcs-unreachable/standby'], reason: OUT, beside: ['dcs-unreachable/primary'] },
  },
  {
    name: 'a primary that does not answer',
    given: unreachable(leader().mute().leaseLeft(0)),
    expect: {
      rules: ['dcs-unreachable/primary'],
      reason: 'demoted self because DCS is not accessible and I was a leader',
      actions: OFFLINE,
    },
  },
  {
    name: 'a promotion that the server was told of, under a lease that holds',
    given: unreachable(healthyStandby().leaseLeft(5001).job({ kind: 'promote' })),
    expect: {
      rules: ['dcs-unreachable/lease-holds'],
      reason: 'DCS is not accessible, continuing to run as leader because the lock is confirmed for 5 more seconds',
      beside: ['dcs-unreachable/primary', 'dcs-unreachable/standby'],
    },
  },
  {
    name: 'a promotion that the server was told of, when there is just time to stop',
    given: unreachable(healthyStandby().leaseLeft(5000).job({ kind: 'promote' })),
    expect: {
      rules: ['dcs-unreachable/primary'],
      reason: 'demoted self because DCS is not accessible and I was a leader',
      actions: OFFLINE,
      beside: ['dcs-unreachable/lease-holds', 'dcs-unreachable/standby'],
    },
  },
  {
    name: 'the same, when the job did not wait for its end',
    given: unreachable(healthyStandby().leaseLeft(5000).server({ role: 'promoted' })),
    expect: {
      rules: ['dcs-unreachable/primary'],
      reason: 'demoted self because DCS is not accessible and I was a leader',
      actions: OFFLINE,
      beside: ['dcs-unreachable/standby'],
    },
  },
  {
    name: 'a promotion that the server was not told of is left to the check of the lease before it',
    given: unreachable(healthyStandby().leaseLeft(0).job({ kind: 'promote' }, { isPrePromoteOpen: true })),
    expect: { rules: ['dcs-unreachable/standby'], reason: OUT, beside: ['dcs-unreachable/primary'] },
  },
  {
    name: 'T107: maintenance mode',
    given: unreachable(leader().paused().leaseLeft(0)),
    expect: { rules: ['dcs-unreachable/paused'], reason: OUT, beside: ['dcs-unreachable/primary'] },
  },
  {
    name: 'the server is being taken down already',
    given: unreachable(leader().leaseLeft(0).job(FENCING)),
    expect: { rules: ['dcs-unreachable/already-fencing'], reason: OUT, beside: ['dcs-unreachable/primary'] },
  },
  {
    name: 'a graceful demotion is no fencing',
    given: unreachable(leader().leaseLeft(0).job({ kind: 'demote', mode: 'graceful', request: undefined })),
    expect: {
      rules: ['dcs-unreachable/primary'],
      reason: 'demoted self because DCS is not accessible and I was a leader',
      actions: OFFLINE,
      beside: ['dcs-unreachable/already-fencing'],
    },
  },
];
