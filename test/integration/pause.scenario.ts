import assert from 'node:assert/strict';
import { renameSync, rmSync } from 'node:fs';
import { initialiseByHand, run, says, stopByHand } from './harness/by-hand.js';
import { leaseTtl } from './harness/observers.js';
import { scenario } from './harness/scenario.js';
import { pause, waitFor } from './harness/wait.js';

const TTL = 5;
const dynamic = { ttl: TTL, loop_wait: 1, retry_timeout: 2 };
/** Long enough for agents that would do something to do it. */
const FOR_A_WHILE = (TTL + 2) * 1000;

scenario('a crash is not repaired, and resume brings the primary back', { dynamic }, async ({ cluster, writer }) => {
  const leader = await cluster.leader();
  const [replica] = await cluster.replicas();
  assert.ok(replica);
  await run(cluster, 'pause', '--wait');
  await stopByHand(replica);
  await writer.betweenRows(() => leader.killServer());
  await says(leader, 'PAUSE: postgres is not running');
  await says(replica, 'PAUSE: postgres is not running');
  // An agent that starts now starts nothing either.
  await replica.stopAgent('SIGKILL');
  replica.startAgent();
  await says(replica, 'PAUSE: postgres is not running');
  await pause(FOR_A_WHILE);
  assert.equal(leader.postmasterPid(), undefined);
  assert.equal(replica.postmasterPid(), undefined);
  assert.equal(await leaseTtl(cluster, 'leader'), undefined);
  await run(cluster, 'resume');
  await cluster.untilHealthy();
});

scenario('the data of another cluster: a warning, and the end when maintenance mode ends', { dynamic }, async ({ cluster }) => {
  const [replica] = await cluster.replicas();
  assert.ok(replica);
  await run(cluster, 'pause', '--wait');
  await stopByHand(replica);
  const aside = `${replica.dataDir}.aside`;
  renameSync(replica.dataDir, aside);
  await initialiseByHand(cluster, replica);
  await says(replica, 'system ID has changed while in paused mode. Patroni will exit when resuming unless system ID is reset');
  await says(replica, 'PAUSE: postgres is not running');
  await run(cluster, 'resume');
  await waitFor('the agent ends', () => !replica.agent.isRunning, 20_000);
  assert.match(replica.agent.tail(), /system ID mismatch, node \w+ belongs to a different cluster/);
  rmSync(replica.dataDir, { recursive: true });
  renameSync(aside, replica.dataDir);
  replica.startAgent();
  await cluster.untilHealthy();
});
