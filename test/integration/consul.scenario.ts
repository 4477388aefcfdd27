import { httpGet } from './harness/rest.js';
import { scenario } from './harness/scenario.js';
import { changesOfLeader, frozenStore, momentWithoutStore, quick } from './harness/store-story.js';
import type { TestCluster } from './harness/test-cluster.js';
import { waitFor } from './harness/wait.js';

/** The tags of each member's service at Consul. */
async function serviceTags(cluster: TestCluster): Promise<Readonly<Record<string, readonly string[]>>> {
  const { body } = await httpGet(cluster.etcd.clientPort, '/v1/catalog/service/batman');
  const entries = JSON.parse(body) as { ServiceID: string; ServiceTags: string[] }[];
  return Object.fromEntries(entries.map(({ ServiceID, ServiceTags }) => [ServiceID.replace('batman/', ''), ServiceTags]));
}

const options = { store: 'consul', dynamic: quick } as const;

scenario('Consul: switchover, and the loss of the leader; the services follow the roles', options, (scene) =>
  changesOfLeader(scene, async (leader) => {
    await waitFor('the tags follow', async () => {
      const tags = await serviceTags(scene.cluster);
      return scene.cluster.members.every(({ name }) => tags[name]?.includes(name === leader.name ? 'primary' : 'replica') === true);
    });
  }),
);

scenario('Consul frozen: the primary gives up within the lease; thawed: the cluster heals', options, frozenStore);

scenario('Consul stopped for a moment: the primary goes on', options, async (scene) => void (await momentWithoutStore(scene)));
