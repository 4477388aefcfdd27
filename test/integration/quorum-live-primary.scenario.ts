import assert from 'node:assert/strict';
import { writeDirectly } from './harness/direct-writer.js';
import { scenario } from './harness/scenario.js';
import { syncKey } from './harness/sync-key.js';
import { waitFor } from './harness/wait.js';

const quick = { ttl: 10, loop_wait: 2, retry_timeout: 3, synchronous_mode: 'quorum' };

scenario('quorum mode: nobody acknowledges for a primary whose agent is dead', { dynamic: quick }, async ({ cluster }) => {
  const leader = await cluster.leader();
  await waitFor('both standbys vote', async () => (await syncKey(cluster))?.voters.length === 2);
  const clients = await writeDirectly(leader.port);
  await waitFor('rows are written', () => clients.acknowledgedAt.length > 200);
  // The server goes on, and so do its clients: without watchdog nobody stops it.
  leader.agent.signal('SIGKILL');
  const successor = await waitFor('another leads', async () => {
    const now = await cluster.leader();
    return now === leader ? undefined : now;
  });
  await waitFor('nobody receives from the old server', async () => {
    const { rows } = await cluster.sql(leader, 'SELECT pg_is_in_recovery() AS r, count(*)::int AS n FROM pg_stat_replication');
    return rows[0]?.['r'] === false && rows[0]['n'] === 0;
  });
  const acknowledged = clients.acknowledgedAt.length;
  await clients.stop();
  assert.equal(clients.acknowledgedAt.length, acknowledged, 'a commit was acknowledged without any standby');
  const { rows } = await cluster.sql(successor, "SELECT count(*)::int AS n FROM direct WHERE writer <> 'first'");
  assert.ok(Number(rows[0]?.['n']) >= acknowledged, `${rows[0]?.['n']} of ${acknowledged} acknowledged rows`);
  leader.startAgent();
  await cluster.untilHealthy(120_000);
});
