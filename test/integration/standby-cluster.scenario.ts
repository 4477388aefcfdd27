import assert from 'node:assert/strict';
import { assertReadOnly, twoClusters, untilCaughtUp } from './harness/two-clusters.js';
import { waitFor } from './harness/wait.js';

twoClusters('a standby cluster: bootstrap, cascade, roles, loss of its leader', {}, async ({ standby, writer }) => {
  await untilCaughtUp(standby, writer);
  await assertReadOnly(standby);
  const leader = await standby.leader();
  const roles = (await standby.list()).map(({ Member, Role, State }) => [Member, Role, State]);
  const other = standby.members.find((each) => each !== leader);
  assert.deepEqual(
    roles,
    standby.members.map((each) => [each.name, each === leader ? 'Standby Leader' : 'Replica', 'streaming']),
  );
  for (const [path, expected] of [
    ['/leader', 200],
    ['/standby-leader', 200],
    ['/primary', 503],
    ['/replica', 503],
    ['/read-only', 200],
  ] as const) {
    assert.equal((await standby.rest(leader, 'GET', path)).status, expected, path);
  }
  await writer.betweenRows(() => leader.kill());
  await waitFor(
    'the other member is standby leader',
    async () => other !== undefined && (await other.isHealthy('/standby-leader')),
    30_000,
  );
  await writer.untilWritten(10);
  await untilCaughtUp(standby, writer);
  await assertReadOnly(standby);
  leader.startAgent();
  await standby.untilHealthy(60_000);
  await untilCaughtUp(standby, writer);
});

twoClusters('the main cluster changes its leader: the standby cluster follows', {}, async ({ main, standby, writer }) => {
  const first = await main.leader();
  const { code, stderr } = await main.patronictl('switchover', '--force');
  assert.equal(code, 0, stderr);
  await waitFor('another main leader', async () => (await main.leader()) !== first);
  await writer.untilWritten(20);
  await untilCaughtUp(standby, writer);
  await main.untilHealthy();
  const second = await main.leader();
  await writer.betweenRows(async () => {
    await untilCaughtUp(standby, writer);
    await main.killWithWalOfItsOwn(second);
  });
  await waitFor('the main cluster has a leader again', async () => (await main.leader()) !== second, 60_000);
  await writer.untilWritten(20);
  await untilCaughtUp(standby, writer, 60_000);
  await standby.untilHealthy();
  await waitFor('both publish timeline 3', async () => (await standby.list()).every(({ TL }) => TL === 3), 15_000);
  assert.deepEqual(JSON.parse((await standby.rest(await standby.leader(), 'GET', '/history')).body), []);
});
