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

test('a pause that the server asks for is kept, unless the budget would be over by then; none is shorter than ours', async () => {
  const clock = new ManualClock();
  const deadline = new Deadline(clock, nodeRandom, { timeoutMs: milliseconds(3000) });
  for (const [askedMs, takenMs] of [
    [2000, 2000],
    [0, 100],
  ] as const) {
    const started = clock.monotonic();
    let endedAt: number | undefined;
    const pausing = deadline.pause(askedMs).then((isOver) => {
      endedAt = clock.monotonic();
      return isOver;
    });
    await clock.advance(takenMs - 1);
    assert.equal(endedAt, undefined);
    await clock.advance(1);
    assert.equal(await pausing, true);
    assert.equal(endedAt, started + takenMs);
  }
  assert.equal(await deadline.pause(1000), false);
});
