import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterPath } from './key-path.js';

/** dcs.md §18 */
for (const [namespace, scope, expected] of [
  ['service', 'demo', '/service/demo/'],
  ['/pg//', 'demo', '/pg/demo/'],
  ['/a/b', 'demo', '/a/b/demo/'],
] as const) {
  test(`the keys of ${namespace} and ${scope}`, () => assert.equal(clusterPath(namespace, scope), expected));
}
