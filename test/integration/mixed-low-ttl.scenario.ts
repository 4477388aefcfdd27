import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { etcdPost } from '../support/etcd-server.js';
import type { Member } from './harness/member.js';
import type { TestCluster } from './harness/test-cluster.js';
import { TestCluster as Cluster } from './harness/test-cluster.js';
import { pause, waitFor } from './harness/wait.js';

const PYTHON = '/usr/bin/patroni';
const low = { ttl: 5, loop_wait: 1, retry_timeout: 2 };

/** The granted ttl of the lease that holds a key below the cluster's path, in seconds. */
async function leaseTtl(cluster: TestCluster, key: string): Promise<number | undefined> {
  const url = `http://127.0.0.1:${cluster.etcd.clientPort}`;
  const path = Buffer.from(`/service/batman/${key}`).toString('base64');
  const { kvs } = JSON.parse(await etcdPost(url, '/kv/range', { key: path })) as { kvs?: { lease?: string }[] };
  const lease = kvs?.[0]?.lease;
  if (lease === undefined) return undefined;
  const { grantedTTL } = JSON.parse(await etcdPost(url, '/lease/timetolive', { ID: lease })) as { grantedTTL?: string };
  return Number(grantedTTL);
}

async function isWritable(cluster: TestCluster, member: Member): Promise<boolean> {
  try {
    return (await cluster.sql(member, 'SELECT pg_is_in_recovery() AS r')).rows[0]?.['r'] === false;
  } catch {
    return false;
  }
}

/** Looks all the time whether two servers accept writes at once. */
function watchForTwo(cluster: TestCluster): { stop(): Promise<{ readonly looks: number; readonly twice: number }> } {
  let isStopped = false;
  let [looks, twice] = [0, 0];
  const watching = (async () => {
    while (!isStopped) {
      const primaries = (await Promise.all(cluster.members.map((member) => isWritable(cluster, member)))).filter(Boolean).length;
      looks += 1;
      if (primaries > 1) twice += 1;
      await pause(100);
    }
    return { looks, twice };
  })();
  return {
    stop: () => {
      isStopped = true;
      return watching;
    },
  };
}

void test('ttl 5 in a cluster with a member of the Python implementation: never two primaries', {
  skip: existsSync(PYTHON) ? false : `${PYTHON} is not installed`,
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
        `leader ${leader.name} (${leader.options.kind}); leases of leader, ours, python: ${ttls.join(', ')} s; ` +
          `${other.options.kind} leads after ${((performance.now() - killedAt) / 1000).toFixed(1)} s`,
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
