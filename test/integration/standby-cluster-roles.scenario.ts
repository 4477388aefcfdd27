import assert from 'node:assert/strict';
import { demote, logsOf, promote, untilHasEndOf } from './harness/cluster-roles.js';
import { addressOf, assertReadOnly, SLOT, twoClusters, untilCaughtUp } from './harness/two-clusters.js';
import { waitFor } from './harness/wait.js';

twoClusters('planned change of roles and back, under load: nothing acknowledged is lost', {}, async ({ main, standby, writer }) => {
  await demote(main, standby);
  await assertReadOnly(main);
  await assertReadOnly(standby);
  await untilHasEndOf(standby, main);
  await promote(standby);
  await writer.untilWritten(20);
  await untilCaughtUp(main, writer);
  await assertReadOnly(main);
  assert.doesNotMatch(logsOf(main), /running pg_rewind/);

  await demote(standby, main);
  await untilHasEndOf(main, standby);
  await promote(main);
  await writer.untilWritten(20);
  await untilCaughtUp(standby, writer);
  await main.untilHealthy();
  await standby.untilHealthy();
  const history = JSON.parse((await main.rest(await main.leader(), 'GET', '/history')).body) as unknown[][];
  assert.deepEqual(
    history.map(([timeline]) => timeline),
    [1, 2],
  );
});

twoClusters('promotion beside a living main cluster, which then follows by pg_rewind', {}, async ({ main, standby, writer }) => {
  await writer.betweenRows(async () => {
    await untilCaughtUp(standby, writer);
    await promote(standby);
    await main.sql(await main.leader(), "SELECT pg_logical_emit_message(true, 'test', 'nobody else has this')");
    const { host, port } = addressOf(standby);
    const section = { host, port, primary_slot_name: SLOT };
    assert.equal((await main.rest(await main.leader(), 'PATCH', '/config', { standby_cluster: section })).status, 200);
    await waitFor('the former main cluster has a standby leader', async () => (await main.leader()).isHealthy('/standby-leader'));
    await assertReadOnly(main);
  });
  await writer.untilWritten(20);
  await untilCaughtUp(main, writer, 60_000);
  await main.untilHealthy();
  assert.match(logsOf(main), /running pg_rewind from remote_member/);
});
