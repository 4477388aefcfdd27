import { NO_STATUS } from '../../src/cluster/status.js';
import { healthyCluster, healthyStandby, leaderless, RUNNING_AS_PRIMARY, type Scene } from '../support/builders.js';
import type { DecisionCase } from './case.js';

const holderOf = (): Scene => healthyCluster();
const empty = (scene: Scene): Scene => scene.emptyDirectory();
const virgin = (): Scene => empty(leaderless()).view({ initialize: undefined, config: undefined, status: NO_STATUS });
const WAIT = 'waiting for leader to bootstrap';

export const dataDirectoryCases: readonly DecisionCase[] = [
  {
    name: 'T91: empty and holder',
    given: empty(holderOf()),
    expect: {
      rules: ['data-directory/holder-is-empty'],
      reason: 'released leader key voluntarily as data dir empty and currently leader',
      actions: ['disarm-watchdog', 'release-lock'],
      beside: ['data-directory/holder-is-inaccessible'],
    },
  },
  {
    name: 'inaccessible and holder',
    given: holderOf().server({ dataDirectory: { kind: 'inaccessible', error: 'denied' } }),
    expect: {
      rules: ['data-directory/holder-is-inaccessible'],
      reason: 'released leader key voluntarily as data dir not accessible and currently leader',
      actions: ['stop-server', 'set-role uninitialized', 'disarm-watchdog', 'release-lock'],
      beside: ['data-directory/holder-is-empty', 'data-directory/inaccessible'],
    },
  },
  {
    name: 'inaccessible',
    given: healthyStandby().server({ dataDirectory: { kind: 'inaccessible', error: 'denied' } }),
    expect: {
      rules: ['data-directory/inaccessible'],
      reason: 'data directory is not accessible: denied',
      actions: ['stop-server', 'set-role uninitialized', 'disarm-watchdog'],
      beside: ['data-directory/holder-is-inaccessible', 'data-directory/wait-for-leader'],
    },
  },
  {
    name: 'empty in maintenance mode',
    given: virgin().paused(),
    expect: {
      rules: ['data-directory/paused'],
      reason: 'running with empty data directory',
      actions: ['disarm-watchdog'],
      beside: ['data-directory/race-to-initialise', 'data-directory/clone'],
    },
  },
  {
    name: 'the first member of a new cluster',
    given: virgin(),
    expect: {
      rules: ['data-directory/race-to-initialise'],
      reason: 'trying to bootstrap a new cluster',
      actions: ['write-initialize create', 'disarm-watchdog', 'start-job bootstrap'],
      memory: { bootstrap: 'initialising' },
      beside: ['data-directory/wait-for-leader', 'data-directory/paused'],
    },
  },
  {
    name: 'the first member of a new standby cluster',
    given: virgin().standbyCluster(),
    expect: {
      rules: ['data-directory/race-to-initialise'],
      reason: 'trying to bootstrap a new standby leader',
      actions: ['write-initialize create', 'disarm-watchdog', 'start-job bootstrap'],
    },
  },
  ...[virgin().lastLsn(1000), virgin().history([1, 10])].map((given) => ({
    name: 'the key initialize was deleted: the store has traces of a cluster, whose data may come back',
    given,
    expect: {
      rules: ['data-directory/wait-for-leader'],
      reason: 'waiting for leader to bootstrap',
      actions: ['disarm-watchdog'],
      log: [
        'warning: the store has a position or a history of this cluster and no key initialize: no new cluster is made beside it. Start a member that has data, or patronictl remove the cluster to begin anew',
      ],
      beside: ['data-directory/race-to-initialise'],
    },
  })),
  {
    name: 'T88: another member was quicker',
    given: virgin().answering({ isInitializeWritten: false }),
    expect: {
      rules: ['data-directory/race-to-initialise'],
      reason: 'failed to acquire initialize lock',
      actions: ['write-initialize create', 'disarm-watchdog'],
    },
  },
  {
    name: 'a member tagged nofailover creates no cluster',
    given: virgin().tags({ nofailover: true }),
    expect: {
      rules: ['data-directory/wait-for-leader'],
      reason: WAIT,
      actions: ['disarm-watchdog'],
      beside: ['data-directory/race-to-initialise'],
    },
  },
  {
    name: 'T87: clone from a tagged replica',
    given: empty(healthyStandby()).member('c', { tags: { clonefrom: true } }),
    expect: {
      rules: ['data-directory/clone'],
      reason: "trying to bootstrap from replica 'c'",
      actions: ['disarm-watchdog', "start-job clone from replica 'c'"],
      beside: ['data-directory/wait-for-leader'],
    },
  },
  {
    name: 'who is named in /sync becomes a copy of the leader, whatever replicas there are (simulated seed 314385)',
    given: empty(healthyStandby())
      .config({ synchronous_mode: 'quorum' })
      .sync('b:a')
      .member('c', { tags: { clonefrom: true } }),
    expect: {
      rules: ['data-directory/clone'],
      reason: "trying to bootstrap from leader 'b'",
      actions: ['disarm-watchdog', "start-job clone from leader 'b'"],
    },
  },
  {
    name: 'clone from the leader',
    given: empty(healthyStandby()).member('c', { state: 'starting', tags: { clonefrom: true } }),
    expect: {
      rules: ['data-directory/clone'],
      reason: "trying to bootstrap from leader 'b'",
      actions: ['disarm-watchdog', "start-job clone from leader 'b'"],
    },
  },
  {
    name: 'T89: somebody bootstraps',
    given: virgin().view({ initialize: '' }).policy({ hasLeaderlessMethod: true }),
    expect: {
      rules: ['data-directory/wait-for-leader'],
      reason: WAIT,
      actions: ['disarm-watchdog'],
      beside: ['data-directory/clone-without-leader', 'data-directory/clone', 'data-directory/race-to-initialise'],
    },
  },
  {
    name: 'T90: a method that needs no leader',
    given: empty(leaderless()).policy({ hasLeaderlessMethod: true }),
    expect: {
      rules: ['data-directory/clone-without-leader'],
      reason: 'trying to bootstrap (without leader)',
      actions: ['disarm-watchdog', 'start-job clone (without leader)'],
      beside: ['data-directory/wait-for-leader'],
    },
  },
  {
    name: 'wait in a standby cluster',
    given: empty(leaderless()).standbyCluster(),
    expect: { rules: ['data-directory/wait-for-leader'], reason: 'waiting for standby_leader to bootstrap', actions: ['disarm-watchdog'] },
  },
  {
    name: 'there are data',
    given: healthyStandby(),
    expect: {
      rules: ['follow/steady'],
      reason: 'no action. I am (a), a secondary, and following a leader (b)',
      beside: ['data-directory/inaccessible', 'data-directory/wait-for-leader'],
    },
  },
];

const OTHER = '7000000000000000002';
const MISMATCH = `system ID mismatch, node a belongs to a different cluster: 7000000000000000001 != ${OTHER}`;
const unknownCluster = (scene: Scene): Scene => scene.view({ initialize: undefined, config: undefined }).server({ isTakenOver: false });

export const identityCases: readonly DecisionCase[] = [
  {
    name: 'a primary without lock that can not be identified',
    given: healthyCluster().ledBy('b').server({ systemId: undefined }),
    expect: {
      rules: ['identity/unidentified-primary'],
      reason: 'demoting self because I do not have the lock and my system ID is invalid',
      actions: ['drop-lease', 'cancel-job', 'start-job demote immediate-nolock'],
      beside: ['identity/no-system-id'],
    },
  },
  {
    name: 'a primary that can not be identified and belongs to no cluster yet',
    given: unknownCluster(healthyCluster().withoutLeader()).server({ systemId: undefined }),
    expect: {
      rules: ['identity/no-system-id'],
      reason: 'data dir for the cluster is not empty, but system ID is invalid; consider doing reinitialize',
      actions: ['callback on_start'],
      beside: ['identity/unidentified-primary'],
    },
  },
  {
    name: 'a primary under the lock goes on while it can not be identified',
    given: healthyCluster().server({ systemId: undefined }),
    expect: {
      rules: ['holder/renew-lock', 'holder/primary'],
      reason: 'no action. I am (a), the leader with the lock',
      beside: ['identity/no-system-id', 'identity/unidentified-primary'],
    },
  },
  {
    name: 'data that can not be identified',
    given: healthyStandby().stopped().server({ systemId: undefined }),
    expect: {
      rules: ['identity/no-system-id'],
      reason: 'data dir for the cluster is not empty, but system ID is invalid; consider doing reinitialize',
      beside: ['stopped/standby'],
    },
  },
  {
    name: 'T94: another system identifier',
    given: healthyStandby().server({ systemId: OTHER }),
    expect: {
      rules: ['identity/mismatch'],
      reason: MISMATCH,
      actions: ['exit 1'],
      beside: ['identity/no-system-id', 'identity/paused-mismatch-holder'],
    },
  },
  {
    name: 'T95: another system identifier on the holder in maintenance mode',
    given: healthyCluster().paused().server({ systemId: OTHER }),
    expect: {
      rules: ['identity/paused-mismatch-holder'],
      reason: 'released leader key voluntarily due to the system ID mismatch',
      actions: ['release-lock'],
      beside: ['identity/mismatch'],
      log: [
        `warning: system ID has changed while in paused mode. Patroni will exit when resuming unless system ID is reset: 7000000000000000001 != ${OTHER}`,
      ],
    },
  },
  {
    name: 'T92: a standby without cluster',
    given: unknownCluster(leaderless()),
    expect: {
      rules: ['identity/running-standby-without-cluster'],
      reason: 'No initialize key in DCS and PostgreSQL is running as replica, aborting start',
      actions: ['exit 1 leaving the server'],
      beside: ['identity/adopt'],
    },
  },
  {
    name: 'T93: a primary without cluster',
    given: unknownCluster(healthyCluster().withoutLeader()),
    expect: {
      rules: ['identity/adopt', 'race/primary', 'holder/primary'],
      reason: 'acquired session lock as a leader',
      actions: ['write-initialize create', 'acquire-lock', 'callback on_start'],
      beside: ['identity/running-standby-without-cluster'],
    },
  },
  {
    name: 'a member of the cluster adopts nothing',
    given: leaderless().peers({ b: RUNNING_AS_PRIMARY }),
    expect: {
      rules: ['race/run'],
      reason: 'following a different leader because i am not the healthiest node',
      beside: ['identity/adopt', 'identity/mismatch', 'identity/running-standby-without-cluster'],
    },
  },
];

const cancelled = ['delete-initialize', 'stop-server', 'move-data-directory-aside', 'exit 1'];
const bootstrapping = (): Scene => leaderless().asPrimary().view({ initialize: '', config: undefined });
const done = (): Scene => bootstrapping().remember({ bootstrap: 'post-bootstrap-done' });
const FAILED = 'Failed to bootstrap cluster';

export const bootstrapCases: readonly DecisionCase[] = [
  {
    name: 'initdb failed',
    given: bootstrapping()
      .stopped('initdb failed', 'uninitialized')
      .remember({ bootstrap: 'initialising' })
      .ended({ kind: 'bootstrap', outcome: 'failed' }),
    expect: {
      rules: ['bootstrap/failed'],
      reason: FAILED,
      actions: cancelled,
      memory: { bootstrap: 'none' },
      log: ['info: removing initialize key after failed attempt to bootstrap the cluster'],
      beside: ['bootstrap/recovering'],
    },
  },
  {
    name: 'T96: the script failed',
    given: bootstrapping().remember({ bootstrap: 'initialised' }).ended({ kind: 'post-bootstrap', outcome: 'failed' }),
    expect: { rules: ['bootstrap/failed'], reason: FAILED, actions: cancelled },
  },
  {
    name: 'a restored backup recovers',
    given: bootstrapping().asStandby().remember({ bootstrap: 'initialised' }),
    expect: {
      rules: ['bootstrap/recovering'],
      reason: 'waiting for end of recovery after bootstrap',
      beside: ['bootstrap/failed', 'bootstrap/post-bootstrap'],
    },
  },
  {
    name: 'the server is up',
    given: bootstrapping().remember({ bootstrap: 'initialising' }).ended({ kind: 'bootstrap', outcome: 'started' }),
    expect: {
      rules: ['bootstrap/post-bootstrap'],
      reason: 'running post_bootstrap',
      actions: ['set-role primary', 'start-job post-bootstrap'],
      beside: ['bootstrap/failed', 'bootstrap/recovering', 'bootstrap/finish'],
    },
  },
  {
    name: 'the cluster exists',
    given: done(),
    expect: {
      rules: ['bootstrap/finish'],
      reason: 'initialized a new cluster',
      actions: ['write-initialize overwrite', 'write-config', 'take-lock', 'callback on_start', 'checkpoint-after-promote'],
      memory: { bootstrap: 'none' },
      beside: ['bootstrap/activate-watchdog', 'bootstrap/watchdog-failed', 'bootstrap/post-bootstrap'],
    },
  },
  {
    name: 'the first start is told once',
    given: done().server({ isTakenOver: false }),
    expect: {
      rules: ['bootstrap/finish'],
      reason: 'initialized a new cluster',
      actions: ['write-initialize overwrite', 'write-config', 'take-lock', 'callback on_start', 'checkpoint-after-promote'],
    },
  },
  {
    name: 'the watchdog is armed first',
    given: done().watchdog({ needsActivation: true }),
    expect: {
      rules: ['bootstrap/activate-watchdog', 'bootstrap/finish'],
      reason: 'initialized a new cluster',
      actions: ['write-initialize overwrite', 'write-config', 'take-lock', 'callback on_start', 'checkpoint-after-promote'],
      beside: ['bootstrap/watchdog-failed'],
    },
  },
  {
    name: 'the watchdog can not be armed',
    given: done().watchdog({ needsActivation: true }).answering({ isWatchdogActive: false }),
    expect: {
      rules: ['bootstrap/activate-watchdog', 'bootstrap/watchdog-failed'],
      reason: FAILED,
      actions: cancelled,
      log: ['error: Cancelling bootstrap because watchdog activation failed'],
      beside: ['bootstrap/finish'],
    },
  },
];
