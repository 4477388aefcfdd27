import type { StoredKey } from '../../cluster/view.js';
import type { DcsEvent } from '../../ports/dcs.js';
import { DcsUnavailable } from '../../ports/dcs.js';
import { eventOf } from '../shared/key-events.js';
import type { Connection } from './connection.js';
import { ConnectionFailure, ZooKeeperError } from './errors.js';
import type { ZooKeeperKeys } from './keys.js';
import { isCode, watchBelowRequest } from './protocol.js';

/** For what the watch reads; a server that takes longer is found out by others. */
const TIMEOUT_MS = 10_000;
/** Own writes that were not seen yet, per key. */
const MAX_OWN_WRITES = 8;

export interface WatchOptions {
  readonly keys: ZooKeeperKeys;
  readonly onEvent: (event: DcsEvent) => void;
}

/**
 * Tells changes of the cluster's keys. A server tells that a node has changed, not to what: the keys are read, and
 * compared with what was last seen. Watches end with their connection; on the next one they are set anew, and a read shows
 * what was missed. It holds what was last seen only to find out what has changed; decisions never use it.
 */
export class Watch {
  readonly #options: WatchOptions;
  #connection: Connection | undefined;
  #values: ReadonlyMap<string, string> | undefined;
  #hasBegun = false;
  #isReading = false;
  #isDirty = false;
  #isStopped = false;
  /** `null`: deleted. */
  readonly #ownWrites = new Map<string, (string | null)[]>();

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /**
   * Asks for the watch over a new connection. A server that knows no such request ends the
   * connection, so this comes first.
   */
  async prepare(connection: Connection, timeoutMs: number): Promise<void> {
    const { keys } = this.#options;
    if (!keys.hasGroupReads) return;
    await this.#attempt(async () => {
      await connection.request(watchBelowRequest(keys.folder), timeoutMs).catch((error: unknown) => {
        if (isCode(error, 'unimplemented')) {
          keys.noteOldServer();
          connection.destroy(new Error('the server is older than 3.6: keys are watched one by one'));
        }
        throw error;
      });
    });
  }

  /** Reads what changed while there was no connection. */
  async begin(connection: Connection): Promise<void> {
    this.#connection = connection;
    const isRepeated = this.#hasBegun;
    this.#hasBegun = true;
    await this.#attempt(() => this.#read(connection));
    if (isRepeated && !this.#isStopped) this.#options.onEvent({ kind: 'reconnected' });
  }

  /** A node below the cluster's folder, or the folder itself, is not what it was. */
  noteChange(path: string): void {
    if (this.#options.keys.keyOf(path) === undefined && path !== this.#options.keys.folder) return;
    this.#isDirty = true;
    if (!this.#isReading) void this.#readChanges();
  }

  /** Takes over what a read has shown. */
  learn(found: readonly StoredKey[]): void {
    const before = this.#values;
    const after = new Map(found.map(({ key, value }) => [key, value]));
    this.#values = after;
    if (before === undefined || this.#isStopped) return;
    for (const key of new Set([...before.keys(), ...after.keys()])) {
      const [old, now] = [before.get(key), after.get(key)];
      if (old === now || this.#isOwn(key, now)) continue;
      const event = eventOf(key, old, now);
      if (event !== undefined) this.#options.onEvent(event);
    }
  }

  /** Announces an own write, so that it wakes nobody here. `undefined`: a deletion. */
  ownWrite(key: string, value: string | undefined): void {
    const writes = this.#ownWrites.get(key) ?? [];
    writes.push(value ?? null);
    if (writes.length > MAX_OWN_WRITES) writes.shift();
    this.#ownWrites.set(key, writes);
  }

  /** All that changes during a read is read by the next one. */
  async #readChanges(): Promise<void> {
    this.#isReading = true;
    while (this.#isDirty && !this.#isStopped) {
      this.#isDirty = false;
      const connection = this.#connection;
      if (connection !== undefined) await this.#attempt(() => this.#read(connection));
    }
    this.#isReading = false;
  }

  async #read(connection: Connection): Promise<void> {
    this.learn(await this.#options.keys.readAllFrom(connection, TIMEOUT_MS));
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

  #isOwn(key: string, value: string | undefined): boolean {
    const writes = this.#ownWrites.get(key);
    if (writes === undefined) return false;
    const at = writes.indexOf(value ?? null);
    // What came before has been seen or overwritten; a value of somebody else makes them all the past.
    if (at < 0) this.#ownWrites.delete(key);
    else writes.splice(0, at + 1);
    return at >= 0;
  }
}
