import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Member } from './harness/member.js';
import { scenario } from './harness/scenario.js';
import { SLOT_SETTINGS, slotsOf, untilEverywhere } from './harness/slots.js';
import type { TestCluster } from './harness/test-cluster.js';
import { waitFor } from './harness/wait.js';

scenario(
  'permanent physical slots survive a switchover; ignore_slots is left alone; unknown slots go when nobody uses them',
  { dynamic: { ...SLOT_SETTINGS, slots: { ps: { type: 'physical' } }, ignore_slots: [{ name: 'mine', type: 'physical' }] } },
  async ({ cluster }) => {
    await untilEverywhere(cluster, 'ps');
    const leader = await cluster.leader();
    await cluster.sql(leader, "SELECT pg_create_physical_replication_slot('mine', true)");
    await cluster.sql(leader, "SELECT pg_create_physical_replication_slot('stray', true)");
    await waitFor('the unknown slot is dropped', async () => !(await slotsOf(cluster, leader)).has('stray'), 15_000);
    const position = async (member: Member): Promise<string> => {
      const { rows } = await cluster.sql(member, "SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = 'ps'");
      return String(rows[0]?.['restart_lsn']);
    };
    const kept = await position(leader);
    const { code, stderr } = await cluster.patronictl('switchover', '--force');
    assert.equal(code, 0, stderr);
    await waitFor('another member leads', async () => (await cluster.leader()) !== leader);
    await cluster.untilHealthy();
    const next = await cluster.leader();
    const { rows } = await cluster.sql(next, 'SELECT $1::pg_lsn >= $2::pg_lsn AS ok', [await position(next), kept]);
    assert.equal(rows[0]?.['ok'], true, 'the slot does not go back behind where it was');
    assert.ok((await slotsOf(cluster, leader)).has('mine'), 'an ignored slot stays, also on a replica');
    await useUnknownSlot(cluster, next);
  },
);

/** An unknown slot in use stays, with a warning, and goes when it is free. */
async function useUnknownSlot(cluster: TestCluster, member: Member): Promise<void> {
  const name = 'busy';
  const reader = receive(cluster, member, name);
  try {
    await waitFor('a client uses the slot', async () => (await slotsOf(cluster, member)).get(name)?.active === true, 15_000);
    await waitFor(
      'the agent says why it stays',
      () => member.agent.tail(200).includes(`Unable to drop replication slot '${name}', slot is active`),
      15_000,
    );
    assert.ok((await slotsOf(cluster, member)).has(name));
  } finally {
    reader.kill('SIGKILL');
  }
  await waitFor('the slot is dropped', async () => !(await slotsOf(cluster, member)).has(name), 15_000);
}

function receive(cluster: TestCluster, member: Member, slot: string): ChildProcess {
  const { bin_dir: folder } = member.options.configuration['postgresql'] as { readonly bin_dir?: string };
  const target = `host=127.0.0.1 port=${member.port} user=postgres dbname=postgres`;
  const create = ['--create-slot', '--if-not-exists', '-P', 'test_decoding'];
  const args = ['-d', target, '--slot', slot, ...create, '--start', '-f', '/dev/null'];
  return spawn(join(folder ?? '', 'pg_recvlogical'), args, {
    env: { ...process.env, PGPASSWORD: 'zalando' },
    cwd: cluster.folder,
    stdio: 'ignore',
  });
}

scenario(
  'member_slots_ttl: the slot of a dead member is kept, then dropped everywhere; cascading replicas have their slots',
  { dynamic: { ...SLOT_SETTINGS, member_slots_ttl: 6 } },
  async ({ cluster, writer }) => {
    const leader = await cluster.leader();
    const [relay, last] = await cluster.replicas();
    assert.ok(relay && last);
    const lastSlot = last.name;
    for (const member of [leader, relay]) await waitFor('its slot', async () => (await slotsOf(cluster, member)).has(lastSlot), 15_000);
    writeFileSync(last.configFile, JSON.stringify({ ...last.options.configuration, tags: { replicatefrom: relay.name } }));
    await cluster.rest(last, 'POST', '/reload');
    await waitFor('the relay feeds it', async () => (await slotsOf(cluster, relay)).get(lastSlot)?.active === true, 30_000);
    await waitFor(
      'the leader has its slot all the same',
      async () => (await slotsOf(cluster, leader)).get(lastSlot)?.active === false,
      30_000,
    );
    await writer.untilWritten(20);
    last.kill();
    await waitFor('its key is gone', async () => (await cluster.list()).every(({ Member: name }) => name !== last.name), 30_000);
    for (const member of [leader, relay])
      assert.ok((await slotsOf(cluster, member)).has(lastSlot), `${member.name} keeps the slot for a while`);
    for (const member of [leader, relay]) {
      await waitFor(`${member.name} drops the slot`, async () => !(await slotsOf(cluster, member)).has(lastSlot), 30_000);
    }
    assert.match(leader.agent.tail(5_000), /Replication slot 'postgresql\d' for absent cluster member is expired after 6 sec\./);
    last.startAgent();
    await waitFor('the relay feeds it again', async () => (await slotsOf(cluster, relay)).get(lastSlot)?.active === true, 60_000);
  },
);
