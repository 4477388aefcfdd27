import assert from 'node:assert/strict';
import { isWritable, watchForTwo } from './harness/observers.js';
import { scenario } from './harness/scenario.js';
import type { TestCluster } from './harness/test-cluster.js';
import { pause, waitFor } from './harness/wait.js';

const TTL = 6;
const quick = { ttl: TTL, loop_wait: 1, retry_timeout: 2, failsafe_mode: true };

/** All members have seen the map with everybody in it. */
async function untilMapped(cluster: TestCluster): Promise<void> {
  const names = JSON.stringify(cluster.members.map(({ name }) => name).sort());
  for (const member of cluster.members) {
    await waitFor(`${member.name} knows the map`, async () => {
      const { body } = await cluster.rest(member, 'GET', '/failsafe');
      return JSON.stringify(Object.keys(JSON.parse(body) as object).sort()) === names;
    });
  }
}

async function isReadOnly(cluster: TestCluster, member: TestCluster['members'][number]): Promise<boolean> {
  return (await cluster.sql(member, 'SELECT pg_is_in_recovery() AS r')).rows[0]?.['r'] === true;
}

scenario(
  'patroni-3403: etcd away for longer than ttl: writes go on; back: the same primary, nothing else',
  { dynamic: quick },
  async ({ cluster, writer }) => {
    const leader = await cluster.leader();
    const [before, timeline] = [leader.postmasterPid(), (await leader.status()).timeline];
    await untilMapped(cluster);
    const watch = watchForTwo(cluster);
    writer.forgetGaps();
    await cluster.etcd.stop();
    await pause(2 * TTL * 1000);
    assert.equal(await leader.isHealthy('/primary'), true);
    for (const member of cluster.members) {
      assert.equal(
        (JSON.parse((await cluster.rest(member, 'GET', '/patroni')).body) as Record<string, unknown>)['failsafe_mode_is_active'],
        true,
      );
    }
    await cluster.etcd.start();
    await writer.untilWritten(50);
    await cluster.untilHealthy();
    await waitFor('the store confirms the leader again', async () => {
      const { body } = await cluster.rest(leader, 'GET', '/patroni');
      return !('failsafe_mode_is_active' in (JSON.parse(body) as object));
    });
    assert.equal((await cluster.leader()).name, leader.name);
    assert.equal(leader.postmasterPid(), before);
    assert.equal((await leader.status()).timeline, timeline);
    assert.ok(writer.longestGapMs < 2_000, `no acknowledged row for ${writer.longestGapMs} ms`);
    assert.equal((await watch.stop()).twice, 0);
  },
);

scenario(
  'a member frozen during the outage: the primary gives up within ttl, nobody else is promoted',
  { dynamic: quick },
  async ({ cluster }) => {
    const leader = await cluster.leader();
    const [replica, other] = await cluster.replicas();
    assert.ok(replica && other);
    await untilMapped(cluster);
    const watch = watchForTwo(cluster);
    await cluster.etcd.stop();
    await pause(TTL * 1000);
    assert.equal(await isWritable(cluster, leader), true);
    replica.agent.signal('SIGSTOP');
    const frozenAt = performance.now();
    await waitFor('its PostgreSQL is read-only', () => isReadOnly(cluster, leader), 30_000);
    assert.ok(performance.now() - frozenAt < (TTL + 3) * 1000, `${performance.now() - frozenAt} ms`);
    await pause(2000);
    assert.equal(await isWritable(cluster, other), false);
    replica.agent.signal('SIGCONT');
    await cluster.etcd.start();
    await cluster.untilHealthy();
    assert.equal((await watch.stop()).twice, 0);
  },
);

scenario(
  'the agent of the primary restarted during the outage: it does not go on without store',
  { dynamic: quick },
  async ({ cluster }) => {
    const leader = await cluster.leader();
    await untilMapped(cluster);
    const watch = watchForTwo(cluster);
    await cluster.etcd.stop();
    await pause(TTL * 1000);
    await leader.stopAgent('SIGKILL');
    leader.startAgent();
    await waitFor('its PostgreSQL is read-only', () => isReadOnly(cluster, leader), 30_000);
    await cluster.etcd.start();
    await cluster.untilHealthy();
    assert.equal((await watch.stop()).twice, 0);
  },
);

scenario('a replica’s agent restarted during the outage consents anew', { dynamic: quick }, async ({ cluster, writer }) => {
  const leader = await cluster.leader();
  const [replica] = await cluster.replicas();
  assert.ok(replica);
  await untilMapped(cluster);
  await cluster.etcd.stop();
  await pause(TTL * 1000);
  await replica.stopAgent('SIGKILL');
  replica.startAgent();
  await waitFor('it answers again', async () => (await replica.status()).state === 'running', 20_000);
  await pause(TTL * 1000);
  await writer.untilWritten(20);
  assert.equal(await leader.isHealthy('/primary'), true);
  await cluster.etcd.start();
  await cluster.untilHealthy();
  assert.equal(await cluster.leader(), leader);
});
