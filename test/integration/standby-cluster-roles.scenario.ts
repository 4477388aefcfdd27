import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import type { TestCluster } from './harness/test-cluster.js';
import { addressOf, assertReadOnly, SLOT, twoClusters, untilCaughtUp } from './harness/two-clusters.js';
import { waitFor } from './harness/wait.js';

/** `patronictl demote-cluster` onto the servers of `target`. */
async function demote(cluster: TestCluster, target: TestCluster): Promise<void> {
  const hosts = target.members.map((each) => `127.0.0.1:${each.port}`).join(',');
  const { code, stdout, stderr } = await cluster.patronictl('demote-cluster', '--host', hosts, '--primary-slot-name', SLOT, '--force');
  assert.equal(code, 0, stderr);
  assert.match(stdout, /cluster is successfully demoted/);
}

async function promote(cluster: TestCluster): Promise<void> {
  const { code, stdout, stderr } = await cluster.patronictl('promote-cluster', '--force');
  assert.equal(code, 0, stderr);
  assert.match(stdout, /cluster is successfully promoted/);
}

const logsOf = (cluster: TestCluster): string => cluster.members.map((each) => each.agent.tail(10_000)).join('\n');

/** Waits until a member of `cluster` has everything up to the last shutdown checkpoint of `former`. */
async function untilHasEndOf(cluster: TestCluster, former: TestCluster): Promise<void> {
  const end = [...logsOf(former).matchAll(/the WAL of this cluster ends at (\S+):/g)].at(-1)?.[1];
  assert.ok(end, 'the end of the WAL is not logged');
  await waitFor(`everything up to ${end}`, async () => {
    const { rows } = await cluster.sql(await cluster.leader(), `SELECT pg_last_wal_receive_lsn() > $1::pg_lsn AS has`, [end]);
    return rows[0]?.['has'] === true;
  });
}

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

twoClusters(
  'both clusters promoted to timeline 2: nobody streams the other one’s; without data the members are copied anew',
  {},
  async ({ main, standby, writer }) => {
    await writer.betweenRows(async () => {
      await untilCaughtUp(standby, writer);
      await promote(standby);
      const first = await main.leader();
      assert.equal((await main.patronictl('switchover', '--force')).code, 0);
      await waitFor('another main leader', async () => (await main.leader()) !== first);
      await main.untilHealthy();
      const { status } = await main.rest(await main.leader(), 'PATCH', '/config', { standby_cluster: { ...addressOf(standby) } });
      assert.equal(status, 200);
      await waitFor('both refuse', () => main.members.every((each) => each.agent.tail(50).includes('not following timeline 2')), 30_000);
    });
    await writer.untilWritten(20);
    for (const member of main.members) {
      const { rows } = await standby.sql(await standby.leader(), 'SELECT 1 FROM pg_stat_replication WHERE application_name = $1', [
        member.name,
      ]);
      assert.equal(rows.length, 0);
      assert.doesNotMatch(member.agent.tail(10_000), /incorrect prev-link/);
      member.kill();
      await member.stopAgent('SIGKILL');
      rmSync(member.dataDir, { recursive: true });
      member.startAgent();
    }
    await waitFor('the former main cluster leads a standby cluster', async () => (await main.leader()).isHealthy('/standby-leader'));
    await untilCaughtUp(main, writer, 60_000);
    await main.untilHealthy();
    await assertReadOnly(main);
    assert.match(logsOf(main), /trying to bootstrap from remote member/);
  },
);
