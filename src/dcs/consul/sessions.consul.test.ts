import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { consulRequest, startConsul } from '../../../test/support/consul-server.js';
import { silentLog } from '../../../test/support/silent-log.js';
import { milliseconds } from '../../base/duration.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import type { Dcs } from '../../ports/dcs.js';
import { createConsul } from './consul-dcs.js';

const timings = { ttlMs: milliseconds(10_000), loopWaitMs: milliseconds(1000), retryTimeoutMs: milliseconds(3000) };
const call = { timeoutMs: milliseconds(3000) };

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
