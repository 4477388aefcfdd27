import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { healthyCluster } from '../../test/support/builders.js';
import { memoryLog } from '../../test/support/postgres-server.js';
import { SteppingClock } from '../../test/support/stepping-clock.js';
import type { Job, JobEnd } from '../ha/job.js';
import type { Postgres, RewindOutcome } from '../ports/postgres.js';
import { JobRunner } from './job-runner.js';
import { runJob } from './jobs/bodies.js';
import type { JobServices } from './jobs/services.js';

const LEADER = { name: 'b', kind: 'member' as const, connUrl: 'postgres://b:5432/postgres' };

/** Something that takes until it is told to end. */
class Gate {
  readonly passed: Promise<void>;
  open: () => void = () => undefined;

  constructor() {
    this.passed = new Promise((resolve) => {
      this.open = resolve;
    });
  }
}

/** Jobs beside a server that is only asked. What was asked of it stands in `asked`. */
class Bench {
  readonly asked: string[] = [];
  readonly log: string[] = [];
  readonly jobs: JobRunner;
  readonly slow = new Gate();
  readonly reached = new Gate();
  removes = { onFailure: false, onDivergence: false };
  outcome: RewindOutcome = { kind: 'done' };
  isPaused = false;
  isPromoting = false;
  isSyncKnown = true;
  hasTimer = true;
  cloneObstacle: string | undefined;
  isVoter = false;
  clusterState = 'in archive recovery';

  constructor() {
    const ask = (what: string): void => void this.asked.push(what);
    const waits = async (what: string): Promise<void> => {
      ask(what);
      this.reached.open();
      await this.slow.passed;
    };
    const postgres = {
      resetCancellation: () => undefined,
      cancel: async () => {
        ask('cancel');
        this.slow.open();
      },
      killSpawned: async () => ask('kill the postmaster that was started'),
      runPrePromote: async () => {
        await waits('pre_promote');
        return false;
      },
      promote: async () => {
        ask('pg_ctl promote');
        return 'promoted';
      },
      restart: async ({ interlock }: { interlock: { readonly isCancelled: boolean } }) => {
        await waits('restart');
        ask(`start: ${interlock.isCancelled ? 'cancelled' : 'allowed'}`);
        return 'failed';
      },
      stop: async () => true,
      controlData: async () => ({ clusterState: this.clusterState }),
      observe: async () => {
        if (this.isPromoting) this.clusterState = 'in production';
        return { hasRecoveryConfiguration: !this.isPromoting };
      },
      follow: async () => {
        ask('restart as a standby');
        return 'ready';
      },
      rewind: async () => this.outcome,
      cloneObstacle: async () => this.cloneObstacle,
      clone: async (_: unknown, { basebackupOnly }: { basebackupOnly: boolean }) => {
        ask(basebackupOnly ? 'make a base backup' : 'make a copy');
        return true;
      },
      removeDataDirectory: async () => ask('remove the data directory'),
    } as unknown as Postgres;
    const log = memoryLog(this.log);
    const services = {
      clock: new SteppingClock(),
      log,
      postgres,
      config: () => ({ ...healthyCluster().observation.config, isPaused: this.isPaused }),
      policy: () => ({
        traits: { nostream: false },
        removeOnRewindFailure: this.removes.onFailure,
        removeOnDivergedTimelines: this.removes.onDivergence,
      }),
      holdsLock: () => true,
      duty: { without: (work: () => Promise<unknown>) => work() },
      freshCloneSource: async () => ({
        source: { name: 'b', kind: 'member', connUrl: 'postgres://b/postgres' },
        basebackupOnly: this.isVoter,
      }),
      freshUpstream: async () => undefined,
      watchdog: { isRunning: false, activate: async () => this.hasTimer },
      beforeStartAsPrimary: async () => {
        ask('names from /sync');
        return this.isSyncKnown;
      },
      reserveTimeline: async () => 2,
      resetFirstCheckpoint: () => undefined,
    } as unknown as JobServices;
    const { clock } = services;
    // A clock that steps would end the wait for a cancelled job before that one could end.
    const patient = { monotonic: clock.monotonic, wall: clock.wall, after: clock.after, sleep: () => new Promise<void>(() => undefined) };
    this.jobs = new JobRunner({
      clock: patient,
      log,
      postgres,
      body: (job, control) => runJob(job, services, control),
      onEnd: () => undefined,
    });
  }

  /** Cancels the job once it is in the middle of its work. */
  async cancelInTheMiddle(job: Job): Promise<readonly JobEnd[]> {
    this.jobs.start(job);
    await this.reached.passed;
    await this.jobs.cancel();
    return this.jobs.takeEnded();
  }

  async run(job: Job): Promise<readonly JobEnd[]> {
    this.jobs.start(job);
    await this.jobs.idle();
    return this.jobs.takeEnded();
  }
}

describe('jobs', () => {
  test('T36: a promotion that is cancelled while pre_promote runs: the script is ended, and pg_ctl is never told', async () => {
    const bench = new Bench();
    assert.deepEqual(await bench.cancelInTheMiddle({ kind: 'promote' }), [{ kind: 'promote', outcome: 'cancelled' }]);
    assert.deepEqual(bench.asked, ['pre_promote', 'cancel']);
    assert.ok(bench.log.includes('info PostgreSQL promote cancelled.'));
  });

  test('T39: a pre_promote that fails ends the promotion before pg_ctl is told', async () => {
    const bench = new Bench();
    bench.slow.open();
    assert.deepEqual(await bench.run({ kind: 'promote' }), [{ kind: 'promote', outcome: 'pre-promote-failed' }]);
    assert.deepEqual(bench.asked, ['pre_promote']);
  });

  test('T85: a restart that is cancelled: the postmaster that it started is killed, and none is started any more', async () => {
    const bench = new Bench();
    await bench.cancelInTheMiddle({ kind: 'restart', timeoutMs: healthyCluster().observation.config.primaryStartTimeoutMs });
    // Whether the start comes before the kill or after it, it finds that it must not begin.
    assert.deepEqual(bench.asked.toSorted(), ['cancel', 'kill the postmaster that was started', 'restart', 'start: cancelled']);
  });

  test('a restart of a server that is down is a start: its commits wait for whom /sync names, and it needs its timer', async () => {
    const bench = new Bench();
    const job = { kind: 'restart', timeoutMs: healthyCluster().observation.config.primaryStartTimeoutMs } as const;
    bench.slow.open();
    await bench.run(job);
    assert.deepEqual(bench.asked.splice(0), ['restart', 'start: allowed']);
    await bench.run({ ...job, isStopped: true });
    assert.deepEqual(bench.asked.splice(0), ['names from /sync', 'restart', 'start: allowed']);
    bench.hasTimer = false;
    await bench.run({ ...job, isStopped: true });
    bench.isSyncKnown = false;
    await bench.run({ ...job, isStopped: true });
    assert.deepEqual(bench.asked, ['names from /sync', 'names from /sync']);
  });

  test('a reinitialize keeps the data when the member to copy from does not answer', async () => {
    const bench = new Bench();
    const job = { kind: 'reinitialize', fromLeader: false } as const;
    bench.cloneObstacle = 'connection refused';
    await bench.run(job);
    assert.deepEqual(bench.asked, []);
    assert.deepEqual(bench.log, ['error reinitialize gave up, the data directory is kept: can not copy from b: connection refused']);
    bench.cloneObstacle = undefined;
    await bench.run(job);
    assert.deepEqual(bench.asked, ['make a copy', 'restart as a standby']);
  });

  test('who is named in /sync takes a base backup of the leader, not one from an archive, which may lack what it acknowledged', async () => {
    const bench = new Bench();
    bench.isVoter = true;
    await bench.run({ kind: 'reinitialize', fromLeader: false });
    await bench.run({
      kind: 'clone',
      source: { name: 'b', kind: 'member', connUrl: 'postgres://b/postgres' },
      description: '',
      basebackupOnly: true,
    });
    assert.deepEqual(bench.asked, ['make a base backup', 'restart as a standby', 'make a base backup', 'restart as a standby']);
  });

  test('in maintenance mode a standby that an operator promotes in the last moment is not restarted', async () => {
    const job = { kind: 'restart-standby', upstream: LEADER, role: 'replica' } as const;
    const bench = new Bench();
    bench.isPaused = true;
    await bench.run(job);
    assert.deepEqual(bench.asked, ['restart as a standby']);
    // Its signal file is gone, and pg_control tells only at the next look.
    bench.isPromoting = true;
    assert.deepEqual(await bench.run(job), [{ kind: 'restart-standby' }]);
    assert.equal(bench.asked.length, 1);
    bench.isPaused = false;
    await bench.run(job);
    assert.equal(bench.asked.length, 2);
  });

  test('T101: a failed rewind removes the data directory where that is allowed, and only there', async () => {
    const bench = new Bench();
    bench.outcome = { kind: 'failed' };
    assert.deepEqual(await bench.run({ kind: 'rewind', leader: LEADER }), [{ kind: 'rewind', outcome: 'failed' }]);
    assert.deepEqual(bench.asked, []);
    bench.removes = { onFailure: true, onDivergence: false };
    assert.deepEqual(await bench.run({ kind: 'rewind', leader: LEADER }), [{ kind: 'rewind', outcome: 'removed' }]);
    assert.deepEqual(bench.asked, ['remove the data directory']);
    assert.ok(bench.log.includes('warning remove_data_directory_on_rewind_failure is set. removing...'));
    bench.outcome = { kind: 'not-now', reason: 'the leader went away' };
    assert.deepEqual(await bench.run({ kind: 'rewind', leader: LEADER }), [{ kind: 'rewind', outcome: 'not-now' }]);
    assert.equal(bench.asked.length, 1);
  });
});
