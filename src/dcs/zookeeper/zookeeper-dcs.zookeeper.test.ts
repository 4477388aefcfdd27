import { type DcsHarness, dcsContract } from '../../../test/contract/dcs.js';
import { realTime } from '../../../test/contract/real-time.js';
import { RawZooKeeper } from '../../../test/support/raw-zookeeper.js';
import { silentLog } from '../../../test/support/silent-log.js';
import type { StoreServer } from '../../../test/support/store-server.js';
import { OLD_JARS, startEnsemble, startZooKeeper } from '../../../test/support/zookeeper-server.js';
import { milliseconds } from '../../base/duration.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import { createZooKeeper } from './zookeeper-dcs.js';

const timings = { ttlMs: milliseconds(2000), loopWaitMs: milliseconds(500), retryTimeoutMs: milliseconds(1000) };

async function makeHarness(start: () => Promise<readonly StoreServer[]>): Promise<DcsHarness> {
  const servers = await start();
  const hosts = servers.map(({ port }) => `127.0.0.1:${port}`);
  return {
    timings,
    // Half as long again as loop_wait after the last call, and the rounding of the server.
    expirySlackMs: 2500,
    emptiesSync: true,
    ...realTime,
    client: async (name, scope) => {
      const options = { scope, name, namespace: 'service', timings, clock: nodeClock, random: nodeRandom, log: silentLog };
      const dcs = createZooKeeper({ section: { hosts }, ...options });
      await dcs.start();
      return dcs;
    },
    writeRaw: async (scope, key, value) => {
      const raw = await RawZooKeeper.connect(servers[0]?.port ?? 0);
      await raw.put(`/service/${scope}/${key}`, value);
      await raw.close();
    },
    setAvailable: async (isAvailable) => {
      for (const server of servers) isAvailable ? server.thaw() : server.freeze();
    },
    close: async () => {
      for (const server of servers) await server.stop();
    },
  };
}

dcsContract('zookeeper, one server', () => makeHarness(async () => [await startZooKeeper()]));
dcsContract('zookeeper, three servers', () => makeHarness(startEnsemble));
dcsContract('zookeeper 3.4, one server', () => makeHarness(async () => [await startZooKeeper({ jars: OLD_JARS })]));
