import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { logsOf, promote } from './harness/cluster-roles.js';
import { addressOf, assertReadOnly, twoClusters, untilCaughtUp } from './harness/two-clusters.js';
import { waitFor } from './harness/wait.js';

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
