import assert from 'node:assert/strict';
import http from 'node:http';
import type { GuardedServer } from '../../../test/contract/drills/harness.js';
import { storeDrills } from '../../../test/contract/drills.js';
import { consulRequest, startConsul, startConsulCluster } from '../../../test/support/consul-server.js';
import { silentLog } from '../../../test/support/silent-log.js';
import type { StoreServer } from '../../../test/support/store-server.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import { createConsul } from './consul-dcs.js';

const ROOT = 'root-token';

async function startGuarded(): Promise<GuardedServer> {
  const acl = { enabled: true, default_policy: 'deny', tokens: { master: ROOT } };
  const server = await startConsul({ settings: { primary_datacenter: 'dc1', acl }, token: ROOT });
  const rules = 'key_prefix "service/demo" { policy = "read" } session_prefix "" { policy = "write" }';
  await consulRequest(server.url, 'PUT', '/acl/policy', JSON.stringify({ Name: 'reader', Rules: rules }), ROOT);
  const answer = await consulRequest(server.url, 'PUT', '/acl/token', JSON.stringify({ Policies: [{ Name: 'reader' }] }), ROOT);
  const { SecretID: token } = JSON.parse(answer) as { SecretID: string };
  return { server, right: { token: ROOT }, wrong: { token: 'a-stranger' }, readOnly: { token }, secret: 'a-stranger' };
}

async function leaderAmong(servers: readonly StoreServer[]): Promise<number> {
  // The address that raft knows is not the one that clients use: each server says of itself whether it leads.
  for (const [i, { url }] of servers.entries()) {
    const self = JSON.parse(await consulRequest(url, 'GET', '/agent/self')) as { Stats: { consul: { leader: string } } };
    if (self.Stats.consul.leader === 'true') return i;
  }
  return -1;
}

function putBytes(url: string, value: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: 'PUT', timeout: 5000 }, (response) => {
      response.resume();
      response.on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`status ${response.statusCode}`))));
    });
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', reject);
    request.end(value);
  });
}

storeDrills('consul', {
  startServer: () => startConsul({ settings: { limits: { kv_max_value_size: 2 * 1024 * 1024 } } }),
  startEnsemble: startConsulCluster,
  leaderAmong,
  startGuarded,
  client: (name, [port], { timings, scope, section }) =>
    createConsul({
      section: { host: `127.0.0.1:${port}`, ...section },
      ...{ scope, name, namespace: 'service', timings, clock: nodeClock, random: nodeRandom, log: silentLog },
    }),
  writeRaw: (server, scope, key, value) => putBytes(`${server.url}/v1/kv/service/${scope}/${key}`, value),
  endLease: async (server, scope) => {
    const [key] = JSON.parse(await consulRequest(server.url, 'GET', `/kv/service/${scope}/leader`)) as { Session: string }[];
    assert.equal(await consulRequest(server.url, 'PUT', `/session/destroy/${key?.Session}`), 'true');
  },
  expirySlackMs: 2500,
});
