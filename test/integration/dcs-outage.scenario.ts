import assert from 'node:assert/strict';
import { scenario } from './harness/scenario.js';
import { frozenStore, momentWithoutStore, quick, untilReadOnly } from './harness/store-story.js';
import { waitFor } from './harness/wait.js';

scenario('etcd stopped: the primary gives up writes; started: the cluster heals', { dynamic: quick }, async ({ cluster }) => {
  const leader = await cluster.leader();
  await cluster.etcd.stop();
  await waitFor(
    'nobody is primary',
    async () => !(await isAnyPrimary(cluster.members.map((each) => () => each.isHealthy('/primary')))),
    40_000,
  );
  await untilReadOnly(cluster, leader, 40_000);
  await cluster.etcd.start();
  await cluster.leader();
  await cluster.untilHealthy();
});

scenario('patroni-3462: etcd stopped for a moment: the primary goes on', { dynamic: quick }, async (scene) => {
  await momentWithoutStore(scene);
  const { longestGapMs } = scene.writer;
  assert.ok(longestGapMs < 1_000, `no acknowledged row for ${longestGapMs} ms`);
});

scenario('etcd frozen: the primary gives up within the lease; thawed: the cluster heals', { dynamic: quick }, frozenStore);

scenario('agent killed, etcd stopped, agent started again: the primary is not left alone', { dynamic: quick }, async ({ cluster }) => {
  const leader = await cluster.leader();
  await leader.stopAgent('SIGKILL');
  await cluster.etcd.stop();
  await leader.startAgent();
  await untilReadOnly(cluster, leader, 20_000);
  await cluster.etcd.start();
  await cluster.leader();
  await cluster.untilHealthy();
});

async function isAnyPrimary(asks: readonly (() => Promise<boolean>)[]): Promise<boolean> {
  return (await Promise.all(asks.map((ask) => ask().catch(() => false)))).includes(true);
}
