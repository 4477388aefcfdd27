import { etcdPost } from '../../support/etcd-server.js';
import type { Member } from './member.js';
import type { TestCluster } from './test-cluster.js';
import { pause } from './wait.js';

/** A scenario that failed stops nobody: the watch must not keep the process for ever. */
const GIVE_UP_MS = 200_000;

/** The granted ttl of the lease that holds a key below the cluster's path, in seconds; undefined when there is no such key. */
export async function leaseTtl(cluster: TestCluster, key: string): Promise<number | undefined> {
  const url = `http://127.0.0.1:${cluster.etcd.clientPort}`;
  const path = Buffer.from(`/service/batman/${key}`).toString('base64');
  const { kvs } = JSON.parse(await etcdPost(url, '/kv/range', { key: path })) as { kvs?: { lease?: string }[] };
  const lease = kvs?.[0]?.lease;
  if (lease === undefined) return undefined;
  const { grantedTTL } = JSON.parse(await etcdPost(url, '/lease/timetolive', { ID: lease })) as { grantedTTL?: string };
  return Number(grantedTTL);
}

export async function isWritable(cluster: TestCluster, member: Member): Promise<boolean> {
  try {
    return (await cluster.sql(member, 'SELECT pg_is_in_recovery() AS r')).rows[0]?.['r'] === false;
  } catch {
    return false;
  }
}

/** Looks all the time whether two servers accept writes at once. */
export function watchForTwo(cluster: TestCluster): { stop(): Promise<{ readonly looks: number; readonly twice: number }> } {
  let isStopped = false;
  const giveUpAt = performance.now() + GIVE_UP_MS;
  let [looks, twice] = [0, 0];
  const watching = (async () => {
    while (!isStopped && performance.now() < giveUpAt) {
      const primaries = (await Promise.all(cluster.members.map((member) => isWritable(cluster, member)))).filter(Boolean).length;
      looks += 1;
      if (primaries > 1) twice += 1;
      await pause(100);
    }
    return { looks, twice };
  })();
  return {
    stop: () => {
      isStopped = true;
      return watching;
    },
  };
}
