import assert from 'node:assert/strict';
import { type DcsHarness, dcsContract } from '../../../test/contract/dcs.js';
import { realTime } from '../../../test/contract/real-time.js';
import { consulRequest, startConsul, startConsulCluster } from '../../../test/support/consul-server.js';
import { silentLog } from '../../../test/support/silent-log.js';
import type { StoreServer } from '../../../test/support/store-server.js';
import { milliseconds } from '../../base/duration.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import { createConsul } from './consul-dcs.js';

const timings = { ttlMs: milliseconds(2000), loopWaitMs: milliseconds(500), retryTimeoutMs: milliseconds(1000) };

/** Members ask the servers in turn. */
async function makeHarness(start: () => Promise<readonly StoreServer[]>): Promise<DcsHarness> {
  const servers = await start();
  let opened = 0;
  return {
    timings,
    expirySlackMs: 2500,
    ...realTime,
    client: async (name, scope) => {
      opened += 1;
      const section = { host: `127.0.0.1:${servers[opened % servers.length]?.port}` };
      const options = { scope, name, namespace: 'service', timings, clock: nodeClock, random: nodeRandom, log: silentLog };
      const dcs = createConsul({ section, ...options });
      await dcs.start();
      return dcs;
    },
    writeRaw: async (scope, key, value) => {
      assert.equal(await consulRequest(servers[0]?.url ?? '', 'PUT', `/kv/service/${scope}/${key}`, value), 'true');
    },
    setAvailable: async (isAvailable) => {
      for (const server of servers) isAvailable ? server.thaw() : server.freeze();
    },
    close: async () => {
      for (const server of servers) await server.stop();
    },
  };
}

dcsContract('consul, one server', () => makeHarness(async () => [await startConsul()]));
dcsContract('consul, three servers', () => makeHarness(startConsulCluster));
