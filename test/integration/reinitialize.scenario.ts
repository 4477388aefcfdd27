import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { scenario } from './harness/scenario.js';
import { waitFor } from './harness/wait.js';

scenario('reinit by patronictl: the replica gets a new copy', {}, async ({ cluster }) => {
  const [replica] = await cluster.replicas();
  assert.ok(replica);
  const before = (await replica.status()).postmaster_start_time;
  const { code, stdout, stderr } = await cluster.patronictl('reinit', 'batman', replica.name, '--force');
  assert.equal(code, 0, stdout + stderr);
  await waitFor('PostgreSQL was started anew', async () => {
    const status = await replica.status();
    return status.state === 'running' && status.postmaster_start_time !== before;
  });
  await cluster.untilHealthy();
});

scenario('a replica without data directory is created again', {}, async ({ cluster, writer }) => {
  const [replica] = await cluster.replicas();
  assert.ok(replica);
  await replica.stopAgent();
  rmSync(join(replica.dataDir), { recursive: true });
  replica.startAgent();
  await cluster.untilHealthy();
  await writer.untilWritten(5);
});
