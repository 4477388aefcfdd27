import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withDcsUrl } from './dcs-url.js';

/** patronictl.md §2 */
const URLS: readonly (readonly [url: string, expected: Record<string, unknown>])[] = [
  ['', { etcd: { host: 'localhost:2379' } }],
  [':8500', { consul: { host: 'localhost:8500' } }],
  [':2181', { zookeeper: { hosts: ['localhost:2181'] } }],
  [':8181', { exhibitor: { hosts: ['localhost'], port: 8181 } }],
  [':2379', { etcd: { host: 'localhost:2379' } }],
  ['e1:1', { etcd: { host: 'e1:1' } }],
  ['etcd3://e1:2399/ns', { etcd3: { host: 'e1:2399' }, namespace: '/ns' }],
  ['etcd3://e1/', { etcd3: { host: 'e1:2379' } }],
  ['etcd3://[::1]:2399', { etcd3: { host: '[::1]:2399' } }],
  ['consul://c', { consul: { host: 'c:8500' } }],
  ['zookeeper://z/a/b', { zookeeper: { hosts: ['z:2181'] }, namespace: '/a/b' }],
  ['//h:8500', { consul: { host: 'h:8500' } }],
];

for (const [url, expected] of URLS) {
  test(`--dcs-url ${url === '' ? "''" : url}`, () => {
    const raw = { scope: 'a', consul: { host: 'x' }, etcd: {}, etcd3: {}, exhibitor: {}, zookeeper: {}, kubernetes: { labels: {} } };
    assert.deepEqual(withDcsUrl(raw, url), { scope: 'a', kubernetes: { labels: {} }, ...expected });
  });
}

test('--dcs-url: schemes of no store', () => {
  for (const scheme of ['http', 'kubernetes', 'raft']) {
    assert.throws(() => withDcsUrl({}, `${scheme}://h`), new RegExp(`^CtlError: Unknown dcs scheme: ${scheme}$`));
  }
});
