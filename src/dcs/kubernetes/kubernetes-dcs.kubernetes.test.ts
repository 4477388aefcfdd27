import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { load as parseYaml } from 'js-yaml';
import { type DcsHarness, dcsContract } from '../../../test/contract/dcs.js';
import { type KubeServer, kubeObstacle, startKube } from '../../../test/support/kube-server.js';
import { silentLog } from '../../../test/support/silent-log.js';
import { milliseconds } from '../../base/duration.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import type { Dcs } from '../../ports/dcs.js';
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
    pass: (ms) => nodeClock.sleep(ms),
    until: async (condition, ms) => {
      for (const end = Date.now() + ms; !condition(); await nodeClock.sleep(20)) assert.ok(Date.now() < end, `not within ${ms} ms`);
    },
    within: async (ms, promise) => {
      const stopped = new AbortController();
      const late = nodeClock.sleep(ms, stopped.signal).then(() => assert.ok(stopped.signal.aborted, `not within ${ms} ms`));
      const [result] = await Promise.all([promise.finally(() => stopped.abort()), late]);
      return result;
    },
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

/** What Kubernetes does before the agent runs. Members of all scopes have the same names: one after the other has the pod. */
function withPod(dcs: Dcs, ensure: () => Promise<void>): Dcs {
  const touch = dcs.touchMember.bind(dcs);
  dcs.touchMember = async (...args) => {
    await ensure();
    return touch(...args);
  };
  return dcs;
}

function podPath(name: string): string {
  return `/api/v1/namespaces/default/pods/${name}?gracePeriodSeconds=0`;
}

async function ensurePod(server: KubeServer, scope: string, name: string, status?: string): Promise<void> {
  const { status: code, body } = await server.request('GET', podPath(name));
  const labels = code === 200 ? (body['metadata'] as { labels: Record<string, string> }).labels : {};
  if (labels['cluster-name'] === scope) return;
  if (code === 200) await server.apply('DELETE', podPath(name));
  await server.createPod(name, { application: 'patroni', 'cluster-name': scope }, status === undefined ? {} : { status });
}

/** The object, and the annotations, in which a key of other stores lives; undefined: it can't be held. */
function placeOf(scope: string, key: string, value: string, useEndpoints: boolean): readonly [string, Record<string, string>] | undefined {
  const leader = useEndpoints ? scope : `${scope}-leader`;
  switch (key) {
    case 'config':
    case 'history':
      return [`${scope}-config`, { [key]: value }];
    case 'failover':
      return [`${scope}-failover`, { leader: value, scheduled_at: value }];
    case 'sync':
      return [`${scope}-sync`, { sync_standby: value, quorum: value }];
    case 'status':
      return [leader, { optime: value, slots: value, retain_slots: value, ttl: value, transitions: value }];
    default:
      return key.includes('/') ? undefined : [leader, { [key]: value }];
  }
}

async function writeRaw(server: KubeServer, useEndpoints: boolean, scope: string, key: string, value: string): Promise<void> {
  const member = /^members\/([^/]+)$/.exec(key)?.[1];
  if (member !== undefined) return ensurePod(server, scope, member, value);
  const [name, annotations] = placeOf(scope, key, value, useEndpoints) ?? [];
  if (name === undefined) return;
  const path = `/api/v1/namespaces/default/${useEndpoints ? 'endpoints' : 'configmaps'}`;
  const metadata = { name, annotations, labels: { application: 'patroni', 'cluster-name': scope } };
  const { status } = await server.request('POST', path, { metadata });
  if (status === 409) await server.apply('PATCH', `${path}/${name}`, { metadata });
  else assert.equal(status, 201);
}

const skip = kubeObstacle();
if (skip === undefined) {
  dcsContract('kubernetes, ConfigMaps', () => makeHarness(false));
  dcsContract('kubernetes, Endpoints', () => makeHarness(true));
} else test('Dcs contract: kubernetes', { skip }, () => undefined);
