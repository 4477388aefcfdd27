import { milliseconds } from '../../src/base/duration.js';
import { control, healthyCluster, healthyStandby, leaderless, type Scene, slot } from '../support/builders.js';
import type { DecisionCase } from './case.js';

const FOREIGN = '7000000000000000002';
const MISMATCH = `warning: system ID has changed while in paused mode. Patroni will exit when resuming unless system ID is reset: 7000000000000000001 != ${FOREIGN}`;
const follower = () => healthyStandby().paused();
const primaryBeside = () => healthyCluster().ledBy('b').leaseLeft(0).paused();
const resumed = (scene: Scene) => scene.see({ config: { ...scene.observation.config, isPaused: false } }).remember({ wasPaused: true });
const NOT_RUNNING = { rules: ['stopped/paused'], reason: 'postgres is not running', actions: ['set-state stopped'] };
const FOLLOWS = 'no action. I am (a), a secondary, and following a leader (b)';

/** Servers that the operator stops, starts, demotes and promotes (ha.md §16). */
const byHand: readonly DecisionCase[] = [
  {
    name: 'T104: the holder’s server is stopped',
    given: healthyCluster().paused().stopped('running', 'primary'),
    expect: {
      rules: ['stopped/paused-holder'],
      reason: 'removed leader lock because postgres is not running',
      actions: ['set-state stopped', 'release-lock'],
      beside: ['stopped/paused', 'stopped/restart-crashed-primary'],
    },
  },
  {
    name: 'a standby is stopped',
    given: follower().stopped('running'),
    expect: { ...NOT_RUNNING, beside: ['stopped/paused-holder', 'stopped/standby'] },
  },
  {
    name: 'a standby is stopped while a comparison with the leader is due',
    given: follower().stopped('running').remember({ rewind: 'check' }),
    expect: { ...NOT_RUNNING, beside: ['stopped/standby', 'stopped/divergence'] },
  },
  {
    name: 'a server is started by hand',
    given: follower().server({ state: 'stopped' }),
    expect: {
      rules: ['starting/paused-by-hand', 'follow/steady'],
      reason: FOLLOWS,
      actions: ['set-state running'],
    },
  },
  {
    name: 'a server that is starting is not said to run',
    given: healthyCluster().paused().starting(10),
    expect: {
      rules: ['holder/server-does-not-answer'],
      reason: 'Error communicating with PostgreSQL. Will try again later',
      beside: ['starting/paused-by-hand', 'starting/wait', 'starting/timed-out'],
    },
  },
  {
    name: 'outside of maintenance mode states are the agent’s own',
    given: healthyStandby().server({ state: 'stop failed' }),
    expect: { rules: ['follow/steady'], reason: FOLLOWS, beside: ['starting/paused-by-hand'] },
  },
  {
    name: 'T102: a primary beside the leader, not compared with it',
    given: primaryBeside().server({ role: 'replica' }).remember({ rewind: 'check' }),
    expect: {
      rules: ['follow/paused-primary'],
      reason: 'continue to run as primary without lock',
      actions: ['set-role primary'],
      beside: ['follow/divergence', 'follow/demote', 'divergence/rewind'],
    },
  },
  {
    name: 'a primary beside the leader is not rewound, although it would be needed',
    given: primaryBeside().remember({ rewind: 'need' }).policy({ removeOnDivergedTimelines: true }),
    expect: {
      rules: ['follow/paused-primary'],
      reason: 'continue to run as primary without lock',
      actions: ['set-role primary'],
      beside: ['divergence/rewind', 'divergence/reinitialize'],
    },
  },
  {
    name: 'a standby follows another leader',
    given: follower().answering({ recovery: { change: true, restart: false } }),
    expect: { rules: ['follow/reload'], reason: FOLLOWS, actions: ['reload-recovery b replica'], memory: { rewind: 'check' } },
  },
  {
    name: 'T106: a primary that was promoted by hand takes the free lock',
    given: leaderless().asPrimary(2).server({ role: 'replica' }).history([1, 900]).paused(),
    expect: {
      rules: ['race/paused-primary', 'holder/primary'],
      reason: 'acquired session lock as a leader',
      actions: ['acquire-lock', 'set-role primary', 'checkpoint-after-promote'],
    },
  },
  {
    name: 'a watchdog is not asked for',
    given: healthyCluster().paused().watchdog({ needsActivation: true }).answering({ isWatchdogActive: false }),
    expect: {
      rules: ['holder/primary'],
      reason: 'no action. I am (a), the leader with the lock',
      beside: ['holder/activate-watchdog', 'holder/watchdog-failed-primary'],
    },
  },
  {
    name: 'a pre-promote script that failed keeps nobody from leading',
    given: leaderless().ledBy('a').paused().request({ member: 'a' }).remember({ isPrePromoteFailed: true }).asPrimary(),
    expect: {
      rules: ['holder/primary'],
      reason: 'no action. I am (a), the leader with the lock',
      actions: ['write-failover {} f-1', 'checkpoint-after-promote'],
      beside: ['holder/pre-promote-failed'],
    },
  },
  {
    name: 'T158: unknown slots stay',
    given: healthyCluster()
      .paused()
      .config({ postgresql: { use_slots: true } })
      .telling({ slots: [slot('b'), slot('c'), slot('x')] }),
    expect: { rules: ['holder/primary'], reason: 'no action. I am (a), the leader with the lock' },
  },
];

/** What the agent itself took down, it brings up again. */
const ending: readonly DecisionCase[] = [
  {
    name: 'the former leader of a switchover is started as a standby',
    given: follower().stopped('stopped', 'demoted').remember({ rewind: 'check' }).ended({ kind: 'demote' }),
    expect: {
      rules: ['stopped/standby'],
      reason: 'starting as a secondary',
      actions: ['disarm-watchdog', 'start-job start-standby b replica'],
      memory: { isDownByAgent: false },
      beside: ['stopped/paused'],
    },
  },
  {
    name: 'the same without pg_rewind',
    given: follower().policy({ usePgRewind: false }).stopped('stopped', 'demoted').ended({ kind: 'demote' }),
    expect: {
      rules: ['stopped/standby'],
      reason: 'starting as a secondary',
      actions: ['disarm-watchdog', 'start-job start-standby b replica'],
    },
  },
  {
    name: 'it is rewound first, if that is needed',
    given: follower().stopped('stopped', 'demoted').remember({ rewind: 'need', isDownByAgent: true }),
    expect: {
      rules: ['divergence/rewind'],
      reason: 'running pg_rewind from b',
      actions: ['start-job rewind b'],
      beside: ['stopped/paused'],
    },
  },
  {
    name: 'after a rewind the server is started',
    given: follower().stopped('stopped', 'demoted').ended({ kind: 'rewind', outcome: 'done' }),
    expect: {
      rules: ['stopped/standby'],
      reason: 'starting as a secondary',
      actions: ['disarm-watchdog', 'start-job start-standby b replica'],
    },
  },
  {
    name: 'after a rewind that failed it is not',
    given: follower().stopped('stopped', 'demoted').ended({ kind: 'rewind', outcome: 'failed' }),
    expect: { ...NOT_RUNNING, beside: ['stopped/standby'] },
  },
  {
    name: 'an agent that finds a stopped server starts nothing',
    given: follower().stopped('stopped', 'demoted').remember({ rewind: 'need' }),
    expect: { ...NOT_RUNNING, beside: ['divergence/rewind'] },
  },
  {
    name: 'a running server ends what the agent began',
    given: follower().remember({ isDownByAgent: true }),
    expect: { rules: ['follow/steady'], reason: FOLLOWS, memory: { isDownByAgent: false } },
  },
  {
    name: 'a job without lock goes on',
    given: healthyCluster()
      .ledBy('b')
      .leaseLeft(0)
      .paused()
      .job({ kind: 'restart', timeoutMs: milliseconds(1000) }),
    expect: { rules: ['busy/in-progress'], reason: 'restart in progress', beside: ['busy/lock-lost-as-primary'] },
  },
  {
    name: 'a promotion without lock is not cancelled',
    given: follower().job({ kind: 'promote' }, { isPrePromoteOpen: true }),
    expect: { rules: ['busy/in-progress'], reason: 'promote in progress', beside: ['busy/lock-lost-before-promotion'] },
  },
];

/** A data directory of another cluster. */
const foreign: readonly DecisionCase[] = [
  {
    name: 'a standby of another cluster is told of in each cycle',
    given: follower().server({ systemId: FOREIGN }),
    expect: { rules: ['follow/steady'], reason: FOLLOWS, log: [MISMATCH] },
  },
  {
    name: 'a stopped server of another cluster too',
    given: follower().server({ systemId: FOREIGN }).stopped('stopped'),
    expect: { ...NOT_RUNNING, log: [MISMATCH] },
  },
  {
    name: 'a primary of another cluster does not take the free lock',
    given: leaderless().asPrimary().server({ systemId: FOREIGN }).paused(),
    expect: {
      rules: ['race/paused-primary'],
      reason: 'continue to run as primary without lock',
      actions: ['set-role primary'],
      log: [MISMATCH],
    },
  },
  {
    name: 'when maintenance mode ends, the agent does',
    given: resumed(follower().server({ systemId: FOREIGN })),
    expect: {
      rules: ['identity/mismatch'],
      reason: `system ID mismatch, node a belongs to a different cluster: 7000000000000000001 != ${FOREIGN}`,
      actions: ['exit 1'],
    },
  },
];

const resuming: readonly DecisionCase[] = [
  {
    name: 'T109: a primary without lock is demoted at once, and compared with the leader afterwards',
    given: resumed(primaryBeside()),
    expect: {
      rules: ['follow/demote'],
      reason: 'demoting self because I do not have the lock and I was a leader',
      actions: ['drop-lease', 'cancel-job', 'start-job demote immediate-nolock'],
      memory: { wasPaused: false, rewind: 'check' },
      beside: ['follow/paused-primary'],
    },
  },
  {
    name: 'what was known of divergence is void',
    given: resumed(healthyStandby()).remember({ rewind: 'failed' }),
    expect: { rules: ['follow/steady'], reason: FOLLOWS, memory: { rewind: 'initial', wasPaused: false } },
  },
  {
    name: 'a primary that was stopped by hand is started as a standby of nobody knows whom yet',
    given: resumed(leaderless())
      .stopped('stopped', 'primary')
      .answering({ controlData: control('shut down') }),
    expect: {
      rules: ['stopped/standby'],
      reason: 'starting as a secondary',
      actions: ['disarm-watchdog', 'start-job start-standby nobody replica'],
      beside: ['stopped/paused', 'stopped/restart-crashed-primary'],
    },
  },
  {
    name: 'a scheduled switchover whose time has passed is forgotten',
    given: resumed(healthyCluster().scheduledIn(-60)),
    expect: {
      rules: ['switchover/schedule-stale', 'holder/primary'],
      reason: 'no action. I am (a), the leader with the lock',
      actions: ['write-failover {} f-1'],
    },
  },
];

export const pauseCases: readonly DecisionCase[] = [...byHand, ...ending, ...foreign, ...resuming];
