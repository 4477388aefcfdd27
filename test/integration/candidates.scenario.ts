import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { leaseTtl } from './harness/observers.js';
import { walReceiver } from './harness/process-tree.js';
import { scenario } from './harness/scenario.js';
import { TestCluster } from './harness/test-cluster.js';
import { waitFor } from './harness/wait.js';

const dynamic = { ttl: 5, loop_wait: 1, retry_timeout: 2, check_timeline: true };

scenario(
  'patroni-784: a replica that is behind by more than maximum_lag_on_failover is not promoted, and says so',
  { members: 2, dynamic: { ...dynamic, maximum_lag_on_failover: 100_000 } },
  async ({ cluster, writer }) => {
    const leader = await cluster.leader();
    const [replica] = await cluster.replicas();
    assert.ok(replica !== undefined);
    const receiver = walReceiver(replica.postmasterPid());
    process.kill(receiver, 'SIGSTOP');
    await writer.betweenRows(async () => {
      await cluster.sql(leader, "SELECT count(pg_logical_emit_message(false, 'test', repeat('x', 10000))) FROM generate_series(1, 300)");
      await waitFor('the lag is known', async () => (await cluster.list()).some((each) => Number(each['Receive Lag']) >= 2));
      leader.kill();
    });
    // Still stopped: the sockets hold more than the limit, and would fill the gap.
    await waitFor('the lock ends', async () => (await leaseTtl(cluster, 'leader')) === undefined, 20_000);
    await waitFor('it says why', () => replica.agent.tail(20).includes('My wal position exceeds maximum replication lag'), 20_000);
    assert.equal((await replica.status()).role, 'replica');
    leader.startAgent();
    await waitFor('the one with everything leads again', () => leader.isHealthy('/primary'), 30_000);
    process.kill(receiver, 'SIGCONT');
    await cluster.untilHealthy();
  },
);

const COPY = 'archive_command stuck: the switchover does not wait for it';
void test(COPY, { timeout: 120_000 }, async () => {
  const cluster = await TestCluster.prepare({
    dynamic: {
      ...dynamic,
      postgresql: { use_pg_rewind: true, use_slots: true, parameters: { max_connections: 50, shared_buffers: '16MB' } },
    },
  });
  const stuck = join(cluster.folder, 'stuck');
  let hasFailed = true;
  try {
    for (const member of cluster.members) {
      change(member.configFile, (postgresql) => {
        const parameters = postgresql['parameters'] as Record<string, unknown>;
        Object.assign(parameters, { archive_mode: 'on', archive_command: `while test -e ${stuck}; do sleep 0.2; done` });
      });
      member.startAgent();
    }
    await cluster.untilHealthy();
    const writer = await cluster.startWriter();
    await writer.untilWritten(10);
    const leader = await cluster.leader();
    const postmaster = leader.postmasterPid();
    writeFileSync(stuck, '');
    writer.forgetGaps();
    const { code, stdout, stderr } = await cluster.patronictl('switchover', '--leader', leader.name, '--force');
    assert.equal(code, 0, stdout + stderr);
    await writer.untilWritten(10);
    assert.ok(writer.longestGapMs < 10_000, `no acknowledged row for ${writer.longestGapMs} ms`);
    assert.notEqual(await cluster.leader(), leader);
    assert.ok(postmaster !== undefined && existsSync(`/proc/${postmaster}`), 'the old postmaster still waits for its archiver');
    rmSync(stuck);
    await cluster.untilHealthy();
    await writer.stop();
    await writer.assertNoAcknowledgedRowMissing();
    hasFailed = false;
  } finally {
    rmSync(stuck, { force: true });
    await cluster.stop({ hasFailed });
  }
});

const REFUSED = 'pre_promote refuses: the member gives the lock back, and another one wins';
void test(REFUSED, { timeout: 120_000 }, async () => {
  const cluster = await TestCluster.prepare({ dynamic });
  let hasFailed = true;
  try {
    const [first, refusing, other] = cluster.members;
    assert.ok(first !== undefined && refusing !== undefined && other !== undefined);
    change(refusing.configFile, (postgresql) => {
      postgresql['pre_promote'] = '/bin/false';
    });
    change(refusing.configFile, (_, whole) => {
      // It would win against an equal member.
      whole['tags'] = { failover_priority: 10 };
    });
    first.startAgent();
    await waitFor('the first leads', () => first.isHealthy('/primary'));
    refusing.startAgent();
    other.startAgent();
    await cluster.untilHealthy();
    const writer = await cluster.startWriter();
    await writer.untilWritten(10);
    await writer.betweenRows(() => first.kill());
    await waitFor('the other one leads', () => other.isHealthy('/primary'), 60_000);
    assert.match(refusing.agent.tail(500), /Releasing the leader key voluntarily because the pre-promote script failed/);
    await writer.untilWritten(10);
    first.startAgent();
    await cluster.untilHealthy();
    await writer.stop();
    await writer.assertNoAcknowledgedRowMissing();
    hasFailed = false;
  } finally {
    await cluster.stop({ hasFailed });
  }
});

type Section = Record<string, unknown>;

/** Changes the configuration file of one member, before it is started. */
function change(file: string, edit: (postgresql: Section, whole: Section) => void): void {
  const whole = JSON.parse(readFileSync(file, 'utf8')) as Section & { postgresql: Section };
  edit(whole.postgresql, whole);
  writeFileSync(file, JSON.stringify(whole, undefined, 2));
}
