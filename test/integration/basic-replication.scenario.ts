import assert from 'node:assert/strict';
import { scenario } from './harness/scenario.js';

scenario('bootstrap: one leader, two streaming replicas, their users and slots', {}, async ({ cluster }) => {
  const leader = await cluster.leader();
  const listed = await cluster.list();
  assert.deepEqual(listed.map(({ Role }) => Role).sort(), ['Leader', 'Replica', 'Replica']);
  const { rows: users } = await cluster.sql(
    leader,
    "SELECT rolname FROM pg_roles WHERE rolname IN ('replicator', 'rewind_user') ORDER BY 1",
  );
  assert.deepEqual(users, [{ rolname: 'replicator' }, { rolname: 'rewind_user' }]);
  const { rows: slots } = await cluster.sql(leader, 'SELECT slot_name FROM pg_replication_slots WHERE active ORDER BY 1');
  assert.deepEqual(
    slots.map(({ slot_name }) => slot_name),
    (await cluster.replicas()).map(({ name }) => name).sort(),
  );
});
