import assert from 'node:assert/strict';
import { scenario } from './harness/scenario.js';
import { waitFor } from './harness/wait.js';

scenario('a changed max_connections waits for a restart, and patronictl restart applies it', {}, async ({ cluster }) => {
  const leader = await cluster.leader();
  const change = await cluster.patronictl(
    'edit-config',
    'batman',
    '--quiet',
    '--force',
    '--pg',
    'max_connections=60',
    '--pg',
    'work_mem=5MB',
  );
  assert.equal(change.code, 0, change.stdout + change.stderr);
  await waitFor('every member has a restart pending', async () => {
    const states = await Promise.all(cluster.members.map((each) => each.status()));
    return states.every(({ pending_restart }) => pending_restart === true);
  });
  await waitFor('what needs no restart is in force', async () => {
    const { rows } = await cluster.sql(leader, 'SHOW work_mem');
    return rows[0]?.['work_mem'] === '5MB';
  });
  const isListed = async () => (await cluster.list()).every((row) => row['Pending restart'] === '*');
  await waitFor('patronictl shows it, long before the next cycle is due', isListed, 3_000);
  // The primary first: a replica may not have fewer connections than the primary, and more is fine only later.
  for (const member of [leader, ...(await cluster.replicas())]) {
    const { code, stdout, stderr } = await cluster.patronictl('restart', 'batman', member.name, '--force');
    assert.equal(code, 0, stdout + stderr);
  }
  await waitFor('no restart is pending', async () => {
    const states = await Promise.all(cluster.members.map((each) => each.status()));
    return states.every(({ pending_restart }) => pending_restart !== true);
  });
  const { rows } = await cluster.sql(leader, 'SHOW max_connections');
  assert.equal(rows[0]?.['max_connections'], '60');
  await cluster.untilHealthy();
});
