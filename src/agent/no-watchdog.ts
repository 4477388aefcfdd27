import type { Watchdog } from '../ports/watchdog.js';

/** No watchdog: nothing to arm, and nothing in the way of a promotion. For the simulator and tests. */
export const noWatchdog: Watchdog = {
  isRunning: true,
  isArmed: false,
  firesAt: undefined,
  isHealthy: () => true,
  activate: () => true,
  keepAlive: () => undefined,
  disable: () => undefined,
  configure: () => undefined,
  subscribe: () => () => undefined,
};
