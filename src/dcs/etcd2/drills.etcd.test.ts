import { storeDrills } from '../../../test/contract/drills.js';
import { etcdLeaderAmong, startEtcd, startEtcdCluster } from '../../../test/support/etcd-server.js';
import { startEtcd2WithUsers } from '../../../test/support/etcd-users.js';
import { silentLog } from '../../../test/support/silent-log.js';
import type { StoreServer } from '../../../test/support/store-server.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import { HttpEndpoint } from '../shared/http-client.js';
import { clusterPath } from '../shared/key-path.js';
import { createEtcd2 } from './etcd2-dcs.js';

const EXTRA = ['--enable-v2'];

async function send(server: StoreServer, method: string, scope: string, key: string, body?: string): Promise<void> {
  const endpoint = new HttpEndpoint({ origin: server.url, clock: nodeClock });
  const path = `/v2/keys${clusterPath('service', scope)}${key}`;
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const { status, body: text } = await endpoint.request({ method, path, headers, ...(body && { body }), timeoutMs: 5000 });
  endpoint.close();
  if (status >= 300) throw new Error(`${method} ${path}: ${text}`);
}

/** Bytes that are no letters are written as such: they may be no text at all. */
function formText(value: Buffer): string {
  return value.toString('latin1').replace(/[^a-z]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

storeDrills('etcd', {
  startServer: () => startEtcd({ extraArguments: EXTRA }),
  startEnsemble: () => startEtcdCluster(EXTRA),
  leaderAmong: etcdLeaderAmong,
  startGuarded: startEtcd2WithUsers,
  client: (name, ports, { timings, scope, section }) =>
    createEtcd2({
      // The members' own list would lead around the proxies.
      section: { hosts: ports.map((port) => `127.0.0.1:${port}`), use_proxies: ports.length === 1, ...section },
      ...{ scope, name, namespace: 'service', timings, clock: nodeClock, random: nodeRandom, log: silentLog },
    }),
  writeRaw: (server, scope, key, value) => send(server, 'PUT', scope, key, `value=${formText(value)}`),
  // There is no lease but the key's own life.
  endLease: (server, scope) => send(server, 'DELETE', scope, 'leader'),
  expirySlackMs: 2500,
});
