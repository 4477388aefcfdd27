import assert from 'node:assert/strict';
import { run, says } from './harness/by-hand.js';
import { isWritable, leaseTtl } from './harness/observers.js';
import { scenario } from './harness/scenario.js';
import type { TestCluster } from './harness/test-cluster.js';
import { pause, waitFor } from './harness/wait.js';

const TTL = 5;
const dynamic = { ttl: TTL, loop_wait: 1, retry_timeout: 2 };
/** Long enough for agents that would do something to do it. */
const FOR_A_WHILE = (TTL + 2) * 1000;

const pids = (cluster: TestCluster): (number | undefined)[] => cluster.members.map((each) => each.postmasterPid());

scenario('T110: agents and store come and go: the servers run on', { dynamic }, async ({ cluster, writer }) => {
  const leader = await cluster.leader();
  await run(cluster, 'pause', '--wait');
  const before = pids(cluster);
  for (const member of cluster.members) await member.stopAgent();
  assert.match(leader.agent.tail(), /Leader key is not deleted and Postgresql is not stopped due paused state/);
  await pause(FOR_A_WHILE);
  for (const member of cluster.members) member.startAgent();
  assert.equal(await cluster.leader(), leader);
  await cluster.etcd.stop();
  await says(leader, 'PAUSE: DCS is not accessible');
  await pause(FOR_A_WHILE);
  assert.equal(await isWritable(cluster, leader), true);
  await cluster.etcd.start();
  await waitFor('the lock is back', async () => (await leaseTtl(cluster, 'leader')) !== undefined, 20_000);
  assert.equal(await cluster.leader(), leader);
  await writer.untilWritten(20);
  assert.deepEqual(pids(cluster), before);
  await run(cluster, 'resume', '--wait');
  await cluster.untilHealthy();
  assert.deepEqual(pids(cluster), before);
});

scenario('restart, reinit, switchover and failover on request; schedules wait', { dynamic }, async ({ cluster, writer }) => {
  const leader = await cluster.leader();
  const [replica, third] = await cluster.replicas();
  assert.ok(replica && third);
  const soon = new Date(Date.now() + 6_000).toISOString();
  await run(cluster, 'switchover', '--leader', leader.name, '--candidate', replica.name, '--scheduled', soon, '--force');
  assert.equal((await cluster.rest(third, 'POST', '/restart', { schedule: soon })).status, 202);
  await run(cluster, 'pause', '--wait');
  const [before, thirdBefore] = [leader.postmasterPid(), third.postmasterPid()];
  await pause(8_000);
  assert.equal(await cluster.leader(), leader, 'the scheduled switchover waits');
  assert.equal(third.postmasterPid(), thirdBefore, 'the scheduled restart waits');
  await run(cluster, 'flush', 'batman', 'switchover', '--force');

  await run(cluster, 'restart', 'batman', leader.name, '--force');
  assert.notEqual(leader.postmasterPid(), before);
  assert.equal(await cluster.leader(), leader);
  await run(cluster, 'reinit', 'batman', third.name, '--force', '--wait');
  await cluster.untilHealthy();

  const later = new Date(Date.now() + 3_600_000).toISOString();
  assert.equal((await cluster.rest(leader, 'POST', '/switchover', { leader: leader.name })).status, 400);
  const scheduled = { leader: leader.name, candidate: replica.name, scheduled_at: later };
  assert.equal((await cluster.rest(leader, 'POST', '/switchover', scheduled)).status, 400);
  assert.equal((await cluster.rest(leader, 'POST', '/restart', { schedule: later })).status, 500);
  await run(cluster, 'switchover', '--leader', leader.name, '--candidate', replica.name, '--force');
  assert.equal(await cluster.leader(), replica);
  await cluster.untilHealthy();
  await run(cluster, 'failover', '--candidate', third.name, '--force');
  assert.equal(await cluster.leader(), third);
  await cluster.untilHealthy();
  await writer.untilWritten(20);
  await run(cluster, 'resume', '--wait');
  await cluster.untilHealthy();
  assert.equal(await cluster.leader(), third);
});
