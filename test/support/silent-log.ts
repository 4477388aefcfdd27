import type { Log } from '../../src/ports/log.js';

const nothing = (): void => undefined;

/** A log that keeps nothing. */
export const silentLog: Log = {
  debug: nothing,
  info: nothing,
  warning: nothing,
  error: nothing,
  critical: nothing,
  named: () => silentLog,
};
