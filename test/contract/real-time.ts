import assert from 'node:assert/strict';
import { nodeClock } from '../../src/platform/node-clock.js';
import type { DcsHarness } from './dcs.js';

/** How the suite waits for a real server. */
export const realTime: Pick<DcsHarness, 'pass' | 'until' | 'within'> = {
  pass: (ms) => nodeClock.sleep(ms),
  until: async (condition, ms) => {
    for (const end = Date.now() + ms; !condition(); await nodeClock.sleep(20)) assert.ok(Date.now() < end, `not within ${ms} ms`);
  },
  within: async (ms, promise) => {
    const stopped = new AbortController();
    const late = nodeClock.sleep(ms, stopped.signal).then(() => assert.ok(stopped.signal.aborted, `not within ${ms} ms`));
    const [result] = await Promise.all([promise.finally(() => stopped.abort()), late]);
    return result;
  },
};
