import assert from 'node:assert/strict';
import { leaseTtl, watchForTwo } from './harness/observers.js';
import { scenario } from './harness/scenario.js';
import { waitFor } from './harness/wait.js';

const dynamic = { ttl: 5, loop_wait: 1, retry_timeout: 2 };

scenario('cnpg-6154: ttl 5: the loss of the leader member costs seconds', { dynamic }, async ({ cluster, writer }) => {
  const watcher = watchForTwo(cluster);
  const leader = await cluster.leader();
  writer.forgetGaps();
  await writer.betweenRows(() => leader.kill());
  await waitFor('another member leads', async () => (await cluster.leader()) !== leader);
  await writer.untilWritten(10);
  // A lease of 5 s that was renewed up to a second ago, the race, the promotion, and the writer's search for it.
  assert.ok(writer.longestGapMs < 9_000, `no acknowledged row for ${writer.longestGapMs} ms`);
  leader.startAgent();
  await cluster.untilHealthy();
  assert.equal((await watcher.stop()).twice, 0);
});

scenario('paused, a lock that nobody renews makes no other member primary', { dynamic }, async ({ cluster, writer }) => {
  const leader = await cluster.leader();
  const before = leader.postmasterPid();
  assert.equal((await cluster.patronictl('pause', '--wait')).code, 0);
  await leader.stopAgent('SIGKILL');
  await waitFor('the lock ends', async () => (await leaseTtl(cluster, 'leader')) === undefined, 20_000);
  await writer.untilWritten(100);
  const roles = await Promise.all(cluster.members.filter((each) => each !== leader).map(async (each) => (await each.status()).role));
  assert.deepEqual(roles, ['replica', 'replica']);
  leader.startAgent();
  await waitFor('it leads again', () => leader.isHealthy('/primary'));
  assert.equal((await cluster.patronictl('resume', '--wait')).code, 0);
  assert.equal(leader.postmasterPid(), before);
  await cluster.untilHealthy();
});
