import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import type { Member } from './harness/member.js';
import { isWritable, leaseTtl, watchForTwo } from './harness/observers.js';
import { scenario } from './harness/scenario.js';
import type { TestCluster } from './harness/test-cluster.js';
import { pause, waitFor } from './harness/wait.js';

const TTL = 6;
const quick = { ttl: TTL, loop_wait: 1, retry_timeout: 2, failsafe_mode: true };

/** From now on `member` reaches etcd through a relay of its own, which can be closed. */
async function behindProxy(cluster: TestCluster, member: Member): Promise<TcpProxy> {
  const proxy = await startTcpProxy(cluster.etcd.clientPort);
  const configuration = JSON.parse(readFileSync(member.configFile, 'utf8')) as Record<string, unknown>;
  configuration['etcd3'] = { host: `127.0.0.1:${proxy.port}`, use_proxies: true };
  writeFileSync(member.configFile, JSON.stringify(configuration));
  await member.stopAgent('SIGKILL');
  member.startAgent();
  await cluster.untilHealthy();
  assert.equal(await cluster.leader(), member);
  return proxy;
}

async function mapOf(cluster: TestCluster, member: Member): Promise<string> {
  return Object.keys(JSON.parse((await cluster.rest(member, 'GET', '/failsafe')).body) as object)
    .sort()
    .join(' ');
}

const names = (...members: readonly Member[]): string =>
  members
    .map(({ name }) => name)
    .sort()
    .join(' ');

scenario(
  'the primary alone is cut off: the others see the key run out, and let it lead',
  { dynamic: quick },
  async ({ cluster, writer }) => {
    const leader = await cluster.leader();
    const [replica, latecomer] = await cluster.replicas();
    assert.ok(replica && latecomer);
    await latecomer.stopAgent();
    const proxy = await behindProxy(cluster, leader);
    await waitFor('the map has two members', async () => (await mapOf(cluster, replica)) === names(leader, replica));
    const [postmaster, { timeline }] = [leader.postmasterPid(), await leader.status()];
    const watch = watchForTwo(cluster);
    writer.forgetGaps();
    await proxy.close();
    await waitFor('the key is gone', async () => (await leaseTtl(cluster, 'leader')) === undefined, 20_000);
    // A member with data that is not in the map: it must not lead either.
    latecomer.startAgent();
    await waitFor('the latecomer runs', async () => (await latecomer.status()).state === 'running', 30_000);
    await pause(2 * TTL * 1000);
    await writer.untilWritten(20);
    assert.equal(await isWritable(cluster, leader), true);
    assert.equal(await leaseTtl(cluster, 'leader'), undefined);
    assert.match(replica.agent.tail(100), new RegExp(`following a leader \\(${leader.name}\\)`));

    const again = await startTcpProxy(cluster.etcd.clientPort, proxy.port);
    try {
      await cluster.untilHealthy();
      await waitFor('the key is back', async () => (await leaseTtl(cluster, 'leader')) !== undefined, 20_000);
      await waitFor('the map has all', async () => (await mapOf(cluster, leader)) === names(...cluster.members));
      assert.equal(await cluster.leader(), leader);
      assert.equal(leader.postmasterPid(), postmaster);
      assert.equal((await leader.status()).timeline, timeline);
      assert.ok(writer.longestGapMs < 2_000, `no acknowledged row for ${writer.longestGapMs} ms`);
      assert.equal((await watch.stop()).twice, 0);
    } finally {
      await again.close();
    }
  },
);

scenario('the primary is cut off, then lost: a new one when the promise is over', { dynamic: quick }, async ({ cluster, writer }) => {
  const leader = await cluster.leader();
  const proxy = await behindProxy(cluster, leader);
  await waitFor('the map is complete', async () => (await mapOf(cluster, leader)) === names(...cluster.members));
  const watch = watchForTwo(cluster);
  await proxy.close();
  await waitFor('the key is gone', async () => (await leaseTtl(cluster, 'leader')) === undefined, 20_000);
  await pause(2000);
  await writer.betweenRows(() => leader.kill());
  const lostAt = performance.now();
  const next = await cluster.leader();
  assert.notEqual(next, leader);
  assert.ok(performance.now() - lostAt < (TTL + 8) * 1000, `${performance.now() - lostAt} ms`);
  assert.equal((await watch.stop()).twice, 0);
  const again = await startTcpProxy(cluster.etcd.clientPort, proxy.port);
  try {
    leader.startAgent();
    await cluster.untilHealthy();
  } finally {
    await again.close();
  }
});
