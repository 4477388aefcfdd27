import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FakeEtcd, startFakeEtcd } from '../../../test/support/fake-etcd.js';
import { silentLog } from '../../../test/support/silent-log.js';
import { milliseconds } from '../../base/duration.js';
import type { Timings } from '../../cluster/dynamic-config.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import { type Dcs, DcsUnavailable } from '../../ports/dcs.js';
import { createEtcd3 } from './etcd3-dcs.js';

const call = { timeoutMs: milliseconds(3000) };
const LEADER = '/service/demo/leader';

const TIMINGS: Timings = { ttlMs: milliseconds(10_000), loopWaitMs: milliseconds(1000), retryTimeoutMs: milliseconds(3000) };

function member(stores: readonly FakeEtcd[], section: Record<string, unknown> = {}, timings = TIMINGS): Dcs {
  return createEtcd3({
    section: { hosts: stores.map(({ port }) => `127.0.0.1:${port}`), ...section },
    scope: 'demo',
    name: 'a',
    namespace: 'service',
    timings,
    clock: nodeClock,
    random: nodeRandom,
    log: silentLog,
  });
}

const count = (store: FakeEtcd, path: string): number => store.seen.filter((each) => each.path === path).length;

async function untilWatched(store: FakeEtcd, watches = 1): Promise<void> {
  for (const end = Date.now() + 3000; count(store, '/watch') < watches; await nodeClock.sleep(10)) assert.ok(Date.now() < end);
  await nodeClock.sleep(30);
}

test('a connection lost while the answer is awaited: a guarded call is sent again at once, a plain write is not', async (t) => {
  const store = await startFakeEtcd();
  const dcs = member([store]);
  t.after(() => Promise.all([dcs.close(), store.close()]));
  await dcs.start();
  await untilWatched(store);
  store.next('/kv/txn', { kind: 'reset', isApplied: true });
  const started = performance.now();
  assert.equal(await dcs.acquireLeaderLock(call), 'acquired');
  assert.ok(performance.now() - started < 90, 'it paused');
  assert.equal(count(store, '/kv/txn'), 2);
  store.next('/kv/put', { kind: 'reset', isApplied: true });
  await assert.rejects(dcs.writeStatus('{"optime":1}', call), DcsUnavailable);
  assert.equal(count(store, '/kv/put'), 1);
  await dcs.load(call);
  store.next('/kv/txn', { kind: 'reset', isApplied: true });
  assert.equal(await dcs.writeConfig('{"ttl":30}', '0', call), true, 'its own write was taken for a lost compare');
});

test('after all connections were closed, as by a restart, a renewal works at once', async (t) => {
  const store = await startFakeEtcd();
  const dcs = member([store]);
  t.after(() => Promise.all([dcs.close(), store.close()]));
  await dcs.start();
  assert.equal(await dcs.acquireLeaderLock(call), 'acquired');
  for (let n = 0; n < 10; n += 1) {
    const { leader } = await dcs.load(call);
    store.dropConnections();
    assert.equal(await dcs.renewLeaderLock(leader, call), 'renewed');
  }
});

test('a token that is not valid any more: one authentication, and the call is repeated with the new one', async (t) => {
  const store = await startFakeEtcd();
  store.model.password = 'p';
  const dcs = member([store], { username: 'u', password: 'p' });
  t.after(() => Promise.all([dcs.close(), store.close()]));
  await dcs.start();
  await untilWatched(store);
  const before = count(store, '/auth/authenticate');
  store.model.forgetTokens();
  assert.equal(await dcs.writeStatus('{"optime":1}', call), true);
  assert.equal(count(store, '/auth/authenticate'), before + 1);
});

test('a changed password is used after configure', async (t) => {
  const store = await startFakeEtcd();
  store.model.password = 'old';
  const dcs = member([store], { username: 'u', password: 'old' });
  t.after(() => Promise.all([dcs.close(), store.close()]));
  await dcs.start();
  store.model.password = 'new';
  store.model.forgetTokens();
  await assert.rejects(dcs.acquireLeaderLock(call), DcsUnavailable);
  await dcs.configure(TIMINGS, { username: 'u', password: 'new' });
  assert.equal(await dcs.acquireLeaderLock(call), 'acquired');
});

test('patroni-3318: a member of a lower raft term is left for another one', async (t) => {
  const first = await startFakeEtcd();
  const second = await startFakeEtcd(first.model);
  const dcs = member([first, second]);
  t.after(() => Promise.all([dcs.close(), first.close(), second.close()]));
  await dcs.start();
  assert.equal(await dcs.acquireLeaderLock(call), 'acquired');
  const stale = { kind: 'header', header: { cluster_id: '77', revision: '1', raft_term: '4' } } as const;
  first.always('/lease/keepalive', stale);
  assert.equal(await dcs.renewLeaderLock((await dcs.load(call)).leader, call), 'renewed');
});

test('another cluster at the same address: the copy of the old one is not used', async (t) => {
  const store = await startFakeEtcd();
  const dcs = member([store]);
  t.after(() => Promise.all([dcs.close(), store.close()]));
  await dcs.start();
  await untilWatched(store);
  assert.equal(await dcs.acquireLeaderLock(call), 'acquired');
  store.model.clusterId = '78';
  store.model.revision = 1n;
  store.model.raftTerm = 2n;
  store.model.keys.clear();
  store.model.leases.clear();
  store.model.put(LEADER, 'other');
  assert.equal(await dcs.renewLeaderLock((await dcs.load(call)).leader, call), 'lost');
  assert.equal((await dcs.load(call)).leader?.name, 'other');
});

test('an idle cycle of the leader costs one request; two when others write elsewhere in the store', async (t) => {
  const store = await startFakeEtcd();
  const dcs = member([store]);
  t.after(() => Promise.all([dcs.close(), store.close()]));
  await dcs.start();
  await untilWatched(store);
  assert.equal(await dcs.acquireLeaderLock(call), 'acquired');
  await nodeClock.sleep(50);
  const cycle = async (): Promise<number> => {
    const before = store.seen.length;
    assert.equal(await dcs.renewLeaderLock((await dcs.load(call)).leader, call), 'renewed');
    return store.seen.length - before;
  };
  assert.deepEqual([await cycle(), await cycle()], [1, 1]);
  const costs: number[] = [];
  for (let n = 0; n < 3; n += 1) {
    store.model.put('/elsewhere', String(n));
    costs.push(await cycle());
  }
  assert.deepEqual(costs, [2, 2, 2]);
});

test('a member that follows reads its copy while others write elsewhere, and asks once in a ttl, or when nobody leads', async (t) => {
  const store = await startFakeEtcd();
  const ttlMs = milliseconds(700);
  const dcs = member([store], {}, { ttlMs, loopWaitMs: milliseconds(100), retryTimeoutMs: milliseconds(3000) });
  t.after(() => Promise.all([dcs.close(), store.close()]));
  await dcs.start();
  await untilWatched(store);
  store.model.leases.add('99');
  store.model.put(LEADER, 'other', '99');
  await nodeClock.sleep(50);
  /** Something happens elsewhere, and an answer tells so. @returns the reads that the next load costs. */
  const cycle = async (): Promise<number> => {
    store.model.put('/elsewhere', 'x');
    assert.equal(await dcs.writeConfig('{}', '999', call), false);
    const before = count(store, '/kv/range');
    await dcs.load(call);
    return count(store, '/kv/range') - before;
  };
  await cycle();
  assert.deepEqual([await cycle(), await cycle()], [0, 0]);
  await nodeClock.sleep(ttlMs);
  assert.deepEqual([await cycle(), await cycle()], [1, 0]);
  store.model.expire('99');
  await nodeClock.sleep(50);
  assert.equal(await cycle(), 1);
  assert.equal((await dcs.load(call)).leader, undefined);
});

test('a store that is silent: start waits, and close ends it at once', async (t) => {
  const store = await startFakeEtcd();
  t.after(() => store.close());
  store.always('/lease/grant', { kind: 'silence', isApplied: false });
  const dcs = member([store]);
  const starting = dcs.start();
  await nodeClock.sleep(100);
  const started = performance.now();
  await dcs.close();
  await starting;
  assert.ok(performance.now() - started < 500);
});
