import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assertReadOnly, twoClusters, untilCaughtUp } from './harness/two-clusters.js';
import { waitFor } from './harness/wait.js';
import { connect } from './harness/writer.js';

const SECRETS = /zalando|rep-pass|rewind_password/;

twoClusters(
  'operation of a standby cluster: switchover, restart, reinitialize, bad settings, HAProxy',
  {},
  async ({ main, standby, writer }) => {
    const haproxy = await standby.startHaproxy({ checkMs: 100 });
    const first = await standby.leader();
    const switched = await standby.patronictl('switchover', '--force');
    assert.equal(switched.code, 0, switched.stderr);
    await waitFor('the other member is standby leader', async () => {
      const leader = await standby.leader();
      return leader !== first && (await leader.isHealthy('/standby-leader'));
    });
    await standby.untilHealthy();
    await untilCaughtUp(standby, writer);
    const second = await standby.leader();

    const restarted = await standby.patronictl('restart', 'robin', '--force');
    assert.equal(restarted.code, 0, restarted.stderr);
    await standby.untilHealthy();
    assert.equal(await standby.leader(), second);

    const reinit = await standby.patronictl('reinit', 'robin', first.name, '--force', '--wait');
    assert.equal(reinit.code, 0, reinit.stderr);
    await standby.untilHealthy();
    await untilCaughtUp(standby, writer);
    await assertReadOnly(standby);

    await assert.rejects(connect(haproxy.port), 'HAProxy leads to a member of a standby cluster');
    await writer.betweenRows(async () => {
      await untilCaughtUp(standby, writer);
      for (const member of main.members) member.kill();
      const bad = { standby_cluster: { port: 'nonsense' } };
      assert.equal((await standby.rest(second, 'PATCH', '/config', bad)).status, 200);
      await waitFor('the bad port is told', () => second.agent.tail(200).includes("standby_cluster.port: 'nonsense' is no port number"));
      await assertReadOnly(standby);

      assert.equal((await standby.patronictl('promote-cluster', '--force')).code, 0);
    });
    await waitFor('HAProxy leads to the new primary', async () => {
      const client = await connect(haproxy.port);
      const { rows } = await client.query('SELECT pg_is_in_recovery() AS r').finally(() => client.end());
      return rows[0]?.['r'] === false;
    });
    await standby.untilHealthy();
    for (const member of standby.members) {
      assert.doesNotMatch(readFileSync(join(standby.folder, `${member.name}.log`), 'utf8'), SECRETS);
    }
  },
);
