import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasPython } from './harness/implementations.js';
import { leaseTtl, watchForTwo } from './harness/observers.js';
import { TestCluster as Cluster } from './harness/test-cluster.js';
import { waitFor } from './harness/wait.js';

const low = { ttl: 5, loop_wait: 1, retry_timeout: 2 };

void test('ttl 5 in a cluster with a member of the Python implementation: never two primaries', {
  skip: hasPython ? false : 'no Python Patroni is installed',
  timeout: 240_000,
}, async (t) => {
  const cluster = await Cluster.start({ members: 2, kinds: ['ours', 'python'], dynamic: low });
  let hasFailed = true;
  const watcher = watchForTwo(cluster);
  try {
    for (let round = 0; round < 2; round += 1) {
      const leader = await cluster.leader();
      const other = cluster.members.find((each) => each !== leader);
      assert.ok(other !== undefined);
      const ttls = await Promise.all(
        ['leader', ...cluster.members.map(({ name }) => `members/${name}`)].map((key) => leaseTtl(cluster, key)),
      );
      const killedAt = performance.now();
      leader.kill();
      await waitFor(`${other.name} leads`, () => other.isHealthy('/primary').catch(() => false), 60_000);
      t.diagnostic(
        `leader ${leader.name} (${leader.kind}); leases of leader, ours, python: ${ttls.join(', ')} s; ` +
          `${other.kind} leads after ${((performance.now() - killedAt) / 1000).toFixed(1)} s`,
      );
      assert.equal(ttls[1], 5);
      leader.startAgent();
      await cluster.untilHealthy();
    }
    const { looks, twice } = await watcher.stop();
    t.diagnostic(`looked ${looks} times`);
    assert.ok(looks > 20);
    assert.equal(twice, 0);
    hasFailed = false;
  } finally {
    await watcher.stop();
    await cluster.stop({ hasFailed });
  }
});
