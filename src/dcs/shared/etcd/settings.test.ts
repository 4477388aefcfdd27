import assert from 'node:assert/strict';
import { test } from 'node:test';
import { credentialsOf, parseEtcdSettings } from './settings.js';

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
