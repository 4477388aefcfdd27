import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../../test/support/manual-clock.js';
import { milliseconds } from '../../base/duration.js';
import { nodeRandom } from '../../platform/node-random.js';
import { DcsUnavailable } from '../../ports/dcs.js';
import { Deadline } from './retry.js';

test('one budget for everything: pauses end with it, steps that do not fit do not begin', async () => {
  const clock = new ManualClock();
  const deadline = new Deadline(clock, nodeRandom, { timeoutMs: milliseconds(3000) });
  let pauses = 0;
  for (;;) {
    const pausing = deadline.pause();
    await clock.advance(1900);
    if (!(await pausing)) break;
    pauses += 1;
  }
  assert.equal(pauses, 2);
  assert.throws(() => deadline.ensure(500, 'a step'), DcsUnavailable);
});

test('an abort leaves nothing of the budget', async () => {
  const stop = new AbortController();
  const deadline = new Deadline(new ManualClock(), nodeRandom, { timeoutMs: milliseconds(3000), signal: stop.signal });
  assert.equal(deadline.remainingMs(), 3000);
  stop.abort();
  assert.equal(deadline.remainingMs(), 0);
  assert.equal(await deadline.pause(), false);
});
