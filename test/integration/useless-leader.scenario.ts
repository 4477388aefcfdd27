import assert from 'node:assert/strict';
import type { Client } from 'pg';
import { isWritable } from './harness/observers.js';
import { scenario } from './harness/scenario.js';
import type { TestCluster } from './harness/test-cluster.js';
import { pause, waitFor } from './harness/wait.js';
import { connect } from './harness/writer.js';

/** The least that Patroni's own limits allow, so that minutes become seconds. */
const dynamic = { ttl: 20, loop_wait: 1, retry_timeout: 3, primary_useless_timeout: 5 };

/** A session that was open before the trouble began goes on to write; tells when it last could. */
function keepWriting(client: Client): { stop(): Promise<number> } {
  let isStopped = false;
  let lastAt = 0;
  const work = (async () => {
    while (!isStopped) {
      try {
        await client.query('INSERT INTO kept DEFAULT VALUES');
        lastAt = performance.now();
      } catch {
        break;
      }
      await pause(20);
    }
    return lastAt;
  })();
  return {
    stop: () => {
      isStopped = true;
      return work;
    },
  };
}

scenario(
  'patroni-1371: a stopped postmaster: its sessions work, new clients hang, and another member leads in bounded time',
  { dynamic },
  async ({ cluster, writer }) => {
    const leader = await cluster.leader();
    await cluster.sql(leader, 'CREATE TABLE kept (at timestamptz DEFAULT clock_timestamp())');
    const kept = await connect(leader.port);
    const postmaster = leader.postmasterPid();
    assert.ok(postmaster !== undefined);
    await writer.betweenRows(async () => {
      const startedAt = performance.now();
      process.kill(postmaster, 'SIGSTOP');
      const old = keepWriting(kept);
      const others = cluster.members.filter((each) => each !== leader);
      const next = await waitFor(
        'another member is writable',
        async () => {
          const answers = await Promise.all(others.map((each) => isWritable(cluster, each)));
          return others[answers.indexOf(true)];
        },
        60_000,
      );
      const writableAt = performance.now();
      const lastAt = await old.stop();
      assert.ok(lastAt > startedAt, 'sessions of a stopped postmaster work');
      assert.ok(lastAt < writableAt, `the old primary wrote ${Math.round(lastAt - writableAt)} ms after ${next.name} became writable`);
      process.stderr.write(`# stopped postmaster: writable elsewhere after ${Math.round(writableAt - startedAt)} ms\n`);
    });
    await cluster.untilHealthy();
    assert.match(leader.agent.tail(2_000), /PostgreSQL has been useless for \d+ seconds \(no-new-connections/);
  },
);

/** Opens sessions until the server refuses. */
async function takeAllSlots(cluster: TestCluster, port: number, user: string): Promise<Client[]> {
  const taken: Client[] = [];
  for (;;) {
    try {
      taken.push(await connect(port, 5_000, user));
    } catch (error) {
      assert.match(String(error), /slots are reserved|too many clients/, `${cluster.folder}`);
      return taken;
    }
  }
}

scenario(
  'connection slots all taken by applications: the agent keeps its lifeline, and nobody takes over',
  { dynamic, postgresql: { parameters: { max_connections: 50 } } },
  async ({ cluster, writer }) => {
    const leader = await cluster.leader();
    await cluster.sql(leader, "CREATE ROLE app LOGIN PASSWORD 'zalando'");
    const admin = await connect(leader.port, 5_000);
    const apps = await takeAllSlots(cluster, leader.port, 'app');
    assert.ok(apps.length > 20, `${apps.length} slots`);
    const killAgentSession = () =>
      admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'Patroni heartbeat'");
    const agentSessions = async () =>
      Number(
        (await admin.query<{ n: number }>("SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'Patroni heartbeat'"))
          .rows[0]?.n,
      );
    // The reserved slots are left: the agent comes back at once.
    await killAgentSession();
    await waitFor('the agent connects again', async () => (await agentSessions()) === 1, 10_000);
    assert.equal((await leader.status()).state, 'running');
    // Applications that connect as superuser take even those: the agent is cut off, and slow is not dead.
    const supers = await takeAllSlots(cluster, leader.port, 'postgres');
    await killAgentSession();
    supers.push(...(await takeAllSlots(cluster, leader.port, 'postgres')));
    const until = performance.now() + 12_000;
    while (performance.now() < until) {
      assert.ok(await leader.isHealthy('/primary'), 'the leader keeps its lock');
      await pause(500);
    }
    await writer.untilWritten(20);
    assert.doesNotMatch(leader.agent.tail(5_000), /useless/);
    for (const each of [...apps, ...supers, admin]) await each.end().catch(() => undefined);
    await cluster.untilHealthy();
    assert.equal(await cluster.leader(), leader);
  },
);
