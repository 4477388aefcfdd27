import { milliseconds } from '../../base/duration.js';
import { isJsonObject, type JsonObject, parseJsonObject } from '../../base/json.js';
import type { StoredKey } from '../../cluster/view.js';
import type { Clock } from '../../ports/clock.js';
import { type DcsEvent, DcsUnavailable } from '../../ports/dcs.js';
import type { Random } from '../../ports/random.js';
import { HttpFailure } from '../shared/http-client.js';
import { eventOf } from '../shared/key-events.js';
import { Deadline } from '../shared/retry.js';
import type { EtcdClient } from './client.js';
import { EtcdError, errorOf } from './errors.js';
import { encode, integerOf, listOf, parseKey, rangeEnd, revisionOf } from './wire.js';

/** Between two tries of a broken watch. */
const RESTART_PAUSE_MS = 500;
/** How long a watch may be behind what a read has shown before it counts as silent. */
const SILENCE_MS = 1000;
/** Budget of opening the watch: a read and the stream's headers. */
const OPEN_TIMEOUT_MS = 5000;

export interface WatchCacheOptions {
  readonly client: EtcdClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly prefix: string;
  readonly onEvent: (event: DcsEvent) => void;
}

/**
 * A copy of the cluster's keys, kept by a watch.
 *
 * States: `closed` → `opening` (read, then watch from the read's revision) → `open` → `opening` when the stream ends,
 * is cancelled, falls silent or belongs to an older raft term. Only in `open`, and only when no answer has told of a newer
 * revision than the copy's, is the copy used; a read decides otherwise. So a watch that is silent without an error
 * (half-open link) costs requests, never correctness. `recent` is for whom an older copy does no harm.
 */
export class WatchCache {
  readonly #options: WatchCacheOptions;
  #keys = new Map<string, StoredKey>();
  #revision = 0n;
  #isOpen = false;
  #isStopped = false;
  #hasBeenOpen = false;
  #messages = 0;
  #term = 0n;
  #clusterId: string | undefined;
  /** When the last request began whose answer the copy agreed with. */
  #confirmedAt = Number.NEGATIVE_INFINITY;
  #endStream: ((error?: Error) => void) | undefined;
  readonly #stopping = new AbortController();
  /** Own writes on their way: their event may come before their answer. */
  readonly #ownWrites = new Map<string, string | undefined>();
  #running: Promise<void> | undefined;

  constructor(options: WatchCacheOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#stopping.abort();
    this.#endStream?.();
    await this.#running;
  }

  /** The copy, if it is certainly as new as everything that was heard of, at the cost of a small read if need be; else undefined. */
  async current(deadline: Deadline): Promise<readonly StoredKey[] | undefined> {
    return (await this.isCurrent(deadline)) ? this.#sorted() : undefined;
  }

  /** The copy, without a request, if it was as new as the store less than `ms` ago and its watch has not ended since; else undefined. */
  recent(ms: number): readonly StoredKey[] | undefined {
    const { client, clock } = this.#options;
    const isSound = this.#isOpen && client.progress.raftTerm <= this.#term && client.progress.clusterId === this.#clusterId;
    return isSound && clock.monotonic() - this.#confirmedAt < ms ? this.#sorted() : undefined;
  }

  /** Whether the copy is certainly as new as everything that was heard of. */
  async isCurrent(deadline: Deadline): Promise<boolean> {
    const { progress } = this.#options.client;
    if (this.#isOpen && (progress.raftTerm > this.#term || progress.clusterId !== this.#clusterId)) this.restart();
    if (this.#isOpen && this.#revision >= progress.revision) return true;
    return this.#confirm(deadline);
  }

  /** A key of the copy. */
  get(key: string): StoredKey | undefined {
    return this.#keys.get(key);
  }

  /** Ends the watch; it begins anew with a read. */
  restart(): void {
    this.#isOpen = false;
    this.#endStream?.();
  }

  /** Reads all keys, linearizable, and brings the copy up to date. */
  async read(deadline: Deadline): Promise<readonly StoredKey[]> {
    const { client, clock, prefix } = this.#options;
    const startedAt = clock.monotonic();
    const { body } = await client.post('/kv/range', { key: encode(prefix), range_end: rangeEnd(prefix) }, deadline, 'repeat');
    const revision = revisionOf(body);
    const keys = listOf(body['kvs']).flatMap((kv) => parseKey(kv, prefix) ?? []);
    if (client.progress.clusterId !== this.#clusterId) {
      // Revisions of another cluster can't be compared with those of the copy.
      if (this.#clusterId !== undefined) this.restart();
      this.#clusterId = client.progress.clusterId;
      this.#revision = 0n;
    }
    if (revision >= this.#revision) {
      this.#confirmedAt = startedAt;
      if (this.#replace(keys, revision) && this.#isOpen) this.#expectMessage();
    }
    return keys;
  }

  /** Announces an own write, so that its event wakes nobody here. Call the result with the revision, or undefined if it failed. */
  ownWrite(key: string, value: string | undefined): (written: { readonly revision: bigint; readonly lease?: string } | undefined) => void {
    this.#ownWrites.set(key, value);
    return (written) => {
      if (this.#ownWrites.get(key) === value) this.#ownWrites.delete(key);
      if (written === undefined) return;
      const known = this.#keys.get(key);
      if (known !== undefined && BigInt(known.version) >= written.revision) return;
      if (this.#revision >= written.revision) return;
      if (value === undefined) this.#keys.delete(key);
      else {
        const stored = { key, value, version: String(written.revision) };
        this.#keys.set(key, written.lease === undefined ? stored : { ...stored, session: written.lease });
      }
      if (written.revision === this.#revision + 1n) this.#revision = written.revision;
    };
  }

  /**
   * Brings the copy up to date with what others have done elsewhere in the store, by a read that costs next to nothing:
   * only what has changed below our path since the copy, without values, and how many keys there are.
   * @returns whether the copy is complete as of this answer; false: read.
   */
  async #confirm(deadline: Deadline): Promise<boolean> {
    const { client, prefix } = this.#options;
    if (!this.#isOpen) return false;
    const startedAt = this.#options.clock.monotonic();
    const [before, known] = [this.#revision, new Map(this.#keys)];
    const range = { key: encode(prefix), range_end: rangeEnd(prefix), min_mod_revision: String(before + 1n), keys_only: true };
    const { body } = await client.post('/kv/range', range, deadline, 'repeat');
    // Everything that is there has the known version, and nothing is missing: so nothing was deleted either.
    const isSame =
      integerOf(body['count']) === BigInt(known.size) &&
      listOf(body['kvs']).every((kv) => {
        const stored = parseKey(kv, prefix);
        return stored !== undefined && known.get(stored.key)?.version === stored.version;
      });
    if (!isSame || !this.#isOpen || client.progress.clusterId !== this.#clusterId) return false;
    const revision = revisionOf(body);
    if (revision > this.#revision) this.#revision = revision;
    this.#confirmedAt = startedAt;
    return true;
  }

  #sorted(): readonly StoredKey[] {
    return [...this.#keys.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      try {
        await this.#follow();
      } catch (error) {
        if (!(error instanceof DcsUnavailable || error instanceof EtcdError || error instanceof HttpFailure)) throw error;
      }
      this.#isOpen = false;
      await this.#options.clock.sleep(RESTART_PAUSE_MS * (0.5 + this.#options.random.next()), this.#stopping.signal);
    }
  }

  /** One life of the watch: returns when the stream has ended. */
  async #follow(): Promise<void> {
    const { client, clock, random, prefix, onEvent } = this.#options;
    const deadline = new Deadline(clock, random, { timeoutMs: milliseconds(OPEN_TIMEOUT_MS), signal: this.#stopping.signal });
    await this.read(deadline);
    this.#term = client.progress.raftTerm;
    let end: (error?: Error) => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      end = () => resolve();
    });
    this.#endStream = end;
    const create = { key: encode(prefix), range_end: rangeEnd(prefix), start_revision: String(this.#revision + 1n) };
    const stream = await client.stream('/watch', { create_request: create }, deadline, {
      onLine: (line) => {
        if (!this.#onLine(line)) end();
      },
      onEnd: end,
    });
    try {
      if (this.#isStopped) return;
      if (this.#hasBeenOpen) onEvent({ kind: 'reconnected' });
      this.#hasBeenOpen = true;
      await ended;
    } finally {
      stream.close();
      this.#isOpen = false;
    }
  }

  /** False: the watch is of no use any more. */
  #onLine(line: string): boolean {
    const result = parseJsonObject(line)?.['result'];
    if (errorOf(200, line) !== undefined || !isJsonObject(result)) return false;
    if (result['canceled'] === true) {
      // With a bad token the stream is opened, cancelled and then left silent.
      this.#options.client.forgetToken();
      return false;
    }
    this.#messages += 1;
    if (result['created'] === true) this.#isOpen = true;
    // The header's revision is the server's and may be ahead of what was delivered: only the events count.
    let delivered = this.#revision;
    for (const event of listOf(result['events'])) {
      const revision = isJsonObject(event) ? this.#apply(event) : 0n;
      if (revision > delivered) delivered = revision;
    }
    this.#revision = delivered;
    return true;
  }

  /** @returns the revision of the event. */
  #apply(event: JsonObject): bigint {
    const stored = parseKey(event['kv'], this.#options.prefix);
    if (stored === undefined) return 0n;
    const revision = BigInt(stored.version);
    const known = this.#keys.get(stored.key);
    // What a read or an own write has brought is not undone by older events that the watch still delivers.
    if (revision <= this.#revision || (known !== undefined && revision <= BigInt(known.version))) return revision;
    const after = event['type'] === 'DELETE' ? undefined : stored.value;
    if (after === undefined) this.#keys.delete(stored.key);
    else this.#keys.set(stored.key, stored);
    this.#tell(stored.key, known?.value, after);
    return revision;
  }

  /** Takes over what a read has shown. @returns whether it showed something that the copy did not have. */
  #replace(keys: readonly StoredKey[], revision: bigint): boolean {
    const before = this.#keys;
    this.#keys = new Map(keys.map((stored) => [stored.key, stored]));
    this.#revision = revision;
    let hasChanged = false;
    for (const key of new Set([...before.keys(), ...this.#keys.keys()])) {
      if (before.get(key)?.version === this.#keys.get(key)?.version) continue;
      hasChanged = true;
      if (this.#hasBeenOpen) this.#tell(key, before.get(key)?.value, this.#keys.get(key)?.value);
    }
    return hasChanged;
  }

  #tell(key: string, before: string | undefined, after: string | undefined): void {
    if (this.#ownWrites.has(key) && this.#ownWrites.get(key) === after) return;
    const event = eventOf(key, before, after);
    if (event !== undefined) this.#options.onEvent(event);
  }

  /** A read was ahead of the watch: that must catch up soon, or it is silent. */
  #expectMessage(): void {
    const messages = this.#messages;
    const end = this.#endStream;
    const cancel = this.#options.clock.after(SILENCE_MS, () => {
      this.#stopping.signal.removeEventListener('abort', cancel);
      if (this.#messages === messages && this.#endStream === end) this.restart();
    });
    this.#stopping.signal.addEventListener('abort', cancel, { once: true });
  }
}
