import assert from 'node:assert/strict';
import type { Member } from './harness/member.js';
import { scenario } from './harness/scenario.js';
import { SlotConsumer } from './harness/slot-consumer.js';
import { SLOT_SETTINGS, untilEverywhere } from './harness/slots.js';
import { waitFor } from './harness/wait.js';

/** The agents say when a copied slot has become as good as the leader's. */
async function untilSafe(members: readonly Member[], name: string): Promise<void> {
  for (const member of members) {
    await waitFor(
      `${member.name} finds ${name} safe`,
      () => member.agent.tail(5_000).includes(`Logical slot ${name} is safe to be used after a failover`),
      40_000,
    );
  }
}

scenario(
  'patroni-1749: a permanent logical slot survives the loss of the leader: its subscriber misses nothing',
  { dynamic: { ...SLOT_SETTINGS, slots: { ls: { database: 'postgres', plugin: 'test_decoding' } } } },
  async ({ cluster, writer }) => {
    await untilEverywhere(cluster, 'ls');
    const consumer = new SlotConsumer(cluster, 'ls');
    consumer.start();
    try {
      const leader = await cluster.leader();
      await consumer.untilSeen(50);
      await untilSafe(await cluster.replicas(), 'ls');
      for (const member of await cluster.replicas()) {
        const { rows } = await cluster.sql(member, 'SHOW hot_standby_feedback');
        assert.equal(rows[0]?.['hot_standby_feedback'], 'on');
      }
      await writer.betweenRows(() => leader.kill());
      await waitFor('another member leads', async () => (await cluster.leader()) !== leader, 60_000);
      await consumer.untilSeen(50);
      assert.match((await cluster.leader()).agent.tail(5_000), /Logical replication slot 'ls' is kept at/);
      leader.startAgent();
      await cluster.untilHealthy(60_000);
      await untilEverywhere(cluster, 'ls');
      await consumer.untilSeen(20);
      await consumer.assertNoGap();
    } finally {
      await consumer.stop();
    }
  },
);
