import assert from 'node:assert/strict';
import { scenario } from './harness/scenario.js';
import { waitFor } from './harness/wait.js';
import { connect } from './harness/writer.js';

scenario('a client behind HAProxy follows the leader', { haproxy: true }, async ({ cluster, writer }) => {
  const serving = async (): Promise<number> => {
    const client = await connect(cluster.haproxy.port);
    try {
      const { rows } = await client.query<{ port: number }>("SELECT current_setting('port')::int AS port");
      return rows[0]?.port ?? 0;
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  const first = await cluster.leader();
  assert.equal(await serving(), first.port);
  const [candidate] = await cluster.replicas();
  assert.ok(candidate);
  const { code, stdout, stderr } = await cluster.patronictl(
    'switchover',
    'batman',
    '--leader',
    first.name,
    '--candidate',
    candidate.name,
    '--force',
  );
  assert.equal(code, 0, stdout + stderr);
  await waitFor('HAProxy leads to the new primary', async () => (await serving()) === candidate.port);
  await writer.untilWritten(10);
});
