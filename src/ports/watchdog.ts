import type { Timings } from '../cluster/dynamic-config.js';

/** A timer outside of this process that resets the machine (or kills the server) when it is not fed. */
export interface Watchdog {
  readonly isRunning: boolean;
  /** False when a watchdog is required and can't be had: this member must not become leader. */
  isHealthy(): boolean;
  /** Arms it before a promotion. False: required but not possible. */
  activate(): boolean;
  /** Only after a successful renewal of the lock. */
  keepAlive(): void;
  disable(): void;
  configure(timings: Timings): void;
}
