import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assertReadOnly, twoClusters, untilCaughtUp } from './harness/two-clusters.js';
import { waitFor } from './harness/wait.js';
import { connect } from './harness/writer.js';

/** Told what happened as `action role scope`, in the folder of the cluster. */
const callback = "sh -c 'echo $0 $1 $2 >> callbacks'";
const SECRETS = /zalando|rep-pass|rewind_password/;

twoClusters(
  'operation of a standby cluster: switchover, restart, reinitialize, bad settings, HAProxy',
  { postgresql: { callbacks: { on_start: callback, on_role_change: callback } } },
  async ({ main, standby, writer }) => {
    const haproxy = await standby.startHaproxy({ checkMs: 100 });
    const first = await standby.leader();
    const told = (): string[] => readFileSync(join(standby.folder, 'callbacks'), 'utf8').trim().split('\n');
    assert.deepEqual(told().sort(), ['on_start replica robin', 'on_start standby_leader robin']);
    const switched = await standby.patronictl('switchover', '--force');
    assert.equal(switched.code, 0, switched.stderr);
    await waitFor('the other member is standby leader', async () => {
      const leader = await standby.leader();
      return leader !== first && (await leader.isHealthy('/standby-leader'));
    });
    await standby.untilHealthy();
    await untilCaughtUp(standby, writer);
    const second = await standby.leader();
    assert.deepEqual(told().slice(2).sort(), ['on_role_change replica robin', 'on_role_change standby_leader robin']);

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
    assert.equal(told().filter((line) => line === 'on_role_change primary robin').length, 1);
    for (const member of standby.members) {
      assert.doesNotMatch(readFileSync(join(standby.folder, `${member.name}.log`), 'utf8'), SECRETS);
    }
  },
);
