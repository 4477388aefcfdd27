import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { load as parseYaml } from 'js-yaml';
import { type DcsHarness, dcsContract } from '../../../test/contract/dcs.js';
import { realTime } from '../../../test/contract/real-time.js';
import { ensurePod, podPath, withPod, writeRaw } from '../../../test/support/kube-objects.js';
import { kubeObstacle, startKube } from '../../../test/support/kube-server.js';
import { silentLog } from '../../../test/support/silent-log.js';
import { milliseconds } from '../../base/duration.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import { createKubernetes } from './kubernetes-dcs.js';

const timings = { ttlMs: milliseconds(2000), loopWaitMs: milliseconds(500), retryTimeoutMs: milliseconds(1000) };

async function makeHarness(useEndpoints: boolean): Promise<DcsHarness> {
  const server = await startKube();
  const folder = mkdtempSync(join(tmpdir(), 'kube-contract-'));
  const kubeconfig = join(folder, 'config');
  writeFileSync(kubeconfig, server.kubeconfig());
  return {
    timings,
    expirySlackMs: 2000,
    ...realTime,
    client: async (name, scope) => {
      const dcs = createKubernetes({
        section: { labels: { application: 'patroni' }, context: 'test', use_endpoints: useEndpoints, pod_ip: '10.1.0.4' },
        surroundings: { environment: { KUBECONFIG: kubeconfig }, parseYaml: (text) => parseYaml(text) },
        ...{ scope, name, timings, clock: nodeClock, random: nodeRandom, log: silentLog },
      });
      await dcs.start();
      return withPod(dcs, () => ensurePod(server, scope, name));
    },
    writeRaw: (scope, key, value) => writeRaw(server, useEndpoints, scope, key, value),
    removeMember: async (name) => {
      await server.apply('DELETE', podPath(name));
    },
    setAvailable: async (isAvailable) => (isAvailable ? server.thaw() : server.freeze()),
    close: async () => {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const skip = kubeObstacle();
if (skip === undefined) {
  dcsContract('kubernetes, ConfigMaps', () => makeHarness(false));
  dcsContract('kubernetes, Endpoints', () => makeHarness(true));
} else test('Dcs contract: kubernetes', { skip }, () => undefined);
