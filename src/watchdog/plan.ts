import { type Milliseconds, milliseconds } from '../base/duration.js';
import type { Timings } from '../cluster/dynamic-config.js';
import type { WatchdogSettings } from '../ports/settings.js';

/** Seconds between the last moment of the timer and the end of the lease, unless configured. */
const DEVICE_MARGIN_S = 5;
/** The guard's deadline is exact and it needs milliseconds to kill; what is left is for a starved machine and slow clocks. */
const GUARD_MARGIN_MS = 2000;
/** Of a short lease no more than this part. */
const GUARD_MARGIN_SHARE = 5;

/** How long the timer may run without being fed. */
export interface TimerPlan {
  readonly timeoutMs: Milliseconds;
  /** What is left of the time-out in a cycle that feeds on time; negative: it would fire between two cycles. */
  readonly slackMs: Milliseconds;
}

/** @see ha.md §23.1. A device counts whole seconds. */
export function timerPlan({ mode, safetyMargin }: WatchdogSettings, { ttlMs, loopWaitMs }: Timings): TimerPlan {
  const half = mode === 'guard' ? ttlMs / 2 : Math.floor(ttlMs / 2000) * 1000;
  const margin = safetyMargin === undefined ? defaultMargin(mode, ttlMs) : safetyMargin * 1000;
  const timeout = safetyMargin === -1 ? half : ttlMs - margin;
  return { timeoutMs: milliseconds(timeout), slackMs: milliseconds(timeout - loopWaitMs) };
}

function defaultMargin(mode: WatchdogSettings['mode'], ttlMs: number): number {
  return mode === 'guard' ? Math.min(GUARD_MARGIN_MS, ttlMs / GUARD_MARGIN_SHARE) : DEVICE_MARGIN_S * 1000;
}

export function tooShort({ ttlMs, loopWaitMs }: Timings): string {
  return `Watchdog not supported because leader TTL ${ttlMs / 1000} is less than 2x loop_wait ${loopWaitMs / 1000}`;
}
