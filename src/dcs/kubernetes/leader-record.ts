import type { Clock } from '../../ports/clock.js';
import type { KubeObject } from './objects.js';

/** What every renewal changes at least one of (dcs.md §14.5). */
const RECORD = ['leader', 'acquireTime', 'ttl', 'renewTime', 'transitions'] as const;

export type RecordKey = (typeof RECORD)[number];

/**
 * Who holds the leader lock, by own observation: a lease without a server that ends it. Whoever sees the record change gives
 * its owner one ttl from then on, by the own monotonic clock; the times in the record are for people. A record that is
 * seen for the first time counts as fresh.
 *
 * The owner counts from before its request, and everybody else from after it: so nobody takes a lease for ended that its
 * owner believes in.
 */
export class LeaderRecord {
  readonly #clock: Clock;
  readonly #onEnd: () => void;
  #ownTtlMs: number;
  #object: KubeObject | undefined;
  #changedAt = Number.NEGATIVE_INFINITY;
  #cancelEnd: (() => void) | undefined;

  /** @param onEnd called when the lease ends unrenewed. */
  constructor(clock: Clock, ownTtlMs: number, onEnd: () => void) {
    this.#clock = clock;
    this.#ownTtlMs = ownTtlMs;
    this.#onEnd = onEnd;
  }

  setOwnTtl(ownTtlMs: number): void {
    this.#ownTtlMs = ownTtlMs;
  }

  /** Tells what the leader's object is now. */
  observe(object: KubeObject | undefined): void {
    const before = this.#object;
    this.#object = object;
    if (object !== undefined && before !== undefined && RECORD.every((key) => object.annotations[key] === before.annotations[key])) return;
    this.#changedAt = object === undefined ? Number.NEGATIVE_INFINITY : this.#clock.monotonic();
    this.#watchEnd();
  }

  /** The owner that the record names, whether or not its lease has ended. */
  get owner(): string | undefined {
    return ownerOf(this.#object);
  }

  /** Monotonic time. */
  get endsAt(): number {
    return this.#changedAt + this.#ttlMs();
  }

  get isValid(): boolean {
    return this.owner !== undefined && this.endsAt >= this.#clock.monotonic();
  }

  stop(): void {
    this.#cancelEnd?.();
  }

  #ttlMs(): number {
    const text = this.#object?.annotations['ttl'] ?? '';
    const seconds = /^\s*\d{1,9}\s*$/.test(text) ? Number(text) : 0;
    return seconds > 0 ? seconds * 1000 : this.#ownTtlMs;
  }

  #watchEnd(): void {
    this.#cancelEnd?.();
    if (this.owner === undefined) return;
    const leftMs = this.endsAt - this.#clock.monotonic();
    this.#cancelEnd = this.#clock.after(Math.max(1, leftMs + 1), () => {
      // Timers may fire a fraction early.
      if (this.isValid) this.#watchEnd();
      else this.#onEnd();
    });
  }
}

/** undefined: nobody; the annotation is gone, or empty. */
export function ownerOf(object: KubeObject | undefined): string | undefined {
  return object?.annotations['leader'] || undefined;
}
