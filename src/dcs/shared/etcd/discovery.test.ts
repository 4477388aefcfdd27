import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { nodeClock } from '../../../platform/node-clock.js';
import type { ServiceTarget } from '../dns.js';
import { findSeeds } from './discovery.js';
import { parseEtcdSettings } from './settings.js';

const options = { clock: nodeClock, timeoutMs: 1000 };
const settings = parseEtcdSettings({ srv: 'x.org', srv_suffix: 's', hosts: 'fallback' });
const seedsFor = (records: Readonly<Record<string, readonly ServiceTarget[]>>): Promise<readonly string[]> =>
  findSeeds(settings, options, async (name) => records[name.replace(/-s\._tcp\.x\.org$/, '')] ?? []);

/** What a member answers to its like, at a port of its own. */
async function startMember(answer: string): Promise<{ readonly target: ServiceTarget; close(): void }> {
  const server = http.createServer((request, response) => response.writeHead(request.url === '/members' ? 200 : 404).end(answer));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const target = { host: '127.0.0.1', port: typeof address === 'object' && address !== null ? address.port : 0 };
  return { target, close: () => server.close() };
}

test('SRV: the first kind of record that exists; without any the hosts', async () => {
  const one = [{ host: 'one', port: 1 }];
  const two = [{ host: 'two', port: 2 }];
  assert.deepEqual(await seedsFor({ '_etcd-client-ssl': two, '_etcd-client': one }), ['https://two:2']);
  assert.deepEqual(await seedsFor({ '_etcd-client': one, '_etcd-ssl': two }), ['http://one:1']);
  assert.deepEqual(await seedsFor({ '_etcd-ssl': two, _etcd: one }), ['https://two:2']);
  assert.deepEqual(await seedsFor({ _etcd: one }), ['http://one:1']);
  assert.deepEqual(await seedsFor({}), ['http://fallback:2379']);
});

test('SRV records of servers: whoever answers tells the addresses for clients', async (t) => {
  const member = await startMember('[{"clientURLs":["http://a:1"]},{"clientURLs":["http://b:2","http://c:3"]},{"name":"new"}]');
  t.after(() => member.close());
  const dead = { host: '127.0.0.1', port: 1 };
  assert.deepEqual(await seedsFor({ '_etcd-server': [dead, member.target] }), ['http://a:1', 'http://b:2', 'http://c:3']);
});

test('SRV records of servers that tell nothing of use: the hosts', async (t) => {
  for (const answer of ['', 'garbage', '{}', '[]', '[{"clientURLs":"http://a:1"}]']) {
    const member = await startMember(answer);
    t.after(() => member.close());
    assert.deepEqual(await seedsFor({ '_etcd-server': [member.target] }), ['http://fallback:2379'], answer);
  }
});
