import type { StoredKey } from '../../cluster/view.js';
import type { Clock } from '../../ports/clock.js';
import { type DcsEvent, DcsUnavailable } from '../../ports/dcs.js';
import { eventOf } from '../shared/key-events.js';
import { OwnWrites } from '../shared/own-writes.js';
import type { Connection } from './connection.js';
import { ConnectionFailure, ZooKeeperError } from './errors.js';
import type { ZooKeeperKeys } from './keys.js';
import { isCode, watchBelowRequest } from './protocol.js';

/** Everything is read anew after so long: a server that forgot a watch must not be believed for ever. */
const REREAD_MS = 60_000;
/** Keys that change faster than they are read are read all at once after so many tries. */
const MAX_ROUNDS = 3;

export interface WatchedCopyOptions {
  readonly keys: ZooKeeperKeys;
  readonly clock: Clock;
  readonly onEvent: (event: DcsEvent) => void;
}

/**
 * A copy of the cluster's keys, kept by a watch on their folder, for the length of a connection.
 *
 * A server sends what it tells of a change before any answer that knows of that change, on the same connection. So one
 * small read proves the copy: when its answer is there, every key that had changed by then has been named. A watch tells that a
 * node has changed, not to what: named keys are read. Reads go one after the other, so that none brings back an older value.
 *
 * Servers before 3.6 have no such watch: there everything is read each time, and each read asks to be told of the next change.
 */
export class WatchedCopy {
  readonly #options: WatchedCopyOptions;
  #connection: Connection | undefined;
  /** The connection whose watch was confirmed. */
  #watched: Connection | undefined;
  /** Budget of a read that nobody waits for. */
  #timeoutMs = 0;
  #keys: ReadonlyMap<string, StoredKey> | undefined;
  /** The keys are those of this connection; undefined: they show no more than what was last seen. */
  #copyOf: Connection | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  /** Changed since they were read. */
  #named = new Set<string>();
  #hasBegun = false;
  #isStopped = false;
  /** Ends when the read that runs has ended. */
  #turn: Promise<unknown> = Promise.resolve();
  #isReadPlanned = false;
  readonly #ownWrites = new OwnWrites();

  constructor(options: WatchedCopyOptions) {
    this.#options = options;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Asks for the watch over a new connection. A server that knows no such request ends the connection, so this comes first. */
  async prepare(connection: Connection, timeoutMs: number): Promise<void> {
    const { keys } = this.#options;
    this.#timeoutMs = timeoutMs;
    if (!keys.hasGroupReads) return;
    await this.#attempt(async () => {
      await connection.request(watchBelowRequest(keys.folder), timeoutMs).catch((error: unknown) => {
        if (isCode(error, 'unimplemented')) {
          keys.noteOldServer();
          connection.destroy(new Error('the server is older than 3.6: keys are watched one by one'));
        }
        throw error;
      });
      this.#watched = connection;
    });
  }

  /** Reads what changed while there was no connection. */
  async begin(connection: Connection): Promise<void> {
    this.#connection = connection;
    const isRepeated = this.#hasBegun;
    this.#hasBegun = true;
    await this.#attempt(() => this.#inTurn(() => this.#readAll(connection, this.#timeoutMs)));
    if (isRepeated && !this.#isStopped) this.#options.onEvent({ kind: 'reconnected' });
  }

  /** All keys as the server has them, at the cost of one small read if nothing has changed. */
  async current(connection: Connection, timeoutMs: number, signal?: AbortSignal): Promise<readonly StoredKey[]> {
    await this.#inTurn(async () => {
      if (signal?.aborted) throw new ConnectionFailure('given up', false);
      if (!(await this.#isProven(connection, timeoutMs, signal))) await this.#readAll(connection, timeoutMs, signal);
    });
    return [...(this.#keys ?? new Map<string, StoredKey>()).values()];
  }

  /** A node below the cluster's folder, or the folder itself, is not what it was. */
  noteChange(path: string): void {
    const { keys } = this.#options;
    const affected = keys.affectedBy(path);
    if (affected === undefined || !keys.hasGroupReads) this.#copyOf = undefined;
    else if (affected.length === 0) return;
    for (const key of affected ?? []) this.#named.add(key);
    this.#planRead();
  }

  /** Announces an own write, so that it wakes nobody here. `undefined`: a deletion. */
  ownWrite(key: string, value: string | undefined): void {
    this.#ownWrites.announce(key, value);
  }

  async #isProven(connection: Connection, timeoutMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    const { keys, clock } = this.#options;
    if (this.#copyOf !== connection || clock.monotonic() - this.#readAt > REREAD_MS) return false;
    const [leader] = await keys.readFrom(connection, ['leader'], timeoutMs, signal);
    if (!this.#named.has('leader') && !isSame(leader, this.#keys?.get('leader'))) return false;
    for (let round = 0; this.#named.size > 0 && this.#copyOf === connection; round += 1) {
      if (round === MAX_ROUNDS) return false;
      await this.#readNamed(connection, timeoutMs, signal);
    }
    return this.#copyOf === connection;
  }

  async #readAll(connection: Connection, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const { keys, clock } = this.#options;
    const startedAt = clock.monotonic();
    // What is named from here on is read again, even if this read knows of it.
    this.#named = new Set();
    // A folder that comes or goes meanwhile takes this back.
    this.#copyOf = this.#watched === connection ? connection : undefined;
    try {
      const found = await keys.readAllFrom(connection, timeoutMs, signal);
      this.#readAt = startedAt;
      this.#learn(new Map(found.map((stored) => [stored.key, stored])));
    } catch (error) {
      this.#copyOf = undefined;
      throw error;
    }
  }

  async #readNamed(connection: Connection, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const names = [...this.#named];
    this.#named = new Set();
    try {
      const found = await this.#options.keys.readFrom(connection, names, timeoutMs, signal);
      const after = new Map(this.#keys);
      for (const name of names) after.delete(name);
      for (const stored of found) after.set(stored.key, stored);
      this.#learn(after);
    } catch (error) {
      this.#copyOf = undefined;
      throw error;
    }
  }

  /** All that is named during a read is read by the next one. */
  #planRead(): void {
    if (this.#isReadPlanned || this.#isStopped) return;
    this.#isReadPlanned = true;
    void this.#attempt(() =>
      this.#inTurn(async () => {
        this.#isReadPlanned = false;
        const connection = this.#connection;
        if (connection === undefined || this.#isStopped) return;
        if (this.#copyOf !== connection) await this.#readAll(connection, this.#timeoutMs);
        else if (this.#named.size > 0) await this.#readNamed(connection, this.#timeoutMs);
      }),
    );
  }

  /** After what runs already. That ends by itself: its requests have time-outs. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  /** Takes over what a read has shown, and tells what is new in it. */
  #learn(after: ReadonlyMap<string, StoredKey>): void {
    const before = this.#keys;
    this.#keys = after;
    if (before === undefined || this.#isStopped) return;
    for (const key of new Set([...before.keys(), ...after.keys()])) {
      const [old, now] = [before.get(key)?.value, after.get(key)?.value];
      if (old === now || this.#ownWrites.explain(key, now)) continue;
      const event = eventOf(key, old, now);
      if (event !== undefined) this.#options.onEvent(event);
    }
  }

  /** What fails here is not lost: the next connection, or the next read of the cluster, shows it. */
  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const isExpected = error instanceof ConnectionFailure || error instanceof ZooKeeperError || error instanceof DcsUnavailable;
      if (!isExpected) throw error;
    }
  }
}

function isSame(one: StoredKey | undefined, other: StoredKey | undefined): boolean {
  return one?.modifyVersion === other?.modifyVersion && one?.session === other?.session && one?.value === other?.value;
}
