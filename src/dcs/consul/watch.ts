import type { StoredKey } from '../../cluster/view.js';
import type { Clock } from '../../ports/clock.js';
import type { DcsEvent } from '../../ports/dcs.js';
import type { Random } from '../../ports/random.js';
import { HttpFailure } from '../shared/http-client.js';
import { eventOf } from '../shared/key-events.js';
import { OwnWrites } from '../shared/own-writes.js';
import { ConsulError } from './errors.js';
import type { ConsulKeys, Snapshot } from './keys.js';

/**
 * How long Consul may hold a query back while nothing changes: the longest that it knows, since each end costs an answer with all
 * keys. It adds up to a sixteenth, and the answer's way. A query that died in silence is found out by a read, not by its end.
 */
const WAIT_MS = 600_000;
const TIMEOUT_MS = WAIT_MS * (17 / 16) + 3000;
/** Between two tries of a broken watch. */
const RESTART_PAUSE_MS = 500;
/** After an answer that told nothing new: below a path without keys each write elsewhere in Consul ends the query. */
const IDLE_PAUSE_MS = 200;
/** How long a query may be behind what a read has shown before it counts as silent. */
const SILENCE_MS = 1000;

export interface WatchOptions {
  readonly keys: ConsulKeys;
  readonly clock: Clock;
  readonly random: Random;
  readonly onEvent: (event: DcsEvent) => void;
}

/**
 * Tells changes of the cluster's keys, by blocking queries on all of them. It holds what was last seen only to find out
 * what has changed; reads never use it. So a query that is silent without an error costs time, never correctness; a read
 * that shows more than the query has told makes it begin anew.
 */
export class Watch {
  readonly #options: WatchOptions;
  readonly #stopping = new AbortController();
  #values: ReadonlyMap<string, string> | undefined;
  #index = '0';
  #query: AbortController | undefined;
  #running: Promise<void> | undefined;
  readonly #ownWrites = new OwnWrites();

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#query?.abort();
    await this.#running;
  }

  /** Takes over what a read has shown. */
  learn(snapshot: Snapshot): void {
    const query = this.#query;
    if (!this.#replace(snapshot) || query === undefined) return;
    const cancel = this.#options.clock.after(SILENCE_MS, () => {
      this.#stopping.signal.removeEventListener('abort', cancel);
      if (this.#query === query) query.abort();
    });
    this.#stopping.signal.addEventListener('abort', cancel, { once: true });
  }

  /** Announces an own write, so that it wakes nobody here. `undefined`: a deletion. */
  ownWrite(key: string, value: string | undefined): void {
    this.#ownWrites.announce(key, value);
  }

  async #run(): Promise<void> {
    const { clock, random, onEvent } = this.#options;
    const { signal } = this.#stopping;
    let isBroken = false;
    while (!signal.aborted) {
      try {
        const hasNews = await this.#ask();
        if (isBroken) onEvent({ kind: 'reconnected' });
        isBroken = false;
        if (!hasNews) await clock.sleep(IDLE_PAUSE_MS, signal);
      } catch (error) {
        if (!(error instanceof ConsulError || error instanceof HttpFailure)) throw error;
        isBroken = true;
        this.#index = '0';
        await clock.sleep(RESTART_PAUSE_MS * (0.5 + random.next()), signal);
      }
    }
  }

  /** One query. @returns whether it told something new. */
  async #ask(): Promise<boolean> {
    const query = new AbortController();
    this.#query = query;
    try {
      const options = { index: this.#index, waitMs: WAIT_MS, timeoutMs: TIMEOUT_MS, signal: query.signal };
      const snapshot = await this.#options.keys.waitForChange(options);
      // An index that goes back is that of another history: the next query does not wait.
      const isBack = BigInt(snapshot.index) < BigInt(this.#index);
      const hasNews = this.#replace(snapshot, true);
      this.#index = isBack || snapshot.index === '0' ? '0' : snapshot.index;
      return hasNews;
    } finally {
      this.#query = undefined;
    }
  }

  /** @returns whether something is different, own writes aside. */
  #replace({ keys, index }: Snapshot, isFromQuery = false): boolean {
    // A read that was overtaken by the query tells of the past.
    if (!isFromQuery && this.#values !== undefined && BigInt(index) < BigInt(this.#index)) return false;
    const before = this.#values;
    const after = new Map(keys.map(({ key, value }: StoredKey) => [key, value]));
    this.#values = after;
    if (before === undefined) return false;
    let hasChanged = false;
    for (const key of new Set([...before.keys(), ...after.keys()])) {
      const [old, now] = [before.get(key), after.get(key)];
      if (old === now || this.#ownWrites.explain(key, now)) continue;
      hasChanged = true;
      const event = eventOf(key, old, now);
      if (event !== undefined) this.#options.onEvent(event);
    }
    return hasChanged;
  }
}
