import { milliseconds } from '../../base/duration.js';
import { isJsonObject, type JsonObject } from '../../base/json.js';
import type { Clock } from '../../ports/clock.js';
import { type DcsEvent, DcsUnavailable } from '../../ports/dcs.js';
import type { Random } from '../../ports/random.js';
import { HttpFailure } from '../shared/http-client.js';
import { eventOf } from '../shared/key-events.js';
import { Deadline } from '../shared/retry.js';
import { EVENTS_CLEARED, KEY_NOT_FOUND, keyOf } from './answer.js';
import { type EtcdV2Client, EtcdV2Refusal } from './client.js';

/** Between two tries of a broken watch. */
const RESTART_PAUSE_MS = 500;
/** Added to a wait, for connecting and the way. */
const GRACE_MS = 2000;

export interface WatchOptions {
  readonly client: EtcdV2Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly prefix: string;
  readonly onEvent: (event: DcsEvent) => void;
  /** No wait is longer: a connection that died in silence is found out by then. */
  readonly longestWaitMs: () => number;
}

/** Tells of changes below the cluster's path: one long request after the other, each from where the last one ended. */
export class Watch {
  readonly #options: WatchOptions;
  readonly #stopping = new AbortController();
  /** Own writes on their way, and the indexes of those that were answered last. */
  readonly #ownWrites = new Map<string, string | undefined>();
  readonly #ownIndexes = new Set<string>();
  #running: Promise<void> | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** Announces an own write, so that it wakes nobody here. Call the result with the key's new index, or undefined if it failed. */
  ownWrite(key: string, value: string | undefined): (version: string | undefined) => void {
    this.#ownWrites.set(key, value);
    return (version) => {
      if (this.#ownWrites.get(key) === value) this.#ownWrites.delete(key);
      if (version === undefined) return;
      this.#ownIndexes.add(version);
      const [oldest] = this.#ownIndexes;
      if (this.#ownIndexes.size > 20 && oldest !== undefined) this.#ownIndexes.delete(oldest);
    };
  }

  async #run(): Promise<void> {
    const { clock, random, onEvent } = this.#options;
    for (let isFirst = true; !this.#stopping.signal.aborted; isFirst = false) {
      try {
        const begin = await this.#index();
        if (!isFirst) onEvent({ kind: 'reconnected' });
        await this.#follow(begin + 1n);
      } catch (error) {
        if (!(error instanceof DcsUnavailable || error instanceof EtcdV2Refusal || error instanceof HttpFailure)) throw error;
        // Events that were not waited for in time are gone from the server's memory: nothing is wrong with it.
        if (error instanceof EtcdV2Refusal && error.code === EVENTS_CLEARED) continue;
        this.#options.client.moveOn();
      }
      await clock.sleep(RESTART_PAUSE_MS * (0.5 + random.next()), this.#stopping.signal);
    }
  }

  /** The store's index now. */
  async #index(): Promise<bigint> {
    const { client, prefix } = this.#options;
    try {
      return (await client.send({ method: 'GET', path: prefix, query: { quorum: 'true' }, attempts: 'repeat' }, this.#deadline())).index;
    } catch (error) {
      // There is nothing yet.
      if (error instanceof EtcdV2Refusal && error.code === KEY_NOT_FOUND) return error.index;
      throw error;
    }
  }

  /** Returns never; ends by an error or at the end. */
  async #follow(begin: bigint): Promise<void> {
    const { client, prefix, longestWaitMs } = this.#options;
    for (let index = begin; !this.#stopping.signal.aborted; ) {
      const limitMs = longestWaitMs();
      const started = this.#options.clock.monotonic();
      try {
        const event = await client.wait(prefix.replace(/\/$/, ''), index, limitMs, this.#deadline(limitMs + GRACE_MS));
        const node = event['node'];
        const at = isJsonObject(node) ? BigInt(String(node['modifiedIndex'] ?? 0)) : 0n;
        if (at >= index) index = at + 1n;
        this.#tell(event);
      } catch (error) {
        const isTimeout = error instanceof HttpFailure && this.#options.clock.monotonic() - started >= limitMs;
        // Nothing happened in all that time.
        if (!isTimeout) throw error;
      }
    }
  }

  #tell(event: JsonObject): void {
    const { prefix, onEvent } = this.#options;
    const node = event['node'];
    if (isJsonObject(node) && node['dir'] === true) {
      onEvent({ kind: 'reconnected' });
      return;
    }
    const stored = keyOf(node, prefix);
    if (stored === undefined || this.#ownIndexes.has(stored.version)) return;
    const after = DELETIONS.includes(String(event['action'])) ? undefined : stored.value;
    if (this.#ownWrites.has(stored.key) && this.#ownWrites.get(stored.key) === after) return;
    const change = eventOf(stored.key, keyOf(event['prevNode'], prefix)?.value, after);
    if (change !== undefined) onEvent(change);
  }

  #deadline(timeoutMs: number = GRACE_MS): Deadline {
    const { clock, random } = this.#options;
    return new Deadline(clock, random, { timeoutMs: milliseconds(timeoutMs), signal: this.#stopping.signal });
  }
}

const DELETIONS = ['delete', 'compareAndDelete', 'expire'];
