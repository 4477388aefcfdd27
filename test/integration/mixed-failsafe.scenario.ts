import assert from 'node:assert/strict';
import { hasPython } from './harness/implementations.js';
import { watchForTwo } from './harness/observers.js';
import { scenario } from './harness/scenario.js';
import { pause, waitFor } from './harness/wait.js';

// Python Patroni takes no ttl below 20.
const TTL = 20;
const dynamic = { ttl: TTL, loop_wait: 2, retry_timeout: 3, failsafe_mode: true };

if (hasPython) {
  scenario('failsafe mode among both implementations', { dynamic, kinds: ['ours', 'ours', 'python'] }, async ({ cluster, writer }) => {
    const watch = watchForTwo(cluster);
    for (const wanted of [cluster.member('postgresql0'), cluster.member('postgresql2')]) {
      const leader = await cluster.leader();
      if (leader !== wanted) {
        const args = ['switchover', 'batman', '--leader', leader.name, '--candidate', wanted.name, '--force'];
        const { code, stdout, stderr } = await cluster.patronictl(...args);
        assert.equal(code, 0, stdout + stderr);
      }
      await cluster.untilHealthy();
      await waitFor('the map is complete', async () => {
        const { body } = await cluster.rest(wanted, 'GET', '/failsafe');
        return Object.keys(JSON.parse(body) as object).length === 3;
      });
      writer.forgetGaps();
      await cluster.etcd.stop();
      await pause((TTL + 6) * 1000);
      await writer.untilWritten(20);
      assert.equal(await wanted.isHealthy('/primary'), true);
      await cluster.etcd.start();
      await cluster.untilHealthy();
      assert.equal(await cluster.leader(), wanted);
      assert.ok(writer.longestGapMs < 2_000, `no acknowledged row for ${writer.longestGapMs} ms`);
      // Consents bind for ttl.
      await pause(TTL * 1000);
    }
    assert.equal((await watch.stop()).twice, 0);
  });
}
