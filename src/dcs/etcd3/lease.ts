import type { Clock } from '../../ports/clock.js';
import type { Deadline } from '../shared/retry.js';
import type { EtcdClient } from './client.js';
import { EtcdError } from './errors.js';
import { integerOf } from './wire.js';

/** The one lease of this process; it holds the leader and the member key. Identifiers are text: they do not fit a number. */
export class Lease {
  readonly #client: EtcdClient;
  readonly #clock: Clock;
  #id: string | undefined;
  #refreshedAt = 0;
  #ttlMs: number;
  #loopWaitMs: number;

  constructor(client: EtcdClient, clock: Clock, ttlMs: number, loopWaitMs: number) {
    this.#client = client;
    this.#clock = clock;
    this.#ttlMs = ttlMs;
    this.#loopWaitMs = loopWaitMs;
  }

  configure(ttlMs: number, loopWaitMs: number): void {
    // The ttl of a lease is fixed: a new one is granted on next use, the keys move, the old one expires unused.
    if (ttlMs !== this.#ttlMs) this.#id = undefined;
    this.#ttlMs = ttlMs;
    this.#loopWaitMs = loopWaitMs;
  }

  forget(): void {
    this.#id = undefined;
  }

  /**
   * Prolongs the lease; grants one when there is none or it has expired. Without `isForced` a lease that was prolonged
   * within half of `loop_wait` is left alone, so that one cycle costs one request.
   */
  async refresh(deadline: Deadline, options: { readonly isForced: boolean }): Promise<string> {
    const known = this.#id;
    const now = this.#clock.monotonic();
    if (known !== undefined) {
      if (!options.isForced && now - this.#refreshedAt < this.#loopWaitMs / 2) return known;
      const { body } = await this.#client.post('/lease/keepalive', { ID: known }, deadline, 'repeat');
      if (integerOf(body['TTL']) > 0n) {
        this.#refreshedAt = now;
        return known;
      }
      this.#id = undefined;
    }
    const ttlMs = this.#ttlMs;
    const { body } = await this.#client.post('/lease/grant', { TTL: String(Math.ceil(ttlMs / 1000)) }, deadline, 'repeat');
    const id = String(body['ID'] ?? '');
    if (!/^\d+$/.test(id)) throw new EtcdError('unavailable', 'a lease was granted without an identifier');
    // The ttl may have changed while the answer was on its way: this lease serves for once.
    if (ttlMs === this.#ttlMs) {
      this.#id = id;
      this.#refreshedAt = now;
    }
    return id;
  }
}
