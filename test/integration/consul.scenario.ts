import assert from 'node:assert/strict';
import { httpGet } from './harness/rest.js';
import { scenario } from './harness/scenario.js';
import type { TestCluster } from './harness/test-cluster.js';
import { waitFor } from './harness/wait.js';

const quick = { ttl: 20, loop_wait: 3, retry_timeout: 4 };

/** The tags of each member's service at Consul. */
async function serviceTags(cluster: TestCluster): Promise<Readonly<Record<string, readonly string[]>>> {
  const { body } = await httpGet(cluster.etcd.clientPort, '/v1/catalog/service/batman');
  const entries = JSON.parse(body) as { ServiceID: string; ServiceTags: string[] }[];
  return Object.fromEntries(entries.map(({ ServiceID, ServiceTags }) => [ServiceID.replace('batman/', ''), ServiceTags]));
}

const options = { store: 'consul', dynamic: quick } as const;

scenario('Consul: switchover, and the loss of the leader; the services follow the roles', options, async ({ cluster, writer }) => {
  const [first, [candidate]] = [await cluster.leader(), await cluster.replicas()];
  assert.ok(candidate);
  const args = ['switchover', 'batman', '--leader', first.name, '--candidate', candidate.name, '--force'];
  const { code, stdout, stderr } = await cluster.patronictl(...args);
  assert.equal(code, 0, stdout + stderr);
  await waitFor('the candidate leads', async () => (await cluster.leader()) === candidate);
  await writer.untilWritten(10);
  await cluster.untilHealthy();
  await waitFor('the tags follow', async () => {
    const tags = await serviceTags(cluster);
    return tags[candidate.name]?.includes('primary') === true && tags[first.name]?.includes('replica') === true;
  });
  await writer.betweenRows(() => candidate.kill());
  await waitFor('another member leads', async () => (await cluster.leader()) !== candidate, 40_000);
  await writer.untilWritten(10);
  candidate.startAgent();
  await cluster.untilHealthy();
});

scenario('Consul frozen: the primary gives up within the lease; thawed: the cluster heals', options, async ({ cluster }) => {
  const leader = await cluster.leader();
  const frozenAt = performance.now();
  cluster.etcd.freeze();
  await waitFor(
    'its PostgreSQL is read-only',
    async () => (await cluster.sql(leader, 'SELECT pg_is_in_recovery() AS r')).rows[0]?.['r'] === true,
    40_000,
  );
  assert.ok(performance.now() - frozenAt < 30_000);
  cluster.etcd.thaw();
  await cluster.untilHealthy();
});

scenario('Consul stopped for a moment: the primary goes on', options, async ({ cluster, writer }) => {
  const leader = await cluster.leader();
  const [before, timeline] = [leader.postmasterPid(), (await leader.status()).timeline];
  writer.forgetGaps();
  await cluster.etcd.stop();
  await writer.untilWritten(50);
  await cluster.etcd.start();
  await cluster.untilHealthy();
  assert.equal(await cluster.leader(), leader);
  assert.equal(leader.postmasterPid(), before);
  assert.equal((await leader.status()).timeline, timeline);
});
