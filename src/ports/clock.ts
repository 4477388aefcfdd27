import type { Milliseconds } from '../base/duration.js';

/** Time. Leases and deadlines use `monotonic` only; `wall` is for people and for schedules. Reading never advances it. */
export interface Clock {
  /** Milliseconds of a clock that never jumps; its zero has no meaning. */
  monotonic(): Milliseconds;
  /** Milliseconds since the epoch. */
  wall(): number;
  /** Resolves after `ms`, or at once when `signal` aborts; it never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `action` once after `ms`, unless the returned function is called before. */
  after(ms: number, action: () => void): () => void;
}
