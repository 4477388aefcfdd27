import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kubeObstacle } from '../support/kube-server.js';
import { KubernetesServer } from './harness/kubernetes-server.js';
import { type Scene, scenario } from './harness/scenario.js';
import { changesOfLeader, frozenStore, momentWithoutStore, quick } from './harness/store-story.js';
import type { TestCluster } from './harness/test-cluster.js';
import { waitFor } from './harness/wait.js';

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

function switchoverAndLoss(scene: Scene): Promise<void> {
  return changesOfLeader(scene, async ({ name }) => {
    await untilLabelled(scene.cluster, name);
    await untilSynchronous(scene.cluster);
  });
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

  scenario('Kubernetes API frozen: the primary gives up within the lease; thawed: the cluster heals', outage, frozenStore);

  scenario('Kubernetes API killed and started again: the primary goes on', outage, async (scene) => {
    await untilLabelled(scene.cluster, (await momentWithoutStore(scene)).name);
  });
}
