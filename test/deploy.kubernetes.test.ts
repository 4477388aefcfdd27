import assert from 'node:assert/strict';
import { test } from 'node:test';
import { milliseconds } from '../src/base/duration.js';
import { captureEnvironment } from '../src/config/environment.js';
import type { Dcs } from '../src/ports/dcs.js';
import { kubeClient } from './support/kube-client.js';
import { describeWithKube, type KubeServer, startKube } from './support/kube-server.js';
import { agentEnvironment, type Manifest, manifests, podTemplate } from './support/manifests.js';

const call = { timeoutMs: milliseconds(5000) };
const NAMESPACE = '/namespaces/default';
const PATHS: Readonly<Record<string, string>> = {
  ServiceAccount: `/api/v1${NAMESPACE}/serviceaccounts`,
  Role: `/apis/rbac.authorization.k8s.io/v1${NAMESPACE}/roles`,
  RoleBinding: `/apis/rbac.authorization.k8s.io/v1${NAMESPACE}/rolebindings`,
  Service: `/api/v1${NAMESPACE}/services`,
  Secret: `/api/v1${NAMESPACE}/secrets`,
  StatefulSet: `/apis/apps/v1${NAMESPACE}/statefulsets`,
};

/** As `kubectl apply` would: what is there already is changed. */
async function applyAll(server: KubeServer, all: readonly Manifest[]): Promise<void> {
  for (const manifest of all) {
    const path = PATHS[manifest.kind] ?? '';
    const { status, body } = await server.request('POST', path, manifest);
    if (status === 409) await server.apply('PATCH', `${path}/${manifest.metadata.name}`, manifest);
    else assert.equal(status, 201, `${manifest.kind} ${manifest.metadata.name}: ${String(body['message'])}`);
  }
}

async function accountToken(server: KubeServer, account: string): Promise<string> {
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
  const { status } = await server.apply('POST', `${PATHS['ServiceAccount']}/${account}/token`, request);
  return (status as { token: string }).token;
}

/** All that an agent ever asks of the store, as two members. */
async function useEverything(a: Dcs, b: Dcs): Promise<void> {
  assert.equal(await a.touchMember('{"state":"running","role":"replica"}', undefined, call), true);
  assert.equal(await a.writeInitialize('', 'create', call), true);
  assert.equal(await a.writeInitialize('7391028445120093121', 'overwrite', call), true);
  assert.equal(await a.writeConfig('{"ttl":30}', undefined, call), true);
  assert.equal(await a.takeLeaderLock(call), true);
  assert.equal(await a.renewLeaderLock(undefined, call), 'renewed');
  assert.equal(await b.acquireLeaderLock(call), 'held-by-other');
  assert.equal(await a.touchMember('{"state":"running","role":"primary"}', undefined, call), true);
  assert.equal(await a.writeStatus('{"optime":1}', call), true);
  assert.equal(await a.writeFailsafe('{"a":"u"}', call), true);
  assert.equal(await a.writeHistory('[]', call), true);
  assert.equal(await a.writeTimeline('2', call), true);
  assert.equal(await a.writeFailover('{"leader":"a"}', undefined, call), true);
  assert.equal(await a.writeFailover('{}', undefined, call), true);
  const version = await a.writeSync('{"leader":"a"}', undefined, call);
  assert.equal(await a.deleteSync(version, call), true);
  const view = await a.load(call);
  assert.deepEqual([view.leader?.name, view.members.length, view.initialize], ['patronidemo-0', 2, '7391028445120093121']);
  assert.equal(await a.releaseLeaderLock(view.leader, call), true);
  assert.equal(await b.acquireLeaderLock(call), 'acquired');
}

describeWithKube('the manifests on a real kube-apiserver', () => {
  for (const isEndpoints of [true, false]) {
    test(`${isEndpoints ? 'Endpoints' : 'ConfigMaps'}: they are accepted, and the agent needs no right beyond theirs`, async (t) => {
      const server = await startKube();
      t.after(() => server.stop());
      const all = manifests('patroni.yaml');
      await applyAll(server, all);
      if (!isEndpoints) await applyAll(server, manifests('configmaps.yaml'));
      const template = podTemplate(all);
      const token = await accountToken(server, template.spec.serviceAccountName);
      const clients: Dcs[] = [];
      for (const name of ['patronidemo-0', 'patronidemo-1']) {
        // What the controller of StatefulSets makes.
        const metadata = { name, labels: template.metadata.labels };
        const spec = { ...template.spec, volumes: [{ name: 'pgdata', persistentVolumeClaim: { claimName: `pgdata-${name}` } }] };
        await server.apply('POST', `/api/v1${NAMESPACE}/pods`, { metadata, spec });
        const ip = `10.1.0.${clients.length + 7}`;
        const fields = { PATRONI_NAME: name, PATRONI_KUBERNETES_NAMESPACE: 'default', PATRONI_KUBERNETES_POD_IP: ip };
        const { config } = captureEnvironment(agentEnvironment(template, fields));
        const section = { ...(config['kubernetes'] as object), ...(isEndpoints ? {} : { use_endpoints: false }) };
        const dcs = kubeClient(server, { name, scope: 'patronidemo', access: { token }, section });
        t.after(() => dcs.close());
        await dcs.start(AbortSignal.timeout(15_000));
        clients.push(dcs);
      }
      const [a, b] = clients;
      assert.ok(a && b);
      await useEverything(a, b);
      const pod = await server.apply('GET', `/api/v1${NAMESPACE}/pods/patronidemo-0`);
      assert.equal((pod['metadata'] as { labels: Record<string, string> }).labels['role'], 'primary');
      if (isEndpoints) {
        const { subsets } = await server.apply('GET', `/api/v1${NAMESPACE}/endpoints/patronidemo`);
        const [subset] = subsets as {
          addresses: { ip: string; targetRef?: { name: string } }[];
          ports: { name: string; port: number }[];
        }[];
        assert.deepEqual([subset?.addresses[0]?.ip, subset?.addresses[0]?.targetRef?.name], ['10.1.0.8', 'patronidemo-1']);
        assert.deepEqual([subset?.ports[0]?.name, subset?.ports[0]?.port], ['postgresql', 5432]);
      }
      // And they give no more.
      assert.equal(await a.deleteCluster(call), false);
      const denied = isEndpoints
        ? [`/secrets/patronidemo`, '/configmaps', '/endpoints/kubernetes', '/services', '/nodes']
        : [`/secrets/patronidemo`, '/configmaps/other', '/endpoints', '/services', '/nodes'];
      for (const path of denied) {
        const { status } = await server.request('GET', `/api/v1${NAMESPACE}${path}`, undefined, { token });
        assert.ok(status === 403, `${path}: ${status}`);
      }
    });
  }
});
