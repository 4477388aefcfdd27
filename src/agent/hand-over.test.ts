import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { at, healthyCluster, lsn, NOW, type Scene } from '../../test/support/builders.js';
import { memoryLog } from '../../test/support/postgres-server.js';
import { SteppingClock } from '../../test/support/stepping-clock.js';
import { milliseconds } from '../base/duration.js';
import { judgeTakeover, type PeerAnswers } from '../ha/election.js';
import type { DemoteMode } from '../ha/job.js';
import type { Postgres, StopOptions } from '../ports/postgres.js';
import type { JobRunner } from './job-runner.js';
import { demote } from './jobs/demote.js';
import type { JobServices } from './jobs/services.js';
import { noWatchdog } from './no-watchdog.js';
import { shutdown } from './shutdown.js';
import { initialState } from './state.js';

/** The shutdown checkpoint, and the switch of the WAL segment before it. */
const POSITIONS = { checkpoint: lsn(5000), previous: lsn(4900) };

/** A leader `a` whose postmaster is held up by its archiver after the shutdown checkpoint. What is done stands in `done`. */
class Bench {
  readonly done: string[] = [];
  readonly log: string[] = [];
  readonly services: JobServices;
  private readonly scene: Scene;
  /** Until when the last stop may put off its signal, from its beginning, with a lease that still lasts `leaseMs`. */
  signalWithin: ((leaseMs: number) => number) | undefined;
  private isLeader = true;
  private leaseMs = 20_000;

  constructor(scene: Scene, standby: number, isArchiving = true) {
    this.scene = scene;
    const { done } = this;
    const answers: PeerAnswers = new Map([
      ['b', at(standby)],
      ['c', at(10)],
    ]);
    const postgres = {
      isArchiving: async () => isArchiving,
      archiveShutdownCheckpoint: async () => true,
      stop: async ({ mode, onSafepoint, onShutdownCheckpoint, signalBy }: StopOptions) => {
        done.push(`stop ${mode}`);
        const begin = this.services.clock.monotonic();
        this.signalWithin = (leaseMs) => {
          this.leaseMs = leaseMs;
          return (signalBy?.() ?? Number.POSITIVE_INFINITY) - begin;
        };
        onSafepoint?.();
        await onShutdownCheckpoint?.(POSITIONS);
        done.push('the postmaster ends');
        return true;
      },
      shutdownPositions: async () => POSITIONS,
      setRole: (role: string) => void done.push(`role ${role}`),
      setSynchronousStandbyNames: async () => undefined,
      resetCancellation: () => undefined,
    } as unknown as Postgres;
    const { observation } = scene;
    const known = { ...observation, cluster: { kind: 'known' as const, view: scene.seen } };
    this.services = {
      clock: new SteppingClock(),
      log: memoryLog(this.log),
      postgres,
      watchdog: { ...noWatchdog, disable: () => void done.push('the watchdog is disarmed') },
      duty: { without: (work: () => Promise<unknown>) => work() },
      config: () => observation.config,
      holdsLock: () => this.isLeader,
      leaseEnd: () => milliseconds(NOW + this.leaseMs),
      dropLease: () => void done.push('the lease is dropped'),
      successorWith: async (targetLsn: ReturnType<typeof lsn>) => (judgeTakeover(known, answers, { targetLsn }).yes ? 'found' : 'not-yet'),
      releaseLock: async (position: bigint | undefined) => {
        this.isLeader = false;
        done.push(`the key is released, optime ${position}`);
      },
      awaitOtherLeader: async () => undefined,
    } as unknown as JobServices;
  }

  async demote(mode: DemoteMode): Promise<readonly string[]> {
    await demote(mode, this.services, { isCancelled: false, closePrePromote: () => undefined });
    return this.done;
  }

  async shutdown(): Promise<readonly string[]> {
    const jobs = { close: () => undefined, cancel: async () => undefined } as unknown as JobRunner;
    const { config, postgres } = this.scene.observation;
    await shutdown(this.services, jobs, initialState(config, {}, postgres), {
      stopServer: true,
      publish: async () => void this.done.push('the member key is written'),
      deleteInitialize: async () => void this.done.push('the initialize key is removed'),
    });
    return this.done;
  }
}

describe('a demotion', () => {
  test('T68: graceful: the key is given away while the archiver keeps the postmaster, when a standby has the checkpoint', async () => {
    assert.deepEqual(await new Bench(healthyCluster(), 5000).demote('graceful'), [
      'stop fast',
      'the watchdog is disarmed',
      'role demoted',
      'the key is released, optime 4900',
      'the postmaster ends',
      'role demoted',
    ]);
  });

  test('T69: graceful: one byte less, and the key is kept until the postmaster is gone', async () => {
    assert.deepEqual(await new Bench(healthyCluster(), 4999).demote('graceful'), [
      'stop fast',
      'the watchdog is disarmed',
      'the postmaster ends',
      'role demoted',
      'the key is released, optime 4900',
    ]);
  });

  test('T156: to a standby cluster, without archive: the key goes with the position of the checkpoint itself', async () => {
    const bench = new Bench(healthyCluster().standbyCluster(), 5000, false);
    assert.deepEqual(await bench.demote('demote-cluster'), [
      'stop fast',
      'the watchdog is disarmed',
      'role demoted',
      'the key is released, optime 5000',
      'the postmaster ends',
      'role demoted',
    ]);
    assert.ok(bench.log.includes('info Not archiving latest checkpoint WAL file. Archiving is not configured.'));
  });

  test('T155: to a standby cluster, with an archive: the key is kept, whatever the standbys have', async () => {
    const done = await new Bench(healthyCluster().standbyCluster(), 5000).demote('demote-cluster');
    assert.deepEqual(done, ['stop fast', 'the watchdog is disarmed', 'the postmaster ends', 'role demoted']);
  });

  test('immediate, after the loss of the lock: nothing of the key is touched', async () => {
    const done = await new Bench(healthyCluster(), 5000).demote('immediate-nolock');
    assert.deepEqual(done, ['stop immediate', 'the watchdog is disarmed', 'the postmaster ends', 'role demoted', 'the lease is dropped']);
  });

  test('checkpoint and before_stop are waited for while the lease lasts, which moves when it is renewed', async () => {
    const bench = new Bench(healthyCluster(), 5000);
    await bench.demote('graceful');
    assert.deepEqual(
      [20_000, 50_000].map((leaseMs) => bench.signalWithin?.(leaseMs)),
      [15_000, 45_000],
    );
    const end = new Bench(healthyCluster(), 5000);
    await end.shutdown();
    assert.equal(end.signalWithin?.(20_000), 15_000);
    for (const [mode, within] of [
      ['immediate', 2000],
      ['immediate-nolock', 500],
    ] as const) {
      const immediate = new Bench(healthyCluster(), 5000);
      await immediate.demote(mode);
      assert.equal(immediate.signalWithin?.(20_000), within, mode);
    }
  });
});

describe('the end of an agent', () => {
  test('T169: a leader whose standby has the checkpoint gives the key away while the archiver keeps the postmaster', async () => {
    assert.deepEqual(await new Bench(healthyCluster(), 5000).shutdown(), [
      'stop fast',
      'the watchdog is disarmed',
      'role demoted',
      'the key is released, optime 4900',
      'the postmaster ends',
      'the member key is written',
    ]);
  });

  test('T170: a leader whose standby is behind deletes the key when its server is down, with the position written before', async () => {
    assert.deepEqual(await new Bench(healthyCluster(), 4999).shutdown(), [
      'stop fast',
      'the watchdog is disarmed',
      'the postmaster ends',
      'the key is released, optime 4900',
      'the member key is written',
    ]);
  });

  test('T110: in maintenance mode server and key are left alone, and the watchdog is disarmed', async () => {
    const bench = new Bench(healthyCluster().paused(), 5000);
    assert.deepEqual(await bench.shutdown(), ['the watchdog is disarmed']);
    assert.deepEqual(bench.log, ['info Leader key is not deleted and Postgresql is not stopped due paused state']);
  });
});
