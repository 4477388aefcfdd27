import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeClock } from '../../../platform/node-clock.js';
import { credentialsOf, findSeeds, parseEtcdSettings } from './settings.js';

const SEEDS: readonly (readonly [section: Record<string, unknown>, seeds: readonly string[]])[] = [
  [{ host: 'a' }, ['http://a:2379']],
  [{ host: 'a:1' }, ['http://a:1']],
  [{ hosts: 'a:1, b' }, ['http://a:1', 'http://b:2379']],
  [{ hosts: ['a', 'b:2'], port: 7, protocol: 'https' }, ['https://a:7', 'https://b:2']],
  [{ host: '::1' }, ['http://[::1]:2379']],
  [{ url: 'https://u:p@c:99' }, ['https://c:99']],
  [{ proxy: 'http://p', hosts: 'a' }, ['http://p:2379']],
];

for (const [section, seeds] of SEEDS) {
  test(`addresses of ${JSON.stringify(section)}`, () => assert.deepEqual(parseEtcdSettings(section).seeds, seeds));
}

test('no address at all is an error', () => assert.throws(() => parseEtcdSettings({}), /Neither srv, hosts, host nor url/));

test('a proxy is used alone', () => {
  assert.equal(parseEtcdSettings({ proxy: 'http://p', srv: 'x.org' }).srv, undefined);
  assert.equal(parseEtcdSettings({ proxy: 'http://p' }).isProxy, true);
  assert.equal(parseEtcdSettings({ hosts: 'a', use_proxies: 'on' }).isProxy, true);
});

test('users: both parts or none; those of the url first', () => {
  assert.deepEqual(credentialsOf({ username: 'u', password: 'p' }), { username: 'u', password: 'p' });
  assert.equal(credentialsOf({ username: 'u' }), undefined);
  assert.deepEqual(credentialsOf({ url: 'http://a%40b:c@h', username: 'u', password: 'p' }), { username: 'a@b', password: 'c' });
});

test('SRV: the first kind of record that exists; without any the hosts', async () => {
  const options = { clock: nodeClock, timeoutMs: 100 };
  const settings = parseEtcdSettings({ srv: 'x.org', srv_suffix: 's', hosts: 'fallback' });
  const records: Record<string, { host: string; port: number }[]> = {
    '_etcd-client-s._tcp.x.org': [{ host: 'one', port: 1 }],
    '_etcd-ssl-s._tcp.x.org': [{ host: 'two', port: 2 }],
  };
  assert.deepEqual(await findSeeds(settings, options, async (name) => records[name] ?? []), ['http://one:1']);
  delete records['_etcd-client-s._tcp.x.org'];
  assert.deepEqual(await findSeeds(settings, options, async (name) => records[name] ?? []), ['https://two:2']);
  assert.deepEqual(await findSeeds(settings, options, async () => []), ['http://fallback:2379']);
});
