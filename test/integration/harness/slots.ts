import type { Member } from './member.js';
import type { TestCluster } from './test-cluster.js';
import { waitFor } from './wait.js';

/** Dynamic settings of a cluster whose slots are looked at: quick, and able to decode. */
export const SLOT_SETTINGS = {
  ttl: 8,
  loop_wait: 1,
  retry_timeout: 3,
  postgresql: {
    use_pg_rewind: true,
    use_slots: true,
    parameters: { wal_level: 'logical', max_connections: 50, shared_buffers: '16MB', max_wal_size: '256MB', wal_keep_size: '64MB' },
  },
};

/** Every slot of a member by its name, and whether somebody uses it. */
export async function slotsOf(cluster: TestCluster, member: Member): Promise<ReadonlyMap<string, { readonly active: boolean }>> {
  const { rows } = await cluster.sql(member, 'SELECT slot_name, active FROM pg_replication_slots');
  return new Map(rows.map((row) => [String(row['slot_name']), { active: row['active'] === true }]));
}

export async function untilEverywhere(cluster: TestCluster, name: string): Promise<void> {
  for (const member of cluster.members.filter((each) => each.agent.isRunning)) {
    await waitFor(`${member.name} has the slot ${name}`, async () => (await slotsOf(cluster, member)).has(name), 40_000);
  }
}
