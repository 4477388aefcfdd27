import { type DcsHarness, dcsContract } from '../../../test/contract/dcs.js';
import { realTime } from '../../../test/contract/real-time.js';
import { startEtcd } from '../../../test/support/etcd-server.js';
import { silentLog } from '../../../test/support/silent-log.js';
import { milliseconds } from '../../base/duration.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import { HttpEndpoint } from '../shared/http-client.js';
import { clusterPath } from '../shared/key-path.js';
import { createEtcd2 } from './etcd2-dcs.js';

const timings = { ttlMs: milliseconds(2000), loopWaitMs: milliseconds(500), retryTimeoutMs: milliseconds(1000) };

async function makeHarness(): Promise<DcsHarness> {
  const server = await startEtcd({ extraArguments: ['--enable-v2'] });
  return {
    timings,
    expirySlackMs: 2500,
    ...realTime,
    client: async (name, scope) => {
      const section = { host: `127.0.0.1:${server.port}` };
      const dcs = createEtcd2({
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
      const path = `/v2/keys${clusterPath('service', scope)}${key}`;
      const endpoint = new HttpEndpoint({ origin: server.url, clock: nodeClock });
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      await endpoint.request({ method: 'PUT', path, headers, body: String(new URLSearchParams({ value })), timeoutMs: 3000 });
      endpoint.close();
    },
    setAvailable: async (isAvailable) => {
      if (isAvailable) server.thaw();
      else server.freeze();
    },
    close: () => server.stop(),
  };
}

dcsContract('etcd', makeHarness);
