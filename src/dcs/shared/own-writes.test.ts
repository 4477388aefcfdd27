import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OwnWrites } from './own-writes.js';

test('own writes are told apart from those of others, each once', () => {
  const writes = new OwnWrites();
  assert.equal(writes.explain('status', '1'), false);
  writes.announce('status', '1');
  writes.announce('status', undefined);
  assert.equal(writes.explain('sync', '1'), false);
  assert.deepEqual([writes.explain('status', '1'), writes.explain('status', '1')], [true, false]);
});

test('what came before a seen write is past, and so is everything once another has written', () => {
  const writes = new OwnWrites();
  for (const value of ['1', '2', '3']) writes.announce('status', value);
  assert.deepEqual([writes.explain('status', '2'), writes.explain('status', '1')], [true, false]);
  writes.announce('status', '4');
  assert.deepEqual([writes.explain('status', 'foreign'), writes.explain('status', '4')], [false, false]);
});

test('of writes that are never seen only the last are remembered', () => {
  const writes = new OwnWrites();
  for (let value = 1; value <= 9; value += 1) writes.announce('status', String(value));
  assert.equal(writes.explain('status', '1'), false);
  writes.announce('status', undefined);
  assert.equal(writes.explain('status', undefined), true);
});
