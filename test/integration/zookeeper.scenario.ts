import assert from 'node:assert/strict';
import { after } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { watchForTwo } from './harness/observers.js';
import { type Scene, scenario } from './harness/scenario.js';
import { changesOfLeader, frozenStore, momentWithoutStore, quick } from './harness/store-story.js';
import { waitFor } from './harness/wait.js';

const options = { store: 'zookeeper', dynamic: quick } as const;

scenario('ZooKeeper: bootstrap, replicas, switchover, and the loss of the leader', options, (scene) =>
  changesOfLeader(scene, async (leader) => {
    const { cluster } = scene;
    const expected = cluster.members.map((each) => [
      each.name,
      each === leader ? 'Leader' : 'Replica',
      each === leader ? 'running' : 'streaming',
    ]);
    // A member that has just begun to stream tells it with its next cycle.
    await waitFor('patronictl list shows a leader and who streams', async () => {
      const rows = await cluster.list();
      return isDeepStrictEqual(rows.map(({ Member, Role, State }) => [Member, Role, State]).sort(), expected);
    });
  }),
);

scenario('ZooKeeper: only the agent of the leader is killed; the next one goes on with its keys', options, async ({ cluster, writer }) => {
  const leader = await cluster.leader();
  const [before, timeline] = [leader.postmasterPid(), (await leader.status()).timeline];
  await leader.stopAgent('SIGKILL');
  leader.startAgent();
  await writer.untilWritten(20);
  await cluster.untilHealthy();
  assert.equal(await cluster.leader(), leader);
  assert.equal(leader.postmasterPid(), before);
  assert.equal((await leader.status()).timeline, timeline);
});

scenario('ZooKeeper frozen: the primary gives up within the lease; thawed: the cluster heals', options, frozenStore);

scenario('ZooKeeper stopped for a moment: the sessions are kept, the primary goes on', options, async (scene) => {
  await momentWithoutStore(scene);
});

const proxies: TcpProxy[] = [];
const throughProxies = {
  ...options,
  storeOf: async (server: Scene['cluster']['etcd'], index: number) => {
    proxies[index] = await startTcpProxy(server.clientPort);
    return { zookeeper: { hosts: [`127.0.0.1:${proxies[index].port}`] } };
  },
};

scenario('the leader is cut off from ZooKeeper until its session is lost: another leads, never both', throughProxies, async (scene) => {
  const { cluster, writer } = scene;
  const leader = await cluster.leader();
  const index = cluster.members.indexOf(leader);
  const { port } = proxies[index] ?? assert.fail('no proxy');
  const watcher = watchForTwo(cluster);
  await proxies[index]?.close();
  await waitFor('another member leads', async () => (await cluster.leader()) !== leader, 60_000);
  await writer.untilWritten(20);
  proxies[index] = await startTcpProxy(cluster.etcd.clientPort, port);
  await cluster.untilHealthy();
  assert.notEqual(await cluster.leader(), leader);
  const { looks, twice } = await watcher.stop();
  assert.ok(looks > 20);
  assert.equal(twice, 0, 'two servers accepted writes at once');
});

after(async () => {
  for (const proxy of proxies) await proxy.close();
});
