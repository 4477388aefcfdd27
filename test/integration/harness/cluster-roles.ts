import assert from 'node:assert/strict';
import type { TestCluster } from './test-cluster.js';
import { SLOT } from './two-clusters.js';
import { waitFor } from './wait.js';

/** `patronictl demote-cluster` onto the servers of `target`. */
export async function demote(cluster: TestCluster, target: TestCluster): Promise<void> {
  const hosts = target.members.map((each) => `127.0.0.1:${each.port}`).join(',');
  const { code, stdout, stderr } = await cluster.patronictl('demote-cluster', '--host', hosts, '--primary-slot-name', SLOT, '--force');
  assert.equal(code, 0, stderr);
  assert.match(stdout, /cluster is successfully demoted/);
}

/** `patronictl promote-cluster`. */
export async function promote(cluster: TestCluster): Promise<void> {
  const { code, stdout, stderr } = await cluster.patronictl('promote-cluster', '--force');
  assert.equal(code, 0, stderr);
  assert.match(stdout, /cluster is successfully promoted/);
}

export const logsOf = (cluster: TestCluster): string => cluster.members.map((each) => each.agent.tail(10_000)).join('\n');

/** Waits until a member of `cluster` has everything up to the last shutdown checkpoint of `former`. */
export async function untilHasEndOf(cluster: TestCluster, former: TestCluster): Promise<void> {
  const end = [...logsOf(former).matchAll(/the WAL of this cluster ends at (\S+):/g)].at(-1)?.[1];
  assert.ok(end, 'the end of the WAL is not logged');
  await waitFor(`everything up to ${end}`, async () => {
    const { rows } = await cluster.sql(await cluster.leader(), `SELECT pg_last_wal_receive_lsn() > $1::pg_lsn AS has`, [end]);
    return rows[0]?.['has'] === true;
  });
}
