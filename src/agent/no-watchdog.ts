import type { Watchdog } from '../ports/watchdog.js';

/** No watchdog: nothing to arm, and nothing in the way of a promotion. */
export const noWatchdog: Watchdog = {
  isRunning: true,
  isHealthy: () => true,
  activate: () => true,
  keepAlive: () => undefined,
  disable: () => undefined,
  configure: () => undefined,
};
