import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seconds } from '../../src/base/duration.js';
import { extrapolate } from './extrapolate.js';
import { Fleet } from './fleet.js';

test('a line through points, and through the origin when there is one', () => {
  assert.equal(
    extrapolate(
      [
        [1, 3],
        [2, 5],
        [3, 7],
      ],
      10,
    ),
    21,
  );
  assert.equal(extrapolate([[50, 10]], 100), 20);
});

test('three clusters on one etcd: all have a leader that keeps its lock, and the store is measured', async (t) => {
  const timings = { ttlMs: seconds(20), loopWaitMs: seconds(1), retryTimeoutMs: seconds(5) };
  const fleet = await Fleet.start({ timings });
  t.after(() => fleet.stop());
  await fleet.growTo(3);
  const figures = await fleet.measure(5000, 1);
  assert.deepEqual([figures.clusters, figures.failedRenewals, figures.leaderChanges], [3, 0, 0]);
  // One renewal of each leader in each cycle; half of them may fall behind on a loaded machine.
  assert.ok(figures.renewals >= 1.5, `${figures.renewals} renewals/s`);
  assert.equal(figures.watchStreams, 9);
  assert.ok(figures.requests >= 2 * figures.renewals, `${figures.requests} requests/s`);
  assert.ok(figures.cpuCores > 0 && figures.residentMb > 1 && figures.commits > 0 && figures.kilobytes > 0);
  assert.ok(figures.renewalMs.longest < timings.retryTimeoutMs);
});
