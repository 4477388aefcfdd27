import { isJsonObject, parseJsonObject } from '../../base/json.js';
import type { Clock } from '../../ports/clock.js';
import type { Log } from '../../ports/log.js';
import type { Deadline } from '../shared/retry.js';
import type { ConsulClient } from './client.js';
import { ConsulError, errorOf } from './errors.js';

/** Consul ends a session only after twice its ttl: half of ours is asked for (dcs.md §11.2). */
const SESSION_TTL_PART = 2;
/** Consul's own least ttl where it does not tell another. */
const DEFAULT_LEAST_TTL_MS = 10_000;
const NANOSECONDS_PER_MS = 1e6;

export interface SessionOptions {
  readonly client: ConsulClient;
  readonly clock: Clock;
  readonly log: Log;
  readonly scope: string;
  readonly name: string;
  readonly checks: readonly string[];
  readonly ttlMs: number;
  readonly loopWaitMs: number;
}

/** The one session of this process; it holds the leader and the member key, and its end deletes them. */
export class Session {
  readonly #options: SessionOptions;
  #id: string | undefined;
  #refreshedAt = 0;
  #ttlMs: number;
  #loopWaitMs: number;
  /** The server's least ttl, once it has refused ours. */
  #leastTtlMs = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#ttlMs = options.ttlMs;
    this.#loopWaitMs = options.loopWaitMs;
  }

  /** The ttl of the session itself: its keys live up to twice as long. */
  get ttlMs(): number {
    return Math.max(this.#ttlMs / SESSION_TTL_PART, this.#leastTtlMs);
  }

  configure(ttlMs: number, loopWaitMs: number): void {
    // The ttl of a session is fixed: a new one is made on next use, the keys move, the old one expires unused.
    if (ttlMs !== this.#ttlMs) this.#id = undefined;
    this.#ttlMs = ttlMs;
    this.#loopWaitMs = loopWaitMs;
  }

  forget(): void {
    this.#id = undefined;
  }

  /**
   * Renews the session; makes one when there is none or it has ended. Without `isForced` a session that was renewed
   * within half of `loop_wait` is left alone, so that one cycle costs one request.
   */
  async refresh(deadline: Deadline, options: { readonly isForced: boolean }): Promise<string> {
    const known = this.#id;
    const now = this.#options.clock.monotonic();
    if (known !== undefined) {
      if (!options.isForced && now - this.#refreshedAt < this.#loopWaitMs / 2) return known;
      if (!this.#isPastLife() && (await this.#renew(known, deadline)) && !this.#isPastLife()) {
        this.#refreshedAt = now;
        return known;
      }
      if (this.#id === known) this.#id = undefined;
    }
    const ttlMs = this.#ttlMs;
    const id = await this.#create(deadline);
    // The ttl may have changed while the answer was on its way: this session serves for once.
    if (ttlMs === this.#ttlMs) {
      this.#id = id;
      this.#refreshedAt = now;
    }
    return id;
  }

  /**
   * Whether Consul may be ending the session. While it does, it still answers renewals with success, and deletes the keys
   * a moment later: such an answer is worth nothing, and a new session is made.
   */
  #isPastLife(): boolean {
    return this.#options.clock.monotonic() - this.#refreshedAt >= SESSION_TTL_PART * this.ttlMs;
  }

  /** @returns false: Consul says that it has ended. */
  async #renew(id: string, deadline: Deadline): Promise<boolean> {
    const request = { method: 'PUT', path: `/v1/session/renew/${id}`, attempts: 'repeat', accept: [404] } as const;
    const { status, body } = await this.#options.client.send(request, deadline);
    if (status === 200) return true;
    if (/^session id .* not found/i.test(body)) return false;
    throw errorOf(status, body);
  }

  async #create(deadline: Deadline): Promise<string> {
    const { client, scope, name, checks } = this.#options;
    const document = { name: `${scope}-${name}`, checks, lockdelay: '0.001s', behavior: 'delete', ttl: secondsText(this.ttlMs) };
    const request = { method: 'PUT', path: '/v1/session/create', body: JSON.stringify(document), attempts: 'repeat' } as const;
    try {
      const { body } = await client.send(request, deadline);
      const id = parseJsonObject(body)?.['ID'];
      if (typeof id !== 'string' || id === '') throw new ConsulError('unavailable', 'a session was created without an identifier');
      return id;
    } catch (error) {
      if (error instanceof ConsulError && error.kind === 'session-ttl') await this.#adoptLeastTtl(deadline);
      throw error;
    }
  }

  /** The server wants longer sessions: the next attempt uses its least ttl. */
  async #adoptLeastTtl(deadline: Deadline): Promise<void> {
    const { client, log } = this.#options;
    const { body } = await client.send({ method: 'GET', path: '/v1/agent/self', attempts: 'once' }, deadline);
    const document = parseJsonObject(body);
    const told = [document?.['DebugConfig'], document?.['Config']]
      .filter(isJsonObject)
      .map((config) => config['SessionTTLMin'])
      .find((value) => value !== undefined && value !== null);
    this.#leastTtlMs = durationMs(told) || DEFAULT_LEAST_TTL_MS;
    log.warning(`Consul allows no session below ${secondsText(this.#leastTtlMs)}: keys live up to ${secondsText(2 * this.#leastTtlMs)}`);
  }
}

/** Nanoseconds, or a text such as `15s` or `1m30s`. */
function durationMs(value: unknown): number | undefined {
  if (typeof value === 'number') return value / NANOSECONDS_PER_MS;
  if (typeof value !== 'string') return undefined;
  const factors: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
  return [...value.matchAll(/([\d.]+)(ms|h|m|s)/g)].reduce((sum, [, n, unit]) => sum + Number(n) * (factors[unit ?? ''] ?? 0), 0);
}

/** As Python writes it: `15.0s`. */
export function secondsText(ms: number): string {
  const seconds = ms / 1000;
  return `${Number.isInteger(seconds) ? seconds.toFixed(1) : seconds}s`;
}
