import assert from 'node:assert/strict';
import type { Dcs } from '../../src/ports/dcs.js';
import type { KubeServer } from './kube-server.js';

/** What Kubernetes does before the agent runs. Members of all scopes have the same names: one after the other has the pod. */
export function withPod(dcs: Dcs, ensure: () => Promise<void>): Dcs {
  const touch = dcs.touchMember.bind(dcs);
  dcs.touchMember = async (...args) => {
    await ensure();
    return touch(...args);
  };
  return dcs;
}

/** The request of a pod. */
export function podPath(name: string): string {
  return `/api/v1/namespaces/default/pods/${name}?gracePeriodSeconds=0`;
}

/** Adds the pod that is a member, or moves it to this cluster. @param status what the member tells. */
export async function ensurePod(server: KubeServer, scope: string, name: string, status?: string): Promise<void> {
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
    case 'initialize':
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

/** Writes a key of the cluster, as another program would. */
export async function writeRaw(server: KubeServer, useEndpoints: boolean, scope: string, key: string, value: string): Promise<void> {
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
