import { type Milliseconds, milliseconds } from '../../src/base/duration.js';
import type { Clock } from '../../src/ports/clock.js';

interface Timer {
  readonly at: number;
  readonly sequence: number;
  readonly action: () => void;
}

/** A clock that stands still until `advance`. Timers fire in order, and promises settle between them. */
export class ManualClock implements Clock {
  #now = 0;
  #sequence = 0;
  readonly #timers = new Set<Timer>();

  monotonic(): Milliseconds {
    return milliseconds(this.#now);
  }

  wall(): number {
    return Date.UTC(2031, 0, 1) + this.#now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const cancel = this.after(ms, resolve);
      signal?.addEventListener('abort', () => {
        cancel();
        resolve();
      });
    });
  }

  after(ms: number, action: () => void): () => void {
    this.#sequence += 1;
    const timer: Timer = { at: this.#now + Math.max(0, ms), sequence: this.#sequence, action };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let timer = this.#next(); timer !== undefined && timer.at <= end; timer = this.#next()) {
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, timer.at);
      timer.action();
      await settle();
    }
    this.#now = end;
  }

  #next(): Timer | undefined {
    return [...this.#timers].sort((a, b) => a.at - b.at || a.sequence - b.sequence)[0];
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
