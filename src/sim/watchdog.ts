import { type Milliseconds, milliseconds } from '../base/duration.js';
import type { Timings } from '../cluster/dynamic-config.js';
import type { Watchdog } from '../ports/watchdog.js';
import type { Scheduler } from './scheduler.js';
import type { SimServer } from './server.js';

/** As the guard's: so long before the end of the lease it fires. */
const MARGIN = { mostMs: 2000, share: 5 };

export type WatchdogMode = 'off' | 'automatic' | 'required';

/**
 * The guard of one machine: a process of its own, so that neither a dead nor a frozen agent keeps it from killing the
 * server in time. It outlives agents; the next one finds it disarmed.
 */
export class SimGuard {
  private cancel: () => void = () => undefined;
  isArmed = false;
  private readonly scheduler: Scheduler;
  private readonly server: SimServer;

  constructor(scheduler: Scheduler, server: SimServer) {
    this.scheduler = scheduler;
    this.server = server;
  }

  arm(): void {
    this.isArmed = true;
  }

  /** @param inMs of true time. */
  killIn(inMs: number): void {
    this.cancel();
    this.cancel = this.scheduler.after(inMs, () => {
      this.isArmed = false;
      this.server.kill();
    });
  }

  disarm(): void {
    this.cancel();
    this.isArmed = false;
  }
}

export interface SimWatchdogOptions {
  readonly guard: SimGuard;
  readonly mode: WatchdogMode;
  readonly timings: Timings;
  /** Of the agent's process. */
  readonly monotonic: () => Milliseconds;
  readonly isMissing: () => boolean;
}

/** One agent's hand on the guard. */
export function simWatchdog({ guard, mode, timings, monotonic, isMissing }: SimWatchdogOptions): Watchdog {
  let { ttlMs } = timings;
  let deadline: number | undefined;
  const disable = (): void => {
    guard.disarm();
    deadline = undefined;
  };
  return {
    get isRunning() {
      return mode === 'off' || guard.isArmed;
    },
    get isArmed() {
      return guard.isArmed;
    },
    get firesAt() {
      return guard.isArmed && deadline !== undefined ? milliseconds(deadline) : undefined;
    },
    isHealthy: () => mode !== 'required' || guard.isArmed || !isMissing(),
    activate: () => {
      if (mode === 'off') return true;
      if (isMissing()) return mode !== 'required';
      guard.arm();
      if (deadline !== undefined) guard.killIn(deadline - monotonic());
      return true;
    },
    keepAlive: (leaseEnd) => {
      deadline = leaseEnd - Math.min(MARGIN.mostMs, ttlMs / MARGIN.share);
      if (guard.isArmed) guard.killIn(deadline - monotonic());
    },
    disable,
    configure: (changed) => {
      ttlMs = changed.ttlMs;
    },
    subscribe: () => () => undefined,
  };
}
