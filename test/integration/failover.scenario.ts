import assert from 'node:assert/strict';
import { scenario } from './harness/scenario.js';
import { waitFor } from './harness/wait.js';

scenario('kill -9 of the postmaster: writes go on', {}, async ({ cluster, writer }) => {
  const leader = await cluster.leader();
  const before = leader.postmasterPid();
  await writer.betweenRows(() => leader.killPostmaster());
  await waitFor('PostgreSQL is another process', () => {
    const now = leader.postmasterPid();
    return now !== undefined && now !== before;
  });
  await writer.untilWritten(20);
  await cluster.untilHealthy();
});

scenario(
  'loss of the whole leader member: another leads; it comes back by pg_rewind',
  { dynamic: { ttl: 20, loop_wait: 5, retry_timeout: 5 } },
  async ({ cluster, writer }) => {
    const leader = await cluster.leader();
    await writer.betweenRows(() => cluster.killWithWalOfItsOwn(leader));
    await waitFor('another member leads', async () => (await cluster.leader()) !== leader, 60_000);
    await writer.untilWritten(20);
    const { rows } = await cluster.sql(await cluster.leader(), 'SELECT count(*)::int AS n FROM written');
    assert.ok(Number(rows[0]?.['n']) > 0);
    leader.startAgent();
    await cluster.untilHealthy(120_000);
    assert.match(leader.agent.tail(5_000), /pg_rewind/);
  },
);

scenario('agent killed and started again: PostgreSQL runs on undisturbed', {}, async ({ cluster, writer }) => {
  const leader = await cluster.leader();
  const before = leader.postmasterPid();
  leader.agent.signal('SIGKILL');
  await leader.stopAgent('SIGKILL');
  await writer.untilWritten(20);
  leader.startAgent();
  await waitFor('it leads again', async () => leader.isHealthy('/primary'));
  assert.equal(leader.postmasterPid(), before);
  assert.equal(await cluster.leader(), leader);
  await cluster.untilHealthy();
});
