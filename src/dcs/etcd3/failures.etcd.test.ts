import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EtcdServer, etcdPost, startEtcd, startEtcdCluster } from '../../../test/support/etcd-server.js';
import { silentLog } from '../../../test/support/silent-log.js';
import { milliseconds } from '../../base/duration.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import { type Dcs, DcsUnavailable } from '../../ports/dcs.js';
import { createEtcd3 } from './etcd3-dcs.js';
import { encode } from './wire.js';

const timings = { ttlMs: milliseconds(10_000), loopWaitMs: milliseconds(1000), retryTimeoutMs: milliseconds(3000) };
const call = { timeoutMs: milliseconds(3000) };

function client(name: string, servers: readonly EtcdServer[], section: Record<string, unknown> = {}): Dcs {
  const hosts = servers.map((server) => `127.0.0.1:${server.port}`);
  const options = { scope: 'demo', name, namespace: 'service', timings, clock: nodeClock, random: nodeRandom, log: silentLog };
  return createEtcd3({ ...options, section: { hosts, ...section } });
}

test('one of three members dies: calls go on within their budget', async (t) => {
  const servers = await startEtcdCluster();
  const dcs = client('a', servers);
  t.after(async () => {
    await dcs.close();
    for (const server of servers) await server.stop();
  });
  await dcs.start();
  assert.equal(await dcs.acquireLeaderLock(call), 'acquired');
  await servers[1]?.kill();
  const end = Date.now() + 15_000;
  for (let renewals = 0; renewals < 5; ) {
    assert.ok(Date.now() < end, 'not renewed five times');
    const { leader } = await dcs.load(call).catch((error: unknown) => {
      assert.ok(error instanceof DcsUnavailable);
      return { leader: undefined };
    });
    // An election of etcd's may take longer than the budget; that must be unknown, never lost.
    const outcome = await dcs.renewLeaderLock(leader, call).catch((error: unknown) => {
      assert.ok(error instanceof DcsUnavailable);
      return 'unknown';
    });
    assert.notEqual(outcome, 'lost');
    if (outcome === 'renewed') renewals += 1;
  }
});

test('the server is killed and started again: the keys are there and the watch tells of changes', async (t) => {
  const server = await startEtcd();
  const [a, b] = [client('a', [server]), client('b', [server])];
  t.after(async () => {
    await a.close();
    await b.close();
    await server.stop();
  });
  await a.start();
  await b.start();
  const events: string[] = [];
  b.subscribe((event) => events.push(event.kind));
  // The watch opens after the start: until it tells of something it has never been open, and can't be opened again.
  for (let n = 10; !events.includes('status-changed'); n += 1) {
    assert.ok(n < 100);
    assert.equal(await a.writeStatus(`{"optime":${n}}`, call), true);
    await nodeClock.sleep(50);
  }
  events.length = 0;
  await server.kill();
  await assert.rejects(
    a.load({ timeoutMs: milliseconds(1000) }).then(() => a.writeStatus('{"optime":2}', { timeoutMs: milliseconds(1000) })),
    DcsUnavailable,
  );
  await server.restart();
  for (const end = Date.now() + 5000; !events.includes('reconnected'); await nodeClock.sleep(20)) assert.ok(Date.now() < end);
  assert.equal(await a.writeStatus('{"optime":3}', call), true);
  for (const end = Date.now() + 3000; !events.includes('status-changed'); await nodeClock.sleep(20)) assert.ok(Date.now() < end);
  assert.equal((await b.load(call)).status.lastLsn, 3n);
});

test('with users: a right password works, also after the token was lost; a wrong one ends the start', async (t) => {
  const server = await startEtcd({ extraArguments: ['--auth-token-ttl', '2'] });
  await etcdPost(server.url, '/auth/user/add', { name: 'root', password: 'right' });
  await etcdPost(server.url, '/auth/role/add', { name: 'root' });
  await etcdPost(server.url, '/auth/user/grant', { user: 'root', role: 'root' });
  await etcdPost(server.url, '/auth/enable', {});
  const good = client('a', [server], { username: 'root', password: 'right' });
  const bad = client('b', [server], { username: 'root', password: 'wrong' });
  t.after(async () => {
    await good.close();
    await bad.close();
    await server.stop();
  });
  await assert.rejects(bad.start(), /authentication failed/);
  await good.start();
  assert.equal(await good.acquireLeaderLock(call), 'acquired');
  await nodeClock.sleep(4000);
  assert.equal(await good.renewLeaderLock((await good.load(call)).leader, call), 'renewed');
});

test('a value of 1 MB is read', async (t) => {
  const server = await startEtcd();
  const dcs = client('a', [server]);
  t.after(async () => {
    await dcs.close();
    await server.stop();
  });
  await dcs.start();
  await etcdPost(server.url, '/kv/put', { key: encode('/service/demo/history'), value: encode('x'.repeat(1024 * 1024)) });
  assert.equal((await dcs.load(call)).leader, undefined);
  assert.equal(await dcs.writeStatus('{"optime":7}', call), true);
  assert.equal((await dcs.load(call)).status.lastLsn, 7n);
});
