import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { RawZooKeeper } from '../support/raw-zookeeper.js';
import type { AgentKind } from './harness/implementations.js';
import { watchForTwo } from './harness/observers.js';
import { TestCluster } from './harness/test-cluster.js';
import { waitFor } from './harness/wait.js';

const obstacle = process.env['PEER_HAS_CLIENTS'] === '1' ? false : 'the present Python Patroni or its client of ZooKeeper could not be had';

/** What the nodes of a running cluster must be like, whoever made them (dcs.md §12.3, §16.1). */
async function assertNodes(cluster: TestCluster, leaderName: string): Promise<void> {
  const raw = await RawZooKeeper.connect(cluster.etcd.clientPort);
  const owner = async (key: string): Promise<bigint | undefined> => (await raw.get(`/service/batman/${key}`))?.stat.ephemeralOwner;
  const leader = await raw.get('/service/batman/leader');
  assert.equal(leader?.data.toString('utf8'), leaderName);
  assert.equal(await owner(`members/${leaderName}`), leader?.stat.ephemeralOwner);
  for (const { name } of cluster.members) assert.ok(await owner(`members/${name}`), name);
  for (const key of ['initialize', 'config', 'status']) assert.equal(await owner(key), 0n, key);
  assert.match((await raw.get('/service/batman/initialize'))?.data.toString('utf8') ?? '', /^[0-9]{10,}$/);
  await raw.close();
}

async function run(t: TestContext): Promise<void> {
  const dynamic = { ttl: 20, loop_wait: 3, retry_timeout: 4 };
  const cluster = await TestCluster.start({ store: 'zookeeper', members: 2, kinds: ['ours', 'python'], dynamic });
  const watcher = watchForTwo(cluster);
  let hasFailed = true;
  try {
    const [ours, python] = cluster.members;
    assert.ok(ours && python);
    const writer = await cluster.startWriter();
    await writer.untilWritten(10);
    const moveTo = async (control: AgentKind, name: string): Promise<void> => {
      const leader = await cluster.leader();
      if (leader.name !== name) {
        const args = ['switchover', 'batman', '--leader', leader.name, '--candidate', name, '--force'];
        const { code, stdout, stderr } = await cluster.patronictlOf(control, ...args);
        assert.equal(code, 0, stdout + stderr);
      }
      await waitFor(`${name} leads`, async () => (await cluster.leader()).name === name);
      await writer.untilWritten(10);
      await cluster.untilHealthy();
      await assertNodes(cluster, name);
    };
    for (const control of ['ours', 'python'] as const) {
      await moveTo(control, ours.name);
      await moveTo(control, python.name);
    }
    for (const lost of [python, ours]) {
      await moveTo('ours', lost.name);
      const other = lost === ours ? python : ours;
      await cluster.killBetweenRows(lost, writer);
      const killedAt = performance.now();
      await waitFor(`${other.name} leads`, () => other.isHealthy('/primary').catch(() => false), 60_000);
      t.diagnostic(`${lost.options.kind} lost: ${other.options.kind} leads after ${((performance.now() - killedAt) / 1000).toFixed(1)} s`);
      await writer.untilWritten(10);
      lost.startAgent();
      await cluster.untilHealthy();
      await assertNodes(cluster, other.name);
    }
    for (const control of ['ours', 'python'] as const) {
      const { code, stdout, stderr } = await cluster.patronictlOf(control, 'list', '-f', 'json');
      assert.equal(code, 0, stderr);
      assert.deepEqual((JSON.parse(stdout) as { Role: string }[]).map(({ Role }) => Role).sort(), ['Leader', 'Replica']);
    }
    await writer.stop();
    await writer.assertNoAcknowledgedRowMissing();
    const { looks, twice } = await watcher.stop();
    assert.ok(looks > 20);
    assert.equal(twice, 0, 'two servers accepted writes at once');
    hasFailed = false;
  } finally {
    await watcher.stop();
    await cluster.stop({ hasFailed });
  }
}

void test(
  'on ZooKeeper a member of ours and one of the Python implementation follow and lead one another',
  {
    skip: obstacle,
    timeout: 300_000,
  },
  run,
);
