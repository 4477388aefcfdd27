import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeDirectly } from './harness/direct-writer.js';
import { guardedBy, guardOf, isGuard, onCluster } from './harness/guard.js';
import { leaseTtl } from './harness/observers.js';
import { waitFor } from './harness/wait.js';

/** A member whose guard killed its server says so. */
const KILLED = /the guard killed PostgreSQL/;

void test('what the agent does to its server, the guard lets it do', { timeout: 150_000 }, async () => {
  await onCluster(guardedBy('guard', 8), async (cluster) => {
    const first = await cluster.leader();
    const [second] = await cluster.replicas();
    assert.ok(second !== undefined);
    const guard = await waitFor('a guard', () => guardOf(first));

    // A restart and a crash: other processes, the same guard.
    const before = first.postmasterPid();
    assert.equal((await cluster.patronictl('restart', 'batman', first.name, '--force')).code, 0);
    await waitFor('another postmaster', () => ![before, undefined].includes(first.postmasterPid()));
    await cluster.untilHealthy();
    first.killPostmaster();
    await waitFor('the server is back', () => first.isHealthy('/primary'));
    assert.equal(guardOf(first), guard);

    // A switchover moves it.
    assert.equal((await cluster.patronictl('switchover', 'batman', '--leader', first.name, '--candidate', second.name, '--force')).code, 0);
    await waitFor('the other member leads', () => second.isHealthy('/primary'));
    await waitFor('a guard there', () => guardOf(second));
    await waitFor('none here', () => !isGuard(guard));
    await cluster.untilHealthy();

    // Without store the leader stops by itself before its guard would do it.
    cluster.etcd.freeze();
    await waitFor('it stops by itself', () => /demoted self because DCS is not accessible/.test(second.agent.tail(60)), 30_000);
    await waitFor('disarmed with it', () => guardOf(second) === undefined, 10_000);
    cluster.etcd.thaw();
    await cluster.untilHealthy();
    await waitFor('one of them leads under a guard', async () => guardOf(await cluster.leader()), 10_000);
    for (const member of cluster.members) assert.doesNotMatch(member.agent.tail(2000), KILLED);
  });
});

void test('a leader that goes on by the word of the members feeds its guard by that', { timeout: 120_000 }, async () => {
  const plain = guardedBy('guard', 8);
  await onCluster({ ...plain, dynamic: { ...plain.dynamic, failsafe_mode: true } }, async (cluster) => {
    const leader = await cluster.leader();
    const [postmaster, guard] = [leader.postmasterPid(), await waitFor('a guard', () => guardOf(leader))];
    await waitFor('the members are listed', async () => (await leaseTtl(cluster, 'leader')) !== undefined);
    const writer = await writeDirectly(leader.port, 1);
    cluster.etcd.freeze();
    // Twice as long as the last lease of the store.
    await new Promise((resolve) => setTimeout(resolve, 16_000));
    const before = writer.acknowledgedAt.length;
    await waitFor('rows are still written', () => writer.acknowledgedAt.length > before + 10);
    cluster.etcd.thaw();
    await writer.stop();
    assert.deepEqual([leader.postmasterPid(), guardOf(leader)], [postmaster, guard]);
    await cluster.untilHealthy();
  });
});
