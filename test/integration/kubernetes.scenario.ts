import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kubeObstacle } from '../support/kube-server.js';
import { KubernetesServer } from './harness/kubernetes-server.js';
import { type Scene, scenario } from './harness/scenario.js';
import type { TestCluster } from './harness/test-cluster.js';
import { waitFor } from './harness/wait.js';

const quick = { ttl: 20, loop_wait: 3, retry_timeout: 4 };
/** Nothing acknowledged is lost with a killed leader, and each replica may follow it. */
const synchronous = { ...quick, synchronous_mode: true, synchronous_node_count: 2 };

function kubeOf(cluster: TestCluster): KubernetesServer {
  assert.ok(cluster.etcd instanceof KubernetesServer);
  return cluster.etcd;
}

/** Each pod's label tells its member's role. */
async function untilLabelled(cluster: TestCluster, leader: string): Promise<void> {
  const expected = Object.fromEntries(cluster.members.map(({ name }) => [name, name === leader ? 'primary' : 'replica']));
  await waitFor('the labels follow the roles', async () => {
    assert.deepEqual(await kubeOf(cluster).roles(), expected);
    return true;
  });
}

async function untilSynchronous(cluster: TestCluster): Promise<void> {
  await waitFor('both replicas are synchronous', async () => {
    assert.deepEqual((await cluster.list()).map(({ Role }) => Role).sort(), ['Leader', 'Sync Standby', 'Sync Standby']);
    return true;
  });
}

async function switchoverAndLoss({ cluster, writer }: Scene): Promise<void> {
  const [first, [candidate]] = [await cluster.leader(), await cluster.replicas()];
  assert.ok(candidate);
  await untilLabelled(cluster, first.name);
  await untilSynchronous(cluster);
  const args = ['switchover', 'batman', '--leader', first.name, '--candidate', candidate.name, '--force'];
  const { code, stdout, stderr } = await cluster.patronictl(...args);
  assert.equal(code, 0, stdout + stderr);
  await waitFor('the candidate leads', async () => (await cluster.leader()) === candidate);
  await writer.untilWritten(10);
  await cluster.untilHealthy();
  await untilLabelled(cluster, candidate.name);
  await untilSynchronous(cluster);
  await candidate.stopAgent('SIGKILL');
  process.kill(candidate.postmasterPid() ?? Number.NaN, 'SIGKILL');
  const next = await waitFor('another member leads', async () => {
    const leader = await cluster.leader();
    return leader !== candidate && leader;
  });
  await writer.untilWritten(10);
  candidate.startAgent();
  await cluster.untilHealthy();
  await untilLabelled(cluster, next.name);
}

const [configMaps, endpoints] = [
  { store: 'kubernetes', dynamic: synchronous },
  { store: 'kubernetes-endpoints', dynamic: synchronous },
] as const;

const outage = { store: 'kubernetes', dynamic: quick } as const;

const skip = kubeObstacle();
if (skip !== undefined) test('Kubernetes', { skip }, () => undefined);
else {
  scenario('Kubernetes, ConfigMaps: switchover, and the loss of the leader; the labels follow the roles', configMaps, switchoverAndLoss);

  scenario('Kubernetes, Endpoints: the same, and the Service leads to the leader', endpoints, async (scene) => {
    await switchoverAndLoss(scene);
    const { cluster } = scene;
    const leader = await cluster.leader();
    await waitFor('the endpoint is the leader', async () => (await kubeOf(cluster).endpoint('batman')) === leader.name);
  });

  scenario('Kubernetes API frozen: the primary gives up within the lease; thawed: the cluster heals', outage, async ({ cluster }) => {
    const leader = await cluster.leader();
    const frozenAt = performance.now();
    cluster.etcd.freeze();
    await waitFor(
      'its PostgreSQL is read-only',
      async () => (await cluster.sql(leader, 'SELECT pg_is_in_recovery() AS r')).rows[0]?.['r'] === true,
      40_000,
    );
    assert.ok(performance.now() - frozenAt < 30_000);
    cluster.etcd.thaw();
    await cluster.untilHealthy();
  });

  scenario('Kubernetes API killed and started again: the primary goes on', outage, async ({ cluster, writer }) => {
    const leader = await cluster.leader();
    const [before, timeline] = [leader.postmasterPid(), (await leader.status()).timeline];
    writer.forgetGaps();
    await cluster.etcd.stop();
    await writer.untilWritten(50);
    await cluster.etcd.start();
    await cluster.untilHealthy();
    assert.equal(await cluster.leader(), leader);
    assert.equal(leader.postmasterPid(), before);
    assert.equal((await leader.status()).timeline, timeline);
    await untilLabelled(cluster, leader.name);
  });
}
