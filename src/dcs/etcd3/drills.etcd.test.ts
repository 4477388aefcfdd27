import { storeDrills } from '../../../test/contract/drills.js';
import { etcdLeaderAmong, etcdPost, startEtcd, startEtcdCluster } from '../../../test/support/etcd-server.js';
import { startEtcd3WithUsers } from '../../../test/support/etcd-users.js';
import { silentLog } from '../../../test/support/silent-log.js';
import { parseJsonObject } from '../../base/json.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import { clusterPath } from '../shared/key-path.js';
import { createEtcd3 } from './etcd3-dcs.js';
import { encode, listOf, parseKey } from './wire.js';

storeDrills('etcd3', {
  startServer: () => startEtcd(),
  startEnsemble: () => startEtcdCluster(),
  leaderAmong: etcdLeaderAmong,
  startGuarded: () => startEtcd3WithUsers(),
  client: (name, ports, { timings, scope, section }) =>
    createEtcd3({
      // The members' own list would lead around the proxies.
      section: { hosts: ports.map((port) => `127.0.0.1:${port}`), use_proxies: ports.length === 1, ...section },
      ...{ scope, name, namespace: 'service', timings, clock: nodeClock, random: nodeRandom, log: silentLog },
    }),
  writeRaw: async (server, scope, key, value) => {
    const document = { key: encode(`${clusterPath('service', scope)}${key}`), value: value.toString('base64') };
    await etcdPost(server.url, '/kv/put', document);
  },
  endLease: async (server, scope) => {
    const path = clusterPath('service', scope);
    const answer = parseJsonObject(await etcdPost(server.url, '/kv/range', { key: encode(`${path}leader`) })) ?? {};
    await etcdPost(server.url, '/lease/revoke', { ID: parseKey(listOf(answer['kvs'])[0], path)?.session });
  },
  expirySlackMs: 2500,
});
