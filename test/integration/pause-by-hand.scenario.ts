import assert from 'node:assert/strict';
import { promoteByHand, run, says, startByHand, stopByHand } from './harness/by-hand.js';
import { isWritable, leaseTtl } from './harness/observers.js';
import { scenario } from './harness/scenario.js';
import { pause, waitFor } from './harness/wait.js';

const TTL = 5;
const dynamic = { ttl: TTL, loop_wait: 1, retry_timeout: 2 };
/** Long enough for agents that would do something to do it. */
const FOR_A_WHILE = (TTL + 2) * 1000;

scenario('stopped, demoted and promoted by hand: the lock follows, nobody interferes', { dynamic }, async ({ cluster, writer }) => {
  const former = await cluster.leader();
  const [next, third] = await cluster.replicas();
  assert.ok(next && third);
  await run(cluster, 'pause', '--wait');
  await stopByHand(former);
  await says(former, 'PAUSE: postgres is not running');
  await waitFor('the lock is given away', async () => (await leaseTtl(cluster, 'leader')) === undefined, 20_000);
  await pause(FOR_A_WHILE);
  assert.equal(former.postmasterPid(), undefined);
  for (const member of [next, third]) assert.equal(await isWritable(cluster, member), false);

  await startByHand(cluster, former, { isStandby: true });
  await says(former, `PAUSE: no action. I am (${former.name})`);
  assert.equal((await former.status()).state, 'running');
  await promoteByHand(cluster, next);
  assert.equal(await cluster.leader(), next);
  await says(next, `PAUSE: no action. I am (${next.name}), the leader with the lock`);
  await says(former, `PAUSE: no action. I am (${former.name}), a secondary, and following a leader (${next.name})`);
  await cluster.untilHealthy();
  await writer.untilWritten(20);
  await run(cluster, 'resume', '--wait');
  await cluster.untilHealthy();
  assert.equal(await cluster.leader(), next);
});

scenario(
  'a second primary made by hand is left alone, and taken down at the end',
  { dynamic, haproxy: true },
  async ({ cluster, writer }) => {
    const leader = await cluster.leader();
    const [second] = await cluster.replicas();
    assert.ok(second);
    await run(cluster, 'pause', '--wait');
    await promoteByHand(cluster, second);
    await says(second, 'PAUSE: continue to run as primary without lock');
    await cluster.sql(second, 'CREATE TABLE of_the_second (id int)');
    await pause(FOR_A_WHILE);
    assert.equal(await isWritable(cluster, second), true);
    assert.equal(await second.isHealthy('/primary'), false);
    assert.equal(await leader.isHealthy('/primary'), true);
    await writer.untilWritten(20);
    await run(cluster, 'resume', '--wait');
    await cluster.untilHealthy();
    assert.equal(await cluster.leader(), leader);
    const { rows } = await cluster.sql(second, "SELECT to_regclass('of_the_second') AS found");
    assert.equal(rows[0]?.['found'], null, 'rewound to the history of the leader');
  },
);
