import assert from 'node:assert/strict';
import { scenario } from './harness/scenario.js';
import { waitFor } from './harness/wait.js';

const quick = { ttl: 20, loop_wait: 3, retry_timeout: 4 };

scenario('etcd stopped: the primary gives up writes; started: the cluster heals', { dynamic: quick }, async ({ cluster }) => {
  const leader = await cluster.leader();
  await cluster.etcd.stop();
  await waitFor(
    'nobody is primary',
    async () => !(await isAnyPrimary(cluster.members.map((each) => () => each.isHealthy('/primary')))),
    40_000,
  );
  await waitFor(
    'its PostgreSQL is read-only',
    async () => {
      const { rows } = await cluster.sql(leader, 'SELECT pg_is_in_recovery() AS r');
      return rows[0]?.['r'] === true;
    },
    40_000,
  );
  await cluster.etcd.start();
  await cluster.leader();
  await cluster.untilHealthy();
});

scenario('patroni-3462: etcd stopped for a moment: the primary goes on', { dynamic: quick }, async ({ cluster, writer }) => {
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
  assert.ok(writer.longestGapMs < 1_000, `no acknowledged row for ${writer.longestGapMs} ms`);
});

scenario('etcd frozen: the primary gives up within the lease; thawed: the cluster heals', { dynamic: quick }, async ({ cluster }) => {
  const leader = await cluster.leader();
  const frozenAt = performance.now();
  cluster.etcd.freeze();
  await waitFor(
    'its PostgreSQL is read-only',
    async () => {
      const { rows } = await cluster.sql(leader, 'SELECT pg_is_in_recovery() AS r');
      return rows[0]?.['r'] === true;
    },
    40_000,
  );
  assert.ok(performance.now() - frozenAt < 30_000);
  cluster.etcd.thaw();
  await cluster.untilHealthy();
});

scenario('agent killed, etcd stopped, agent started again: the primary is not left alone', { dynamic: quick }, async ({ cluster }) => {
  const leader = await cluster.leader();
  await leader.stopAgent('SIGKILL');
  await cluster.etcd.stop();
  await leader.startAgent();
  await waitFor(
    'its PostgreSQL is read-only',
    async () => {
      const { rows } = await cluster.sql(leader, 'SELECT pg_is_in_recovery() AS r');
      return rows[0]?.['r'] === true;
    },
    20_000,
  );
  await cluster.etcd.start();
  await cluster.leader();
  await cluster.untilHealthy();
});

async function isAnyPrimary(asks: readonly (() => Promise<boolean>)[]): Promise<boolean> {
  return (await Promise.all(asks.map((ask) => ask().catch(() => false)))).includes(true);
}
