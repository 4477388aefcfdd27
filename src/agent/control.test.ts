import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { healthyCluster, healthyStandby, leaderless, type Scene } from '../../test/support/builders.js';
import { memoryLog } from '../../test/support/postgres-server.js';
import { SteppingClock } from '../../test/support/stepping-clock.js';
import type { Job } from '../ha/job.js';
import type { KnownObservation } from '../ha/observation.js';
import { AgentController, type ControllerParts } from './control.js';
import { applyScheduledRestart } from './scheduled-restart.js';
import { type AgentState, initialState } from './state.js';

/** The member of a scene as its REST API reaches it. Jobs that are started only stand in `started`. */
class Bench {
  readonly log: string[] = [];
  readonly started: string[] = [];
  cloneObstacle: string | undefined;
  readonly cancelled: string[] = [];
  readonly state: AgentState;
  readonly controller: AgentController;
  private readonly parts: ControllerParts;
  private readonly scene: Scene;
  private running: Job | undefined;

  constructor(scene: Scene, running?: Job) {
    this.scene = scene;
    this.running = running;
    const { config, postgres } = scene.observation;
    this.state = initialState(config, {}, postgres);
    const bench = this;
    const jobs = {
      get current() {
        const { running: job } = bench;
        return job === undefined ? undefined : { job, startedAt: 0, isPrePromoteOpen: false };
      },
      start: (job: Job) => void this.started.push(job.kind),
      cancel: async () => {
        this.cancelled.push(this.running?.kind ?? '');
        this.running = undefined;
      },
      idle: async () => undefined,
    };
    const configuration = { name: 'a', scope: 'demo', identity: () => ({ tags: {} }), logQueue: () => ({ size: 0, lost: 0 }) };
    const ports = {
      clock: new SteppingClock(),
      log: memoryLog(this.log),
      dcs: { load: async () => scene.seen },
      watchdog: { isHealthy: () => true },
      postgres: { cloneObstacle: async () => this.cloneObstacle },
      configuration,
    };
    this.parts = {
      ports,
      state: this.state,
      lock: { isHeld: scene.observation.isLeaseValid, leaseEnd: 0 },
      failsafe: { isActive: false, map: new Map() },
      publisher: { member: async () => true, lookAtTimeline: async () => undefined },
      jobs,
      wake: () => undefined,
      requestReload: () => undefined,
      betweenCycles: <T>(work: () => Promise<T>) => work(),
      observe: async () => undefined,
      buildObservation: () => scene.observation,
    } as unknown as ControllerParts;
    this.controller = new AgentController(this.parts);
  }

  /** What a cycle does about a scheduled restart, so many seconds after it was asked for. */
  cycle(afterSeconds: number, postmasterStart?: string): void {
    const scene = postmasterStart === undefined ? this.scene : this.scene.telling({ postmasterStartTime: postmasterStart });
    const { observation } = scene;
    const wallNow = observation.wallNow + afterSeconds * 1000;
    const o: KnownObservation = { ...observation, wallNow, cluster: { kind: 'known', view: scene.seen } };
    const { clock, log } = this.parts.ports;
    applyScheduledRestart(o, { clock, log, state: this.state, jobs: this.parts.jobs, controller: this.controller, wake: () => undefined });
  }
}

const anyway = { force: false, fromLeader: false };

describe('a reinitialisation on request', () => {
  test('T166: is refused on the leader, without a leader and while something else is under way', async () => {
    const refusal = (scene: Scene, running?: Job): Promise<string | undefined> => new Bench(scene, running).controller.reinitialize(anyway);
    assert.equal(await refusal(healthyCluster()), 'I am the leader, can not reinitialize');
    assert.equal(await refusal(leaderless()), 'Cluster has no leader, can not reinitialize');
    assert.equal(
      await refusal(healthyStandby(), { kind: 'crash-recovery' }),
      'doing crash recovery in a single user mode already in progress',
    );
  });

  test('is refused when the member to copy from does not answer: the data may be the last copy', async () => {
    const bench = new Bench(healthyStandby());
    bench.cloneObstacle = 'connection refused';
    assert.equal(await bench.controller.reinitialize({ force: true, fromLeader: true }), 'can not copy from b: connection refused');
    assert.deepEqual([bench.cancelled, bench.started], [[], []]);
  });

  test('T166: with force what is under way is cancelled first, but never on the leader', async () => {
    const busy = new Bench(healthyStandby(), { kind: 'crash-recovery' });
    assert.equal(await busy.controller.reinitialize({ force: true, fromLeader: true }), undefined);
    assert.deepEqual([busy.cancelled, busy.started], [['crash-recovery'], ['reinitialize']]);
    const leader = new Bench(healthyCluster(), { kind: 'promote' });
    assert.equal(await leader.controller.reinitialize({ force: true, fromLeader: true }), 'I am the leader, can not reinitialize');
    assert.deepEqual([leader.cancelled, leader.started], [[], []]);
  });
});

describe('a restart on request', () => {
  test('T167: with a role that the server does not have it does not happen', async () => {
    const refused = { isDone: false, message: 'restart conditions are not satisfied' };
    const standby = new Bench(healthyStandby());
    assert.deepEqual(await standby.controller.restart({ role: 'primary' }), refused);
    assert.deepEqual(standby.log, ['info not proceeding with the restart: host role mismatch']);
    const primary = new Bench(healthyCluster());
    assert.deepEqual(await primary.controller.restart({ role: 'replica' }), refused);
    assert.deepEqual([standby.started, primary.started], [[], []]);
    assert.deepEqual(await primary.controller.restart({ role: 'primary' }), { isDone: true, message: 'restarted successfully' });
    assert.deepEqual(primary.started, ['restart']);
  });

  test('T167: nor below a version that runs already, nor without a pending restart when only such a one is meant', async () => {
    const bench = new Bench(healthyCluster());
    assert.equal((await bench.controller.restart({ postgres_version: '15.4' })).isDone, false);
    assert.equal((await bench.controller.restart({ restart_pending: false })).isDone, false);
    assert.deepEqual(bench.log, [
      'info not proceeding with the restart: postgres version mismatch',
      'info not proceeding with the restart: pending restart flag is not set',
    ]);
    assert.equal((await bench.controller.restart({ postgres_version: '15.5' })).isDone, true);
  });

  test('T168: a scheduled one is dropped when the server was restarted by hand meanwhile', async () => {
    const bench = new Bench(healthyCluster());
    const schedule = new Date(healthyCluster().observation.wallNow + 60_000).toISOString();
    assert.equal(await bench.controller.scheduleRestart({ schedule }), true);
    assert.equal(await bench.controller.scheduleRestart({ schedule }), false);
    bench.cycle(10);
    assert.notEqual(bench.state.scheduledRestart, undefined);
    bench.cycle(20, '2031-05-01 12:34:56.000000+00:00');
    assert.equal(bench.state.scheduledRestart, undefined);
    assert.deepEqual(bench.log, [
      'info Cancelling scheduled restart: postgres restart has already happened at 2031-05-01 12:34:56.000000+00:00',
    ]);
    bench.cycle(60);
    assert.deepEqual(bench.started, []);
  });

  test('T168: beside it: the same server at the same time is restarted, once', async () => {
    const bench = new Bench(healthyCluster());
    await bench.controller.scheduleRestart({ schedule: new Date(healthyCluster().observation.wallNow + 60_000).toISOString() });
    bench.cycle(60);
    bench.cycle(61);
    assert.deepEqual(bench.started, ['restart']);
  });
});
