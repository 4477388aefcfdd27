import assert from 'node:assert/strict';
import { scenario } from './harness/scenario.js';
import { waitFor } from './harness/wait.js';

scenario('switchover by patronictl: the candidate leads, the former leader follows', {}, async ({ cluster, writer }) => {
  const [leader, [candidate]] = [await cluster.leader(), await cluster.replicas()];
  assert.ok(candidate);
  const { code, stdout, stderr } = await cluster.patronictl(
    'switchover',
    'batman',
    '--leader',
    leader.name,
    '--candidate',
    candidate.name,
    '--force',
  );
  assert.equal(code, 0, stdout + stderr);
  await waitFor('the candidate leads', async () => (await cluster.leader()) === candidate);
  await writer.untilWritten(10);
  await cluster.untilHealthy();
  const history = JSON.parse((await cluster.rest(candidate, 'GET', '/history')).body) as unknown[][];
  assert.equal(history.length, 1);
  assert.equal(history[0]?.[4], candidate.name);
});

scenario('SIGTERM to the leader: it hands over, and joins again', {}, async ({ cluster, writer }) => {
  const leader = await cluster.leader();
  await leader.stopAgent();
  assert.equal(leader.postmasterPid(), undefined, 'its PostgreSQL was stopped with it');
  assert.notEqual(await cluster.leader(), leader);
  await writer.untilWritten(10);
  leader.startAgent();
  await cluster.untilHealthy();
});
