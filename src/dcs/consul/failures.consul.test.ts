import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type ConsulServer, consulRequest, startConsul, startConsulCluster } from '../../../test/support/consul-server.js';
import { silentLog } from '../../../test/support/silent-log.js';
import { startTcpProxy } from '../../../test/support/tcp-proxy.js';
import { milliseconds } from '../../base/duration.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import { type Dcs, DcsUnavailable } from '../../ports/dcs.js';
import { createConsul } from './consul-dcs.js';

const timings = { ttlMs: milliseconds(10_000), loopWaitMs: milliseconds(1000), retryTimeoutMs: milliseconds(3000) };
const call = { timeoutMs: milliseconds(3000) };
const brief = { timeoutMs: milliseconds(1000) };

function client(name: string, port: number, section: Record<string, unknown> = {}): Dcs {
  const options = { scope: 'demo', name, namespace: 'service', timings, clock: nodeClock, random: nodeRandom, log: silentLog };
  return createConsul({ ...options, section: { host: `127.0.0.1:${port}`, ...section } });
}

function endWith(t: TestContext, members: readonly Dcs[], servers: readonly { stop(): Promise<void> }[]): void {
  t.after(async () => {
    for (const member of members) await member.close();
    for (const server of servers) await server.stop();
  });
}

async function until(what: string, condition: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  for (const end = Date.now() + ms; !(await condition()); await nodeClock.sleep(50))
    assert.ok(Date.now() < end, `${what}: not within ${ms} ms`);
}

/** What the call gave; an answer that is missing must say so. */
async function answerOf<T>(operation: Promise<T>): Promise<T | 'unknown'> {
  return operation.catch((error: unknown) => {
    assert.ok(error instanceof DcsUnavailable, String(error));
    return 'unknown' as const;
  });
}

/** Cycles until five renewals have succeeded; not one may be lost, or take longer than its budget. */
async function keepsItsLock(dcs: Dcs): Promise<void> {
  for (let renewed = 0, tries = 0; renewed < 5; tries += 1) {
    assert.ok(tries < 30, 'not renewed five times');
    const started = performance.now();
    const view = await answerOf(dcs.load(call));
    const outcome = await answerOf(dcs.renewLeaderLock(view === 'unknown' ? undefined : view.leader, call));
    assert.notEqual(outcome, 'lost');
    assert.ok(performance.now() - started < 6500, `took ${performance.now() - started} ms`);
    if (outcome === 'renewed') renewed += 1;
    await answerOf(dcs.writeStatus(`{"optime":${tries}}`, brief));
  }
}

async function leaderOf(servers: readonly ConsulServer[]): Promise<number> {
  // The address that raft knows is not the one that clients use: each server says of itself whether it leads.
  for (const [i, { url }] of servers.entries()) {
    const self = JSON.parse(await consulRequest(url, 'GET', '/agent/self')) as { Stats: { consul: { leader: string } } };
    if (self.Stats.consul.leader === 'true') return i;
  }
  return -1;
}

test('three servers: the leader is frozen, thawed, then another killed; the lock is kept and nothing takes longer than its budget', async (t) => {
  const servers = await startConsulCluster();
  const leading = await leaderOf(servers);
  const asked = servers[(leading + 1) % 3];
  assert.ok(asked && leading >= 0);
  const dcs = client('a', asked.port);
  endWith(t, [dcs], servers);
  await dcs.start();
  assert.equal(await dcs.acquireLeaderLock(call), 'acquired');
  servers[leading]?.freeze();
  await keepsItsLock(dcs);
  servers[leading]?.thaw();
  await keepsItsLock(dcs);
  await servers[(leading + 2) % 3]?.kill();
  await keepsItsLock(dcs);
});

test('the server is killed and started again: the keys are there and the watch tells of changes', async (t) => {
  const server = await startConsul();
  const [a, b] = [client('a', server.port), client('b', server.port)];
  endWith(t, [a, b], [server]);
  await a.start();
  await b.start();
  await b.load(call);
  const events: string[] = [];
  b.subscribe((event) => events.push(event.kind));
  assert.equal(await a.acquireLeaderLock(call), 'acquired');
  await until('the watch is open', () => events.includes('leader-changed'));
  await server.kill();
  await assert.rejects(a.load(brief), DcsUnavailable);
  await server.restart();
  await until('the watch is open again', () => events.includes('reconnected'));
  assert.equal(await a.renewLeaderLock(undefined, call), 'renewed');
  assert.equal(await a.writeStatus('{"optime":3}', call), true);
  await until('the change is told', () => events.includes('status-changed'));
});

test('half-open and reset connections: calls end in their budget, and the watch is opened anew', async (t) => {
  const server = await startConsul();
  const proxy = await startTcpProxy(server.port);
  const [a, b] = [client('a', server.port), client('b', proxy.port)];
  endWith(t, [a, b], [{ stop: () => proxy.close() }, server]);
  await a.start();
  await b.start();
  await b.load(call);
  const events: string[] = [];
  b.subscribe((event) => events.push(event.kind));
  await nodeClock.sleep(300);
  proxy.freezeExisting();
  assert.equal(await a.acquireLeaderLock(call), 'acquired');
  await until('the new leader is read', async () => {
    const view = await answerOf(b.load(call));
    return view !== 'unknown' && view.leader?.name === 'a';
  });
  await until('the silent watch was given up', () => events.includes('reconnected'));
  events.length = 0;
  proxy.reset();
  assert.equal((await b.load(call)).leader?.name, 'a');
  assert.equal(await a.releaseLeaderLock((await a.load(call)).leader, call), true);
  await until('the release is told', () => events.includes('leader-changed'));
});

test('the session is destroyed under a living agent: the lock comes back only while nobody has it', async (t) => {
  const server = await startConsul();
  const [a, b] = [client('a', server.port), client('b', server.port)];
  endWith(t, [a, b], [server]);
  await a.start();
  await b.start();
  assert.equal(await a.acquireLeaderLock(call), 'acquired');
  assert.equal(await a.touchMember('{"state":"running"}', undefined, call), true);
  const destroy = async (): Promise<void> => {
    const { leader } = await b.load(call);
    assert.equal(await consulRequest(server.url, 'PUT', `/session/destroy/${leader?.session}`), 'true');
  };
  await destroy();
  assert.equal(await a.renewLeaderLock((await a.load(call)).leader, { ...call, mayCreate: false }), 'lost');
  assert.equal(await a.renewLeaderLock((await a.load(call)).leader, call), 'renewed');
  await destroy();
  // Consul gives nobody the key before the lock-delay of the ended session (1 ms) is over.
  await until('the other has the key', async () => (await b.acquireLeaderLock(call)) === 'acquired');
  assert.equal(await a.renewLeaderLock((await a.load(call)).leader, call), 'lost');
});

test('another process of the member takes over its keys, which are never absent', async (t) => {
  const server = await startConsul();
  const [first, watcher, second] = [client('a', server.port), client('b', server.port), client('a', server.port)];
  endWith(t, [first, watcher, second], [server]);
  await first.start();
  await watcher.start();
  assert.equal(await first.acquireLeaderLock(call), 'acquired');
  assert.equal(await first.touchMember('{"state":"running"}', undefined, call), true);
  await watcher.load(call);
  const events: string[] = [];
  await nodeClock.sleep(300);
  watcher.subscribe((event) => events.push(event.kind));
  await second.start();
  const { leader, members } = await second.load(call);
  assert.equal(await second.acquireLeaderLock(call), 'held-by-other');
  assert.equal(await second.renewLeaderLock(leader, call), 'renewed');
  assert.equal(await second.touchMember('{"state":"running"}', members[0], call), true);
  const after = await second.load(call);
  assert.notEqual(after.leader?.session, leader?.session);
  assert.equal(after.members[0]?.session, after.leader?.session);
  assert.equal(await watcher.acquireLeaderLock(call), 'held-by-other');
  assert.deepEqual(events, []);
});

test('tokens: a wrong one and one that may only read change nothing and say so; a reload mends it', async (t) => {
  const acl = { enabled: true, default_policy: 'deny', tokens: { master: 'root-token' } };
  const root = 'root-token';
  const server = await startConsul({ settings: { primary_datacenter: 'dc1', acl }, token: root });
  const rules = 'key_prefix "service/demo" { policy = "read" } session_prefix "" { policy = "write" }';
  await consulRequest(server.url, 'PUT', '/acl/policy', JSON.stringify({ Name: 'reader', Rules: rules }), root);
  const token = JSON.parse(
    await consulRequest(server.url, 'PUT', '/acl/token', JSON.stringify({ Policies: [{ Name: 'reader' }] }), root),
  ) as { SecretID: string };
  const good = client('a', server.port, { token: root });
  const reader = client('b', server.port, { token: token.SecretID });
  const wrong = client('c', server.port, { token: 'wrong' });
  endWith(t, [good, reader, wrong], [server]);
  await good.start();
  assert.equal(await good.acquireLeaderLock(call), 'acquired');
  await reader.start();
  assert.equal((await reader.load(call)).leader?.name, 'a');
  assert.equal(await reader.writeConfig('{}', undefined, call), false);
  assert.equal(await reader.touchMember('{}', undefined, call), false);
  assert.equal(await reader.writeSync('{}', undefined, call), undefined);
  await assert.rejects(reader.acquireLeaderLock(call), DcsUnavailable);
  await assert.rejects(
    wrong.load(call),
    (error) => error instanceof DcsUnavailable && /403/.test(error.message) && !/wrong/.test(error.message),
  );
  const stopped = new AbortController();
  const started = wrong.start(stopped.signal);
  await nodeClock.sleep(300);
  stopped.abort();
  await started;
  await reader.configure(timings, { token: root });
  assert.equal(await reader.writeConfig('{}', undefined, call), true);
  assert.equal(await reader.touchMember('{}', undefined, call), true);
});

test('a value of 1 MB is read', async (t) => {
  const server = await startConsul({ settings: { limits: { kv_max_value_size: 2 * 1024 * 1024 } } });
  const dcs = client('a', server.port);
  endWith(t, [dcs], [server]);
  await dcs.start();
  assert.equal(await consulRequest(server.url, 'PUT', '/kv/service/demo/history', 'x'.repeat(1024 * 1024)), 'true');
  assert.equal((await dcs.load(call)).leader, undefined);
  assert.equal(await dcs.writeStatus('{"optime":7}', call), true);
  assert.equal((await dcs.load(call)).status.lastLsn, 7n);
});

test("the server's least session ttl is used where ours is below it", async (t) => {
  const server = await startConsul({ settings: { session_ttl_min: '12s' } });
  const dcs = client('a', server.port);
  endWith(t, [dcs], [server]);
  await dcs.start();
  assert.equal(await dcs.acquireLeaderLock(call), 'acquired');
  const [session] = JSON.parse(await consulRequest(server.url, 'GET', '/session/list')) as {
    TTL: string;
    Name: string;
    Behavior: string;
  }[];
  assert.deepEqual([session?.TTL, session?.Name, session?.Behavior], ['12.0s', 'demo-a', 'delete']);
});

test('the member is a service whose tags follow its role', async (t) => {
  const server = await startConsul();
  const section = { register_service: true, service_tags: ['x'] };
  const dcs = client('a', server.port, section);
  endWith(t, [dcs], [server]);
  await dcs.start();
  const touch = async (role: string, state: string): Promise<void> => {
    const value = { role, state, api_url: 'http://127.0.0.1:8008/patroni', conn_url: 'postgres://127.0.0.1:5433/postgres' };
    assert.equal(await dcs.touchMember(JSON.stringify(value), (await dcs.load(call)).members[0], call), true);
  };
  const service = async (): Promise<unknown> => {
    const all = JSON.parse(await consulRequest(server.url, 'GET', '/agent/services')) as Record<string, Record<string, unknown>>;
    const found = all['demo/a'];
    return found && [found['Service'], found['Address'], found['Port'], found['Tags'], found['EnableTagOverride']];
  };
  await touch('replica', 'starting');
  assert.equal(await service(), undefined);
  await touch('replica', 'running');
  assert.deepEqual(await service(), ['demo', '127.0.0.1', 5433, ['x', 'replica'], true]);
  await touch('primary', 'running');
  assert.deepEqual(await service(), ['demo', '127.0.0.1', 5433, ['x', 'primary', 'master'], true]);
  await dcs.configure(timings, { ...section, service_tags: ['y'] });
  await touch('primary', 'running');
  assert.deepEqual(await service(), ['demo', '127.0.0.1', 5433, ['y', 'primary', 'master'], true]);
  await touch('primary', 'stopped');
  assert.equal(await service(), undefined);
  await touch('standby_leader', 'running');
  assert.deepEqual(await service(), ['demo', '127.0.0.1', 5433, ['y', 'standby-leader'], true]);
  await dcs.configure(timings, { register_service: false });
  await touch('standby_leader', 'running');
  assert.equal(await service(), undefined);
});
