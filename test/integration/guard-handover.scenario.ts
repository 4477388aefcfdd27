import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeDirectly } from './harness/direct-writer.js';
import { guardedBy, guardOf, isGuard, onCluster } from './harness/guard.js';
import { waitFor } from './harness/wait.js';

void test('an agent that comes back takes over server and guard, and neither ends', { timeout: 120_000 }, async () => {
  await onCluster(guardedBy('guard', 8), async (cluster) => {
    const leader = await cluster.leader();
    const postmaster = leader.postmasterPid();
    const first = await waitFor('a guard', () => guardOf(leader));
    const writer = await writeDirectly(leader.port, 1);
    await leader.stopAgent('SIGKILL');
    assert.ok(isGuard(first), 'the guard outlives its agent');
    leader.startAgent();
    const second = await waitFor('a guard of the new agent', () => guardOf(leader));
    await waitFor('the first guard ends', () => !isGuard(first));
    // Longer than the first guard would have waited.
    const before = writer.acknowledgedAt.length;
    await new Promise((resolve) => setTimeout(resolve, 9000));
    assert.equal(leader.postmasterPid(), postmaster);
    assert.ok(writer.acknowledgedAt.length > before);

    // A guard that is killed or frozen is replaced at once; the server does not notice.
    process.kill(second, 'SIGKILL');
    const third = await waitFor('another guard', () => guardOf(leader, second), 5000);
    process.kill(third, 'SIGSTOP');
    await waitFor('yet another guard', () => guardOf(leader, third), 10_000);
    assert.equal(leader.postmasterPid(), postmaster);

    // In maintenance mode there is none, and afterwards there is one again.
    assert.equal((await cluster.patronictl('pause', '--wait')).code, 0);
    await waitFor('no guard in maintenance mode', () => guardOf(leader) === undefined, 10_000);
    assert.equal((await cluster.patronictl('resume', '--wait')).code, 0);
    const last = await waitFor('a guard again', () => guardOf(leader), 10_000);
    await writer.stop();

    // A clean stop disarms it.
    await leader.stopAgent('SIGTERM');
    await waitFor('the guard ends', () => !isGuard(last), 5000);
    leader.startAgent();
    await cluster.untilHealthy();
  });
});
