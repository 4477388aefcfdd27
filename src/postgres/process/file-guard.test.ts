import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../../test/support/manual-clock.js';
import { FileGuard, FilesUnavailable } from './file-guard.js';

const never = (): Promise<never> => new Promise(() => undefined);

test('patroni-2380: calls that hang take two threads at most, and later ones fail at once', async () => {
  const clock = new ManualClock();
  const files = new FileGuard(clock, 2000);
  let started = 0;
  const call = () =>
    files.run('a file', () => {
      started++;
      return never();
    });
  const first = [call(), call()];
  await clock.advance(300);
  for (let at = 0; at < 10; at++) await assert.rejects(call(), /2 earlier file calls have not returned yet/);
  const rejected = Promise.all(first.map((each) => assert.rejects(each, FilesUnavailable)));
  await clock.advance(2000);
  await rejected;
  await assert.rejects(call(), /an earlier file call still hangs/);
  assert.equal(started, 2);
});

test('work with a limit of its own is no file call that hangs', async () => {
  const clock = new ManualClock();
  const files = new FileGuard(clock, 2000);
  for (let at = 0; at < 3; at++) void files.run('settings', never, 10_000).catch(() => undefined);
  await clock.advance(300);
  assert.equal(await files.run('a file', () => Promise.resolve(1)), 1);
});
