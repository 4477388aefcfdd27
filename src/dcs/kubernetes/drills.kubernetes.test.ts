import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GuardedServer } from '../../../test/contract/drills/harness.js';
import { storeDrills } from '../../../test/contract/drills.js';
import { etcdLeaderAmong, startEtcdCluster } from '../../../test/support/etcd-server.js';
import { kubeClient } from '../../../test/support/kube-client.js';
import { ensurePod, withPod, writeRaw } from '../../../test/support/kube-objects.js';
import { type KubeServer, kubeObstacle, startKube } from '../../../test/support/kube-server.js';
import type { StoreServer } from '../../../test/support/store-server.js';

/** Of all annotations of an object together Kubernetes takes 256 KB: several keys share one. */
const LARGEST_VALUE = 30_000;
const RBAC = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';

/** The first one is asked through proxies too. */
const servers: KubeServer[] = [];

async function start(...members: Parameters<typeof startKube>): Promise<KubeServer> {
  const server = await startKube(...members);
  servers.push(server);
  return server;
}

function serverAt(port: number): KubeServer {
  const server = servers.find((each) => each.port === port) ?? servers[0];
  assert.ok(server !== undefined);
  return server;
}

/** API servers keep nothing themselves: what has a leader is the etcd behind one. */
async function startEnsemble(): Promise<readonly StoreServer[]> {
  const members = await startEtcdCluster();
  const { port, stop } = await start(members);
  return members.map(({ url, kill, restart, freeze, thaw }) => ({ url, port, kill, restart, freeze, thaw, stop }));
}

async function grant(server: KubeServer, name: string, verbs: readonly string[]): Promise<void> {
  const rules = [{ apiGroups: [''], resources: ['configmaps', 'pods'], verbs }];
  await server.apply('POST', `${RBAC}/roles`, { metadata: { name }, rules });
  await server.apply('POST', `${RBAC}/rolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
    subjects: [{ kind: 'User', name: 'stranger', apiGroup: 'rbac.authorization.k8s.io' }],
  });
}

async function startGuarded(): Promise<GuardedServer> {
  const server = await start();
  await grant(server, 'reader', ['get', 'list', 'watch']);
  return {
    server,
    right: { token: server.adminToken },
    wrong: { token: 'a-stranger' },
    readOnly: { token: 'stranger-token' },
    secret: 'a-stranger',
    allowWriting: () => grant(server, 'writer', ['*']),
  };
}

const skip = kubeObstacle();
if (skip !== undefined) test('Drills: kubernetes', { skip }, () => undefined);
else
  storeDrills('kubernetes', {
    startServer: () => start(),
    startEnsemble,
    leaderAmong: etcdLeaderAmong,
    startGuarded,
    client: (name, [port = 0], { timings, scope, section }) => {
      const server = serverAt(port);
      const token = section?.['token'];
      const access = { url: `https://127.0.0.1:${port}`, ...(typeof token === 'string' && { token }) };
      return withPod(kubeClient(server, { name, scope, timings, access }), () => ensurePod(server, scope, name));
    },
    writeRaw: (server, scope, key, value) => writeRaw(serverAt(server.port), false, scope, key, value.toString('latin1')),
    endLease: async (server, scope) => {
      await serverAt(server.port).apply('DELETE', `/api/v1/namespaces/default/configmaps/${scope}-leader`);
    },
    expirySlackMs: 2500,
    keepsMembers: true,
    largestValue: LARGEST_VALUE,
  });
