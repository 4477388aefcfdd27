import type { Clock } from '../../ports/clock.js';
import { type CallOptions, DcsUnavailable } from '../../ports/dcs.js';
import type { Random } from '../../ports/random.js';

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 1000;
const MAX_JITTER_MS = 800;

/**
 * The budget of one compound operation with all of its requests, and the pauses between their repetitions (dcs.md §1.6).
 * Made once per operation: a deadline that began anew with each request would let a renewal outlive the lease.
 */
export class Deadline {
  readonly signal: AbortSignal | undefined;
  readonly totalMs: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #end: number;
  #delayMs = FIRST_DELAY_MS;

  constructor(clock: Clock, random: Random, options: CallOptions) {
    this.#clock = clock;
    this.#random = random;
    this.signal = options.signal;
    this.totalMs = options.timeoutMs;
    this.#end = clock.monotonic() + options.timeoutMs;
  }

  remainingMs(): number {
    return this.signal?.aborted ? 0 : Math.max(0, this.#end - this.#clock.monotonic());
  }

  /** Sleeps before the next try. False, at once, when the budget would be over by then. @param askedMs by the server, instead of our own delay. */
  async pause(askedMs?: number): Promise<boolean> {
    const ownMs = this.#delayMs + this.#random.next() * MAX_JITTER_MS;
    const delayMs = askedMs === undefined ? ownMs : Math.max(askedMs, FIRST_DELAY_MS);
    if (delayMs >= this.remainingMs()) return false;
    this.#delayMs = Math.min(this.#delayMs * 2, MAX_DELAY_MS);
    await this.#clock.sleep(delayMs, this.signal);
    return this.remainingMs() > 0;
  }

  /** @throws DcsUnavailable when less than `ms` is left: a sub-step that can't finish must not begin. */
  ensure(ms: number, what: string): void {
    if (this.remainingMs() < ms) throw new DcsUnavailable(`${what}: not enough left of ${this.totalMs} ms`);
  }
}
