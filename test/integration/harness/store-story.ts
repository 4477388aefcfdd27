import assert from 'node:assert/strict';
import type { Member } from './member.js';
import type { Scene } from './scenario.js';
import type { TestCluster } from './test-cluster.js';
import { waitFor } from './wait.js';

/** Timings of a cluster whose store fails. */
export const quick = { ttl: 20, loop_wait: 3, retry_timeout: 4 };

/**
 * A switchover, and the loss of the new leader.
 * @param untilTold what the store tells others of the roles, as it must be while this member leads.
 */
export async function changesOfLeader({ cluster, writer }: Scene, untilTold: (leader: Member) => Promise<unknown>): Promise<void> {
  const [first, [candidate]] = [await cluster.leader(), await cluster.replicas()];
  assert.ok(candidate);
  await untilTold(first);
  const args = ['switchover', 'batman', '--leader', first.name, '--candidate', candidate.name, '--force'];
  const { code, stdout, stderr } = await cluster.patronictl(...args);
  assert.equal(code, 0, stdout + stderr);
  await waitFor('the candidate leads', async () => (await cluster.leader()) === candidate);
  await writer.untilWritten(10);
  await cluster.untilHealthy();
  await untilTold(candidate);
  await cluster.killBetweenRows(candidate, writer);
  const next = await waitFor(
    'another member leads',
    async () => {
      const leader = await cluster.leader();
      return leader !== candidate && leader;
    },
    40_000,
  );
  await writer.untilWritten(10);
  candidate.startAgent();
  await cluster.untilHealthy();
  await untilTold(next);
}

/** The store answers nothing, and later does again. */
export async function frozenStore({ cluster }: Scene): Promise<void> {
  const leader = await cluster.leader();
  const frozenAt = performance.now();
  cluster.etcd.freeze();
  await untilReadOnly(cluster, leader, 40_000);
  assert.ok(performance.now() - frozenAt < 30_000);
  cluster.etcd.thaw();
  await cluster.untilHealthy();
}

/** The store is killed and started again within the lease: nothing changes. @returns who leads. */
export async function momentWithoutStore({ cluster, writer }: Scene): Promise<Member> {
  const leader = await cluster.leader();
  const [before, timeline] = [leader.postmasterPid(), (await leader.status()).timeline];
  writer.forgetGaps();
  await cluster.etcd.stop();
  await writer.untilWritten(50);
  await cluster.etcd.start();
  await cluster.untilHealthy();
  assert.equal(await cluster.leader(), leader);
  assert.equal(leader.postmasterPid(), before);
  assert.equal((await leader.status()).timeline, timeline);
  return leader;
}

export async function untilReadOnly(cluster: TestCluster, member: Member, limitMs: number): Promise<void> {
  const text = 'SELECT pg_is_in_recovery() AS r';
  await waitFor('its PostgreSQL is read-only', async () => (await cluster.sql(member, text)).rows[0]?.['r'] === true, limitMs);
}
