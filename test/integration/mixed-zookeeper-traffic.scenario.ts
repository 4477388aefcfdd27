import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fourLetters } from '../support/zookeeper-server.js';
import type { AgentKind } from './harness/implementations.js';
import { TestCluster } from './harness/test-cluster.js';
import { pause } from './harness/wait.js';

const obstacle = process.env['PEER_HAS_CLIENTS'] === '1' ? false : 'the present Python Patroni or its client of ZooKeeper could not be had';
const MEMBERS = 3;
const LOOP_WAIT_S = 5;
const CYCLES = 8;

/** Packets that ZooKeeper got from its clients: requests and pings. */
async function received(cluster: TestCluster): Promise<number> {
  return Number(/^Received: (\d+)/m.exec(await fourLetters(cluster.etcd.clientPort, 'srvr'))?.[1]);
}

/** Packets for each cycle of each member of an idle cluster. */
async function idleTraffic(kind: AgentKind): Promise<number> {
  const dynamic = { ttl: 30, loop_wait: LOOP_WAIT_S, retry_timeout: 10 };
  const cluster = await TestCluster.start({ store: 'zookeeper', kind, members: MEMBERS, dynamic });
  let hasFailed = true;
  try {
    // What the start has left to be written is written within a few cycles: slots, history, configuration.
    await pause(4 * LOOP_WAIT_S * 1000);
    const before = await received(cluster);
    await pause(CYCLES * LOOP_WAIT_S * 1000);
    const packets = (await received(cluster)) - before;
    hasFailed = false;
    return packets / CYCLES / MEMBERS;
  } finally {
    await cluster.stop({ hasFailed });
  }
}

void test('an idle cluster asks ZooKeeper no more than one of the Python implementation', {
  skip: obstacle,
  timeout: 300_000,
}, async (t) => {
  const [ours, theirs] = [await idleTraffic('ours'), await idleTraffic('python')];
  t.diagnostic(`packets for each cycle and member: ours ${ours.toFixed(1)}, Python ${theirs.toFixed(1)}`);
  assert.ok(ours <= theirs, `${ours} and ${theirs}`);
});
