import { milliseconds } from '../../base/duration.js';
import { isJsonObject, type JsonObject, parseJsonObject } from '../../base/json.js';
import type { StoredKey } from '../../cluster/view.js';
import type { Clock } from '../../ports/clock.js';
import { type DcsEvent, DcsUnavailable } from '../../ports/dcs.js';
import type { Random } from '../../ports/random.js';
import { HttpFailure } from '../shared/http-client.js';
import { eventOf } from '../shared/key-events.js';
import { Deadline } from '../shared/retry.js';
import { EtcdV2Error, keyOf } from './answer.js';
import type { EtcdV2Client } from './client.js';

/** Between two tries of a broken watch. */
const RESTART_PAUSE_MS = 500;
/** Budget of opening the stream. */
const OPEN_TIMEOUT_MS = 5000;
/** How long the stream may be behind what a read has shown before it counts as silent. */
const SILENCE_MS = 1000;

export interface WatchOptions {
  readonly client: EtcdV2Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly prefix: string;
  readonly onEvent: (event: DcsEvent) => void;
}

/**
 * Tells of changes below the cluster's path, by one request whose answer does not end. It begins with what happens after it
 * was opened: with an index of the past etcd would tell one event and then nothing. So whatever was missed between two
 * streams is told as `reconnected`, and read. A request for each event would cost as many requests as all members write.
 */
export class Watch {
  readonly #options: WatchOptions;
  readonly #stopping = new AbortController();
  /** Own writes on their way, and the indexes of those that were answered last. */
  readonly #ownWrites = new Map<string, string | undefined>();
  readonly #ownIndexes = new Set<string>();
  /** The highest index that this stream has told, or that was there when it was opened; undefined: not known yet. */
  #seen: bigint | undefined;
  #end: (() => void) | undefined;
  #running: Promise<void> | undefined;
  readonly #tried: Promise<void>;
  #onFirstTry: () => void = () => undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#tried = new Promise<void>((resolve) => {
      this.#onFirstTry = resolve;
    });
  }

  /**
   * @returns when the first try to open the stream has ended, well or not: what a member reads from then on is either followed
   *     by the stream or by a `reconnected`.
   */
  start(): Promise<void> {
    this.#running ??= this.#run();
    return this.#tried;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#end?.();
    await this.#running;
  }

  /** Ends the stream; it is opened anew. */
  restart(): void {
    this.#end?.();
  }

  /** Takes note of what a read has shown: a stream that does not tell of it soon is silent, and opened anew. */
  learn(keys: readonly StoredKey[]): void {
    // A member that only prolongs its key gives it another version, and that is no event.
    const indexes = keys.filter(({ key }) => !key.startsWith('members/')).map(({ version }) => BigInt(version));
    const newest = indexes.reduce((a, b) => (a > b ? a : b), 0n);
    const end = this.#end;
    if (end === undefined) return;
    if (this.#seen === undefined) this.#seen = newest;
    if (newest <= this.#seen) return;
    const cancel = this.#options.clock.after(SILENCE_MS, () => {
      this.#stopping.signal.removeEventListener('abort', cancel);
      if (this.#end === end && this.#seen !== undefined && this.#seen < newest) end();
    });
    this.#stopping.signal.addEventListener('abort', cancel, { once: true });
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
    const { client, clock, random } = this.#options;
    for (let isFirst = true; !this.#stopping.signal.aborted; ) {
      try {
        await this.#follow(() => {
          if (!isFirst) this.#options.onEvent({ kind: 'reconnected' });
          this.#onFirstTry();
        });
      } catch (error) {
        if (!(error instanceof DcsUnavailable || error instanceof EtcdV2Error || error instanceof HttpFailure)) throw error;
        client.moveOn();
      } finally {
        isFirst = false;
        this.#onFirstTry();
      }
      await clock.sleep(RESTART_PAUSE_MS * (0.5 + random.next()), this.#stopping.signal);
    }
  }

  /** One life of the stream: returns when it has ended. */
  async #follow(onOpen: () => void): Promise<void> {
    const { client, clock, random, prefix } = this.#options;
    const deadline = new Deadline(clock, random, { timeoutMs: milliseconds(OPEN_TIMEOUT_MS), signal: this.#stopping.signal });
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      end = () => resolve();
    });
    const onLine = (line: string): void => this.#tell(parseJsonObject(line));
    const stream = await client.follow(prefix.replace(/\/$/, ''), deadline, { onLine, onEnd: end });
    try {
      if (this.#stopping.signal.aborted) return;
      this.#seen = undefined;
      this.#end = end;
      onOpen();
      await ended;
    } finally {
      this.#end = undefined;
      stream.close();
    }
  }

  #tell(event: JsonObject | undefined): void {
    const { prefix, onEvent } = this.#options;
    const node = event?.['node'];
    if (event === undefined || !isJsonObject(node)) {
      this.restart();
      return;
    }
    const index = BigInt(String(node['modifiedIndex'] ?? 0));
    if (this.#seen === undefined || index > this.#seen) this.#seen = index;
    if (node['dir'] === true) {
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
}

const DELETIONS = ['delete', 'compareAndDelete', 'expire'];
