import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rangeEnd } from './wire.js';

/** dcs.md §18: the first key after all those with the prefix. */
test('the end of a range', () => {
  assert.equal(rangeEnd('/service/demo/'), 'L3NlcnZpY2UvZGVtbzA=');
});
