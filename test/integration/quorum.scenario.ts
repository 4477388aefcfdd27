import assert from 'node:assert/strict';
import { scenario } from './harness/scenario.js';
import { syncKey } from './harness/sync-key.js';
import { waitFor } from './harness/wait.js';

const quick = { ttl: 10, loop_wait: 2, retry_timeout: 3, synchronous_mode: 'quorum' };

scenario('quorum mode: loss of the leader costs no acknowledged row', { dynamic: quick }, async ({ cluster, writer }) => {
  for (let round = 0; round < 2; round += 1) {
    const leader = await cluster.leader();
    await waitFor('both standbys vote', async () => {
      const key = await syncKey(cluster);
      return key?.leader === leader.name && key.voters.length === 2 && key.quorum === 1;
    });
    const standby = cluster.members.find((each) => each !== leader);
    await waitFor('a standby says that it votes', async () => standby?.isHealthy('/quorum'), 3_000);
    leader.kill();
    await waitFor('another leads', async () => (await cluster.leader()) !== leader);
    await writer.untilWritten(20);
    leader.startAgent();
    await cluster.untilHealthy(120_000);
  }
});

scenario('quorum mode: one standby may go without a gap, both are taken off the key', { dynamic: quick }, async ({ cluster, writer }) => {
  const leader = await cluster.leader();
  await waitFor('both standbys vote', async () => (await syncKey(cluster))?.voters.length === 2);
  const [first, second] = cluster.members.filter((each) => each !== leader);
  assert.ok(first !== undefined && second !== undefined);
  writer.forgetGaps();
  first.kill();
  await waitFor('one votes', async () => (await syncKey(cluster))?.voters.length === 1);
  assert.ok(writer.longestGapMs < 1_000, `no acknowledged row for ${writer.longestGapMs} ms`);
  second.kill();
  await waitFor('nobody votes', async () => (await syncKey(cluster))?.voters.length === 0);
  await writer.untilWritten(20);
  for (const each of [first, second]) each.startAgent();
  await cluster.untilHealthy(120_000);
});

scenario('quorum mode: a switchover', { dynamic: quick }, async ({ cluster, writer }) => {
  const leader = await cluster.leader();
  await waitFor('both standbys vote', async () => (await syncKey(cluster))?.voters.length === 2);
  const candidate = cluster.members.find((each) => each !== leader);
  assert.ok(candidate !== undefined);
  const answer = await cluster.rest(leader, 'POST', '/switchover', { leader: leader.name, candidate: candidate.name });
  assert.equal(answer.status, 200, answer.body);
  assert.equal(await cluster.leader(), candidate);
  await writer.untilWritten(20);
  await cluster.untilHealthy();
});
