import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { endSession, RawZooKeeper } from '../../../test/support/raw-zookeeper.js';
import { type LogLine, recordingLog } from '../../../test/support/recording-log.js';
import type { StoreServer } from '../../../test/support/store-server.js';
import { startTcpProxy } from '../../../test/support/tcp-proxy.js';
import { fourLetters, modeOf, startEnsemble, startZooKeeper } from '../../../test/support/zookeeper-server.js';
import { milliseconds } from '../../base/duration.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import { type Dcs, DcsUnavailable } from '../../ports/dcs.js';
import { createZooKeeper } from './zookeeper-dcs.js';

const timings = { ttlMs: milliseconds(10_000), loopWaitMs: milliseconds(1000), retryTimeoutMs: milliseconds(3000) };
const call = { timeoutMs: milliseconds(3000) };
const brief = { timeoutMs: milliseconds(1000) };

function client(name: string, ports: number | readonly number[], section: Record<string, unknown> = {}, lines: LogLine[] = []): Dcs {
  const hosts = [ports].flat().map((port) => `127.0.0.1:${port}`);
  const log = recordingLog(lines);
  const options = { scope: 'demo', name, namespace: 'service', timings, clock: nodeClock, random: nodeRandom, log };
  return createZooKeeper({ ...options, section: { hosts, ...section } });
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

async function leaderOf(servers: readonly StoreServer[]): Promise<number> {
  const modes = await Promise.all(servers.map(({ port }) => modeOf(port)));
  return modes.indexOf('leader');
}

test('a server that has lost the others answers reads; a renewal through it is unknown, and so is taking the lock', async (t) => {
  const servers = await startEnsemble({ settings: { syncLimit: 25 } });
  const leading = await leaderOf(servers);
  const follower = servers[(leading + 1) % 3];
  assert.ok(follower && leading >= 0);
  const [dcs, replica] = [client('a', follower.port), client('b', follower.port)];
  endWith(t, [dcs, replica], servers);
  await dcs.start();
  await replica.start();
  assert.equal(await dcs.acquireLeaderLock(call), 'acquired');
  for (const server of servers) if (server !== follower) server.freeze();
  assert.equal((await dcs.load(call)).leader?.name, 'a');
  assert.equal(await answerOf(dcs.renewLeaderLock(undefined, brief)), 'unknown');
  assert.equal(await answerOf(replica.acquireLeaderLock(brief)), 'unknown');
});

test('a session that has ended is said, and its keys are gone at once', async (t) => {
  const server = await startZooKeeper();
  const lines: LogLine[] = [];
  const [a, b] = [client('a', server.port, {}, lines), client('b', server.port)];
  endWith(t, [a, b], [server]);
  await a.start();
  await b.start();
  assert.equal(await a.acquireLeaderLock(call), 'acquired');
  assert.equal(await a.touchMember('{"state":"running"}', undefined, call), true);
  const { leader } = await b.load(call);
  await endSession(server.port, BigInt(leader?.session ?? 0));
  assert.equal(await a.renewLeaderLock(undefined, { ...call, mayCreate: false }), 'lost');
  assert.ok(lines.some(({ text }) => text.includes('our session has ended in ZooKeeper')));
  assert.equal((await b.load(call)).members.length, 0);
});

test('a half-open connection of which nothing is asked: the pings find out, and the same session goes on', async (t) => {
  const server = await startZooKeeper();
  const proxy = await startTcpProxy(server.port);
  const dcs = client('a', proxy.port);
  endWith(t, [dcs], [{ stop: () => proxy.close() }, server]);
  await dcs.start();
  assert.equal(await dcs.acquireLeaderLock(call), 'acquired');
  const session = (await dcs.load(call)).leader?.session;
  const events: string[] = [];
  dcs.subscribe((event) => events.push(event.kind));
  proxy.freezeExisting();
  await until('the silent connection was given up', () => events.includes('reconnected'), 5000);
  assert.equal(await dcs.renewLeaderLock(undefined, { ...call, mayCreate: false }), 'renewed');
  assert.equal((await dcs.load(call)).leader?.session, session);
});

test('answers stay late for longer than the session: it ends, though the servers hear us', async (t) => {
  const server = await startZooKeeper();
  const proxy = await startTcpProxy(server.port);
  const lines: LogLine[] = [];
  const [slow, other] = [client('a', proxy.port, {}, lines), client('b', server.port)];
  endWith(t, [slow, other], [{ stop: () => proxy.close() }, server]);
  await slow.start();
  await other.start();
  await slow.configure({ ...timings, ttlMs: milliseconds(3000) }, {});
  assert.equal(await slow.acquireLeaderLock(call), 'acquired');
  proxy.delayAnswers(2500);
  await until('another one gets the lock', async () => {
    await answerOf(slow.load(brief));
    return (await other.acquireLeaderLock(call)) === 'acquired';
  });
  proxy.delayAnswers(0);
  assert.equal(await slow.renewLeaderLock(undefined, call), 'lost');
  assert.ok(lines.some(({ text }) => text.includes('our session has ended in ZooKeeper')));
});

test('another process of the member takes over its keys, which are never absent', async (t) => {
  const server = await startZooKeeper();
  const [first, watcher, second] = [client('a', server.port), client('b', server.port), client('a', server.port)];
  endWith(t, [first, watcher, second], [server]);
  await first.start();
  await watcher.start();
  assert.equal(await first.acquireLeaderLock(call), 'acquired');
  await second.start();
  // Nothing proves whose the key is: it may be another's by the time that it is deleted.
  assert.equal(await answerOf(second.renewLeaderLock(undefined, call)), 'unknown');
  assert.equal(await first.touchMember('{"state":"running"}', undefined, call), true);
  await watcher.load(call);
  const events: string[] = [];
  watcher.subscribe((event) => events.push(event.kind));
  const { leader, members } = await second.load(call);
  assert.equal(await second.acquireLeaderLock(call), 'held-by-other');
  assert.equal(await second.renewLeaderLock(leader, call), 'renewed');
  assert.equal(await second.touchMember('{"state":"running"}', members[0], call), true);
  const after = await second.load(call);
  assert.notEqual(after.leader?.session, leader?.session);
  assert.equal(after.members[0]?.session, after.leader?.session);
  assert.equal(await watcher.acquireLeaderLock(call), 'held-by-other');
  await watcher.load(call);
  assert.deepEqual(events, []);
});

test('ttl changes at run time: the keys are never absent, the server counts the new one', async (t) => {
  const server = await startZooKeeper();
  const [a, b] = [client('a', server.port), client('b', server.port)];
  endWith(t, [a, b], [server]);
  await a.start();
  await b.start();
  assert.equal(await a.acquireLeaderLock(call), 'acquired');
  assert.equal(await a.touchMember('{"state":"running"}', undefined, call), true);
  await b.load(call);
  const events: string[] = [];
  b.subscribe((event) => events.push(event.kind));
  const first = a.grantedLeaseMs ?? 0;
  for (const ttlMs of [30_000, 5000]) {
    await a.configure({ ...timings, ttlMs: milliseconds(ttlMs) }, {});
    await until(`${ttlMs} is told`, async () => (await fourLetters(server.port, 'cons')).includes(`to=${ttlMs}`));
    assert.equal(await a.renewLeaderLock(undefined, { ...call, mayCreate: false }), 'renewed');
    // A longer one is believed only of a session that began with it.
    assert.equal(Math.min(ttlMs, 10_000) - (a.grantedLeaseMs ?? 0) < 3300, true);
    assert.ok((a.grantedLeaseMs ?? 0) <= first);
  }
  await b.load(call);
  assert.deepEqual(events, []);
});

test('a session shorter than the ttl makes the lease shorter, and is said', async (t) => {
  const server = await startZooKeeper({ settings: { maxSessionTimeout: 4000 } });
  const lines: LogLine[] = [];
  const dcs = client('a', server.port, {}, lines);
  endWith(t, [dcs], [server]);
  await dcs.start();
  assert.equal(await dcs.acquireLeaderLock(call), 'acquired');
  assert.ok((dcs.grantedLeaseMs ?? Number.NaN) < 4000);
  assert.ok(lines.some(({ text }) => text.includes('allows no session over 4000 ms (maxSessionTimeout)')));
});

test('an agent that does not work any more loses its keys, although its process and its connection live', async (t) => {
  const server = await startZooKeeper();
  const [a, b] = [client('a', server.port), client('b', server.port)];
  endWith(t, [a, b], [server]);
  await a.start();
  await b.start();
  await a.configure({ ...timings, ttlMs: milliseconds(2000) }, {});
  assert.equal(await a.acquireLeaderLock(call), 'acquired');
  await until('it expires', async () => (await b.load(call)).leader === undefined, 6000);
});

test('after a pause a renewal waits until the leader of the ensemble has heard of us; in the normal course it does not', async (t) => {
  const server = await startZooKeeper();
  const dcs = client('a', server.port);
  endWith(t, [dcs], [server]);
  await dcs.start();
  assert.equal(await dcs.acquireLeaderLock(call), 'acquired');
  const renew = async (): Promise<number> => {
    const started = performance.now();
    assert.equal(await dcs.renewLeaderLock(undefined, { ...call, mayCreate: false }), 'renewed');
    return performance.now() - started;
  };
  await nodeClock.sleep(1200);
  assert.ok((await renew()) < 900);
  // Nothing is told for longer than one and a half loop_wait after the last call.
  await nodeClock.sleep(5000);
  assert.ok((await renew()) >= 990);
});

test('values: more than 1 MB is refused with a reason, almost 1 MB is stored, garbage and large ones of others are read', async (t) => {
  const server = await startZooKeeper();
  const lines: LogLine[] = [];
  const dcs = client('a', server.port, {}, lines);
  endWith(t, [dcs], [server]);
  await dcs.start();
  assert.equal(await dcs.acquireLeaderLock(call), 'acquired');
  assert.equal(await dcs.writeHistory('x'.repeat(1024 * 1024), call), false);
  assert.ok(lines.some(({ text }) => /refused to write \/history: .* at most 1048575/.test(text)));
  assert.equal(await dcs.writeHistory(`[[1,2,"${'x'.repeat(1_000_000)}"]]`, call), true);
  assert.equal((await dcs.load(call)).history?.lines.length, 1);
  const raw = await RawZooKeeper.connect(server.port);
  await raw.put('/service/demo/config', Buffer.from([0, 255, 254, 123]));
  await raw.put('/service/demo/status', 'y'.repeat(1_000_000));
  await raw.put('/service/demo/members/z', Buffer.from([200, 1]));
  await raw.close();
  const view = await dcs.load(call);
  assert.equal(view.config?.isValid, false);
  assert.deepEqual(view.members[0]?.data, {});
  assert.equal(await dcs.renewLeaderLock(view.leader, { ...call, mayCreate: false }), 'renewed');
  assert.equal(await dcs.writeStatus('{"optime":7}', call), true);
  assert.equal((await dcs.load(call)).status.lastLsn, 7n);
});

test('something else than ZooKeeper behind the address: unknown, in time', async (t) => {
  const server = await startZooKeeper();
  const { createServer } = await import('node:http');
  const web = createServer((_request, response) => response.end('hello'));
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  const address = web.address();
  const dcs = client('a', typeof address === 'object' && address !== null ? address.port : 0);
  endWith(t, [dcs], [server, { stop: () => new Promise((resolve) => web.close(() => resolve())) }]);
  await assert.rejects(dcs.load(brief), DcsUnavailable);
});
