import type { Milliseconds } from '../base/duration.js';
import type { Timings } from '../cluster/dynamic-config.js';

/** A timer outside of this process that resets the machine (or kills the server) when it is not fed. */
export interface Watchdog {
  /** Nothing is left to arm: it is armed, or its mode asks for nothing. */
  readonly isRunning: boolean;
  /** A timer runs that fires unless it is fed in time. */
  readonly isArmed: boolean;
  /** Monotonic time at which it fires; undefined: not armed. The server has to be stopped before, not only before the lease ends. */
  readonly firesAt: Milliseconds | undefined;
  /** False when a watchdog is required and can't be had: this member must not become leader. */
  isHealthy(): boolean;
  /** Arms it before a promotion. False: required but not possible. */
  activate(): boolean | Promise<boolean>;
  /**
   * Only after a successful renewal of the lock, or a failsafe round that stands for one.
   * @param leaseEnd monotonic end of the lease, counted from before the request that renewed it.
   */
  keepAlive(leaseEnd: Milliseconds): void;
  disable(): void;
  configure(timings: Timings): void;
  /** Tells when an armed timer was lost and could not be replaced at once. @returns ends the subscription. */
  subscribe(listener: () => void): () => void;
}
