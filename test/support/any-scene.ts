import fc from 'fast-check';
import { milliseconds } from '../../src/base/duration.js';
import type { PostgresRole } from '../../src/cluster/postgres-state.js';
import type { Job, JobEnd } from '../../src/ha/job.js';
import type { PeerStatus } from '../../src/ports/peers.js';
import { at, control, healthyCluster, lsn, NOW, RUNNING_AS_PRIMARY, Scene, SYSTEM_ID } from './builders.js';

const FOREIGN = '7000000000000000002';
const UPSTREAM = { name: 'b', kind: 'member' as const, connUrl: 'postgres://b:5432/postgres' };
const ROLES: readonly PostgresRole[] = ['primary', 'replica', 'standby_leader', 'promoted', 'demoted', 'uninitialized'];
const STATES = ['stopped', 'crashed', 'running', 'starting', 'start failed', 'stop failed', 'creating replica'] as const;

const JOBS: readonly Job[] = [
  { kind: 'promote' },
  { kind: 'demote', mode: 'graceful', request: 'switchover' },
  { kind: 'demote', mode: 'immediate', request: undefined },
  { kind: 'demote', mode: 'immediate-nolock', request: undefined },
  { kind: 'demote', mode: 'offline', request: undefined },
  { kind: 'demote', mode: 'demote-cluster', request: undefined },
  { kind: 'start-primary', timeoutMs: milliseconds(1000) },
  { kind: 'start-standby', upstream: UPSTREAM, role: 'replica', timeoutMs: undefined },
  { kind: 'restart-standby', upstream: UPSTREAM, role: 'replica' },
  { kind: 'restart', timeoutMs: milliseconds(1000) },
  { kind: 'crash-recovery' },
  { kind: 'rewind', leader: UPSTREAM },
  { kind: 'reinitialize-diverged', leader: UPSTREAM },
  { kind: 'reinitialize', fromLeader: true },
  { kind: 'clone', source: UPSTREAM, description: "from leader 'b'" },
  { kind: 'bootstrap' },
  { kind: 'post-bootstrap' },
];

const ENDS: readonly JobEnd[] = [
  { kind: 'promote', outcome: 'promoted' },
  { kind: 'promote', outcome: 'requested' },
  { kind: 'promote', outcome: 'failed' },
  { kind: 'promote', outcome: 'pre-promote-failed' },
  { kind: 'promote', outcome: 'cancelled' },
  { kind: 'rewind', outcome: 'done' },
  { kind: 'rewind', outcome: 'failed' },
  { kind: 'rewind', outcome: 'not-now' },
  { kind: 'rewind', outcome: 'removed' },
  { kind: 'rewind', outcome: 'same-timeline' },
  { kind: 'clone' },
  { kind: 'demote' },
  { kind: 'crash-recovery' },
];

type Change = (scene: Scene) => Scene;

const oneOf = (...changes: readonly Change[]): fc.Arbitrary<Change> => fc.constantFrom(...changes);
/** Mostly nothing, so that scenes stay near the everyday state. */
const seldom = (...changes: readonly Change[]): fc.Arbitrary<Change> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant((scene: Scene) => scene) }, { weight: 2, arbitrary: oneOf(...changes) });

const server = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(1, 2, 3).map((timeline) => (s: Scene) => s.asPrimary(timeline)) },
  { weight: 3, arbitrary: fc.constantFrom(990, 1000, 1010).map((position) => (s: Scene) => s.asStandby(position)) },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constantFrom(...STATES), fc.constantFrom(...ROLES)).map(
      ([state, role]) =>
        (s: Scene) =>
          s.stopped(state, role),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom(1, 301), fc.constantFrom(...ROLES)).map(
      ([age, role]) =>
        (s: Scene) =>
          s.starting(age, role),
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom(...ROLES).map((role) => (s: Scene) => s.server({ role }).mute()) },
  { weight: 1, arbitrary: fc.constantFrom(...ROLES).map((role) => (s: Scene) => s.asStandby().server({ role })) },
);

const leadership = oneOf(
  (s) => s.ledBy('a'),
  (s) => s.ledBy('b'),
  (s) => s.ledBy('x'),
  (s) => s.withoutLeader(),
  (s) => s.after('a'),
  (s) => s.after('b'),
);

const configuration = oneOf(
  (s) => s,
  (s) => s.config({ check_timeline: true }),
  (s) => s.config({ synchronous_mode: true }),
  (s) => s.config({ synchronous_mode: 'quorum' }),
  (s) => s.config({ primary_start_timeout: 0 }),
  (s) => s.config({ primary_race_backoff: 30 }),
  (s) => s.config({ failsafe_mode: true }),
  (s) => s.config({ maximum_lag_on_failover: 0, ttl: 6, loop_wait: 1, retry_timeout: 2 }),
  (s) => s.config({ postgresql: { use_slots: true }, slots: { extra: { type: 'physical' } } }),
  (s) => s.standbyCluster(),
);

const keys = [
  seldom(
    (s) => s.request({ leader: 'a', member: 'b' }),
    (s) => s.request({ leader: 'b', member: 'a' }),
    (s) => s.request({ leader: 'a' }),
    (s) => s.request({ member: 'a' }),
    (s) => s.request({ member: 'b' }),
    (s) => s.request({ leader: 'a', member: 'x' }),
    (s) => s.request({ leader: 'a', member: 'b', scheduled_at: '2031-05-04T03:00:00' }),
    (s) => s.scheduledIn(-60),
    (s) => s.scheduledIn(0),
    (s) => s.scheduledIn(60),
  ),
  seldom(
    (s) => s.sync('a:b'),
    (s) => s.sync('b:a'),
    (s) => s.sync('c:b'),
    (s) => s.sync('b:a,c/1'),
    (s) => s.sync('a:b,c/1'),
  ),
  seldom(
    (s) => s.history(),
    (s) => s.history([1, 500]),
    (s) => s.history([1, 500], [2, 900]),
    (s) => s.history([1, 5], [2, 9], [3, 950]),
  ),
  seldom(
    (s) => s.view({ initialize: undefined }),
    (s) => s.view({ initialize: '' }),
    (s) => s.view({ initialize: FOREIGN }),
    (s) => s.view({ config: undefined }),
    (s) => s.view({ failsafe: new Map([['b', 'http://b:8008/patroni']]) }),
    (s) => s.lastLsn(5_000_000),
    (s) => s.member('a', undefined),
    (s) => s.member('b', undefined),
    (s) => s.member('b', { api_url: undefined, conn_url: undefined }),
    (s) => s.member('b', { checkpoint_after_promote: false, timeline: 3 }),
    (s) => s.member('c', { tags: { clonefrom: true, replicatefrom: 'a' } }),
  ),
  seldom(
    (s) => s.promised('b', 10),
    (s) => s.young(5),
    (s) =>
      s.knowing({
        members: new Map([
          ['a', ''],
          ['b', ''],
        ]),
      }),
    (s) => s.answering({ failsafe: { kind: 'confirmed' } }),
    (s) => s.answering({ failsafe: { kind: 'unconfirmed', missing: ['b'] } }),
    (s) => s.answering({ failsafe: { kind: 'other-leader', name: 'b' } }),
  ),
  seldom((s) => s.dcsUnavailable()),
];

const own = [
  seldom(
    (s) => s.tags({ nofailover: true }),
    (s) => s.tags({ failover_priority: 0 }),
    (s) => s.tags({ replicatefrom: 'c' }),
    (s) => s.tags({ nostream: true }),
  ),
  seldom(
    (s) => s.policy({ usePgRewind: false }),
    (s) => s.policy({ usePgRewind: false, removeOnDivergedTimelines: true }),
    (s) => s.policy({ removeOnDivergedTimelines: true }),
    (s) => s.policy({ hasBootstrapSection: false, hasLeaderlessMethod: true }),
  ),
  seldom(
    (s) => s.watchdog({ needsActivation: true }),
    (s) => s.watchdog({ isHealthy: false }),
  ),
  seldom(
    (s) => s.server({ systemId: undefined }),
    (s) => s.server({ systemId: FOREIGN }),
    (s) => s.server({ isTakenOver: false }),
    (s) => s.server({ dataDirectory: { kind: 'empty' } }),
    (s) => s.server({ dataDirectory: { kind: 'inaccessible', error: 'denied' } }),
    (s) => s.server({ majorVersion: 130_000 }),
  ),
  seldom((s) => s.paused()),
  seldom((s) => s.leaseLeft(0)),
  seldom(
    (s) => s.see({ firstCheckpoint: 'unknown' }),
    (s) => s.see({ firstCheckpoint: 'running' }),
  ),
];

const work = fc.oneof(
  { weight: 4, arbitrary: fc.constant((s: Scene) => s) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom(...JOBS), fc.boolean(), fc.constantFrom(1000, 301_000)).map(
      ([job, isPrePromoteOpen, agoMs]) =>
        (s: Scene) =>
          s.job(job, { isPrePromoteOpen, agoMs }),
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom(...ENDS).map((end) => (s: Scene) => s.ended(end)) },
);

const memory = fc
  .record({
    wasPaused: fc.boolean(),
    isRecovering: fc.boolean(),
    crashRecoveryStartedAt: fc.constantFrom(undefined, milliseconds(NOW - 1000)),
    lastLsn: fc.constantFrom(undefined, lsn(990), lsn(1000)),
    lastTimeline: fc.constantFrom(undefined, 1, 2),
    raceBackoffStartedAt: fc.constantFrom(undefined, milliseconds(NOW - 11_000), milliseconds(NOW - 31_000)),
    releasedKeyAt: fc.constantFrom(undefined, milliseconds(NOW - 1000)),
    isPrePromoteFailed: fc.boolean(),
    rewind: fc.constantFrom('initial', 'checkpoint', 'check', 'need', 'not-need', 'success', 'failed'),
    bootstrap: fc.oneof(
      { weight: 8, arbitrary: fc.constant('none' as const) },
      { weight: 1, arbitrary: fc.constantFrom('initialising', 'initialised', 'post-bootstrap-done', 'failed') },
    ),
  })
  .map((patch) => (s: Scene) => s.remember(patch as Partial<Scene['memory']>));

const peer: fc.Arbitrary<PeerStatus> = fc.constantFrom<PeerStatus>(
  { kind: 'unreachable', error: 'refused' },
  at(0),
  at(990),
  at(1000),
  at(1001),
  at(5_000_000, { timeline: 3 }),
  at(1000, { tags: { failover_priority: 5 } }),
  at(1000, { tags: { nofailover: true } }),
  RUNNING_AS_PRIMARY,
);

const timelines = { kind: 'known' as const, lsn: lsn(9_000_000), timeline: 2, history: [{ timeline: 1, lsn: lsn(1000), reason: '' }] };

const world = fc
  .record({
    b: peer,
    c: peer,
    lock: fc.constantFrom('renewed' as const, 'lost' as const),
    acquire: fc.constantFrom('acquired' as const, { heldBy: 'b' }, { heldBy: 'x' }),
    isWatchdogActive: fc.boolean(),
    isSyncPrepared: fc.boolean(),
    isCutOff: fc.boolean(),
    controlData: fc.constantFrom(
      'unreadable' as const,
      ...['in production', 'shut down', 'in archive recovery', 'shut down in recovery'].map((state) => control(state)),
    ),
    canRewind: fc.boolean(),
    canSkipSingleUserRecovery: fc.boolean(),
    localPosition: fc.constantFrom(
      'unknown' as const,
      { timeline: 1, lsn: lsn(990), isInRecovery: false },
      { timeline: 1, lsn: lsn(1001), isInRecovery: true },
      { timeline: 3, lsn: lsn(1), isInRecovery: true },
    ),
    leaderTimelines: fc.constantFrom({ kind: 'unreachable' as const, error: 'no route' }, { kind: 'in-recovery' as const }, timelines),
    checkpointRecordEnd: fc.constantFrom('unknown' as const, lsn(1000), lsn(1010)),
    recovery: fc.record({ change: fc.boolean(), restart: fc.boolean() }),
    replicaTimeline: fc.constantFrom('unknown' as const, 1, 2, 3),
    isInitializeWritten: fc.boolean(),
    failsafe: fc.constantFrom(
      { kind: 'confirmed' as const },
      { kind: 'unconfirmed' as const, missing: ['b'] },
      { kind: 'other-leader' as const, name: 'b' },
    ),
    hasNextTimeline: fc.boolean(),
    localHistory: fc.constantFrom([], [{ timeline: 1, lsn: lsn(10), reason: '' }], [{ timeline: 1, lsn: lsn(20), reason: '' }]),
  })
  .map(
    ({ b, c, lock, acquire, ...facts }) =>
      (s: Scene) =>
        new Scene(s.observation, s.memory, { peers: { b, c }, lock, acquire, facts }),
  );

/** Any scene that a member may find itself in, likely or not. */
export const anyScene: fc.Arbitrary<Scene> = fc
  .tuple(leadership, server, configuration, ...own, work, memory, world, ...keys)
  .map((changes) => changes.reduce((scene, change) => change(scene), healthyCluster().server({ systemId: SYSTEM_ID })));
