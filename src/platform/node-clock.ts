import { performance } from 'node:perf_hooks';
import { milliseconds } from '../base/duration.js';
import type { Clock } from '../ports/clock.js';

/** Longest delay that a Node timer takes without firing at once. */
const MAX_TIMER_MS = 2_147_483_647;

/** The machine's clocks and timers. */
export const nodeClock: Clock = {
  monotonic: () => milliseconds(performance.now()),
  wall: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, Math.min(Math.max(ms, 0), MAX_TIMER_MS));
      signal?.addEventListener('abort', done, { once: true });
    }),
  after: (ms, action) => {
    const timer = setTimeout(action, Math.min(Math.max(ms, 0), MAX_TIMER_MS));
    return () => clearTimeout(timer);
  },
};
