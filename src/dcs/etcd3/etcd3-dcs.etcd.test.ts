import { type DcsHarness, dcsContract } from '../../../test/contract/dcs.js';
import { realTime } from '../../../test/contract/real-time.js';
import { etcdPost, startEtcd } from '../../../test/support/etcd-server.js';
import { silentLog } from '../../../test/support/silent-log.js';
import { milliseconds } from '../../base/duration.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import { clusterPath } from '../shared/key-path.js';
import { createEtcd3 } from './etcd3-dcs.js';
import { encode } from './wire.js';

const timings = { ttlMs: milliseconds(2000), loopWaitMs: milliseconds(500), retryTimeoutMs: milliseconds(1000) };

async function makeHarness(): Promise<DcsHarness> {
  const server = await startEtcd();
  return {
    timings,
    expirySlackMs: 2500,
    ...realTime,
    client: async (name, scope) => {
      const section = { host: `127.0.0.1:${server.port}` };
      const dcs = createEtcd3({
        section,
        scope,
        name,
        namespace: 'service',
        timings,
        clock: nodeClock,
        random: nodeRandom,
        log: silentLog,
      });
      await dcs.start();
      return dcs;
    },
    writeRaw: async (scope, key, value) => {
      await etcdPost(server.url, '/kv/put', { key: encode(`${clusterPath('service', scope)}${key}`), value: encode(value) });
    },
    setAvailable: async (isAvailable) => {
      if (isAvailable) server.thaw();
      else server.freeze();
    },
    close: () => server.stop(),
  };
}

dcsContract('etcd3', makeHarness);
