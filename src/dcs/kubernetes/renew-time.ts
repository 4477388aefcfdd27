import type { Clock } from '../../ports/clock.js';

/** Times for people, each one later than the one before: a renewal is seen by its new time alone. */
export class RenewTime {
  readonly #clock: Clock;
  #lastMicros = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** As Python's `isoformat`, in UTC: `2031-02-01T10:11:12.345678+00:00`. */
  next(): string {
    this.#lastMicros = Math.max(Math.floor(this.#clock.wall()) * 1000, this.#lastMicros + 1);
    const seconds = new Date(Math.floor(this.#lastMicros / 1000)).toISOString().slice(0, 19);
    return `${seconds}.${String(this.#lastMicros % 1_000_000).padStart(6, '0')}+00:00`;
  }
}
