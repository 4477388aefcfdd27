import { etcdPost } from '../../support/etcd-server.js';
import type { TestCluster } from './test-cluster.js';

export interface SyncKey {
  readonly leader: string;
  readonly voters: readonly string[];
  readonly quorum: number;
}

/** What `/sync` says; undefined when there is no such key. */
export async function syncKey(cluster: TestCluster): Promise<SyncKey | undefined> {
  const url = `http://127.0.0.1:${cluster.etcd.clientPort}`;
  const key = Buffer.from('/service/batman/sync').toString('base64');
  const { kvs } = JSON.parse(await etcdPost(url, '/kv/range', { key })) as { kvs?: { value?: string }[] };
  const value = kvs?.[0]?.value;
  if (value === undefined) return undefined;
  const document = JSON.parse(Buffer.from(value, 'base64').toString('utf8')) as {
    leader: string;
    quorum?: number;
    sync_standby: string | null;
  };
  return { leader: document.leader, voters: document.sync_standby?.split(',') ?? [], quorum: document.quorum ?? 0 };
}
