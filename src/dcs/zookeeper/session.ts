import type { LookupFunction } from 'node:net';
import type { Timings } from '../../cluster/dynamic-config.js';
import type { Clock } from '../../ports/clock.js';
import type { Log } from '../../ports/log.js';
import type { Random } from '../../ports/random.js';
import { createLookup } from '../shared/dns.js';
import type { Deadline } from '../shared/retry.js';
import { Connection, type ConnectionOptions, type Credential, SessionEnded, type TlsOptions } from './connection.js';
import { ConnectionFailure } from './errors.js';
import { NEW_SESSION } from './protocol.js';
import { type Address, addressesOf, type ServerSource } from './servers.js';

/** Between rounds in which no server could be used: at first, and at most. */
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 1000;
/** A connection that lasted less counts as a failed one: it must not be repeated without a pause. */
const MIN_LIFE_MS = 1000;
/** No attempt to connect, and no answer, is given up earlier than this. */
const MIN_ATTEMPT_MS = 1000;
/** An attempt gets this part of retry_timeout. */
const ATTEMPTS_PER_BUDGET = 3;
/** How often we tell that we live: more often where the session is short. */
const KEEPALIVE_MS = 1500;
const KEEPALIVE_PART = 10;
/** A timer may be late by this part of the keepalive. */
const LATENESS = 0.5;
/**
 * A server tells the leader of the ensemble who lives each half tick. Its tick is not told to clients: 2 s unless set
 * otherwise, and at most half of the shortest session that it allows.
 */
const REPORT_MS = 1000;
const REPORT_PART = 4;
/** A session is kept alive this many loop_waits after the last call: an agent that hangs must lose its keys. */
const ATTENDED_LOOPS = 1.5;

export interface SessionOptions {
  readonly servers: ServerSource;
  readonly tls: TlsOptions | undefined;
  readonly credentials: readonly Credential[];
  readonly timings: Timings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Before a connection is used for anything else. */
  readonly prepare: (connection: Connection, timeoutMs: number) => Promise<void>;
  readonly onConnect: (connection: Connection) => void;
  readonly onChange: (path: string) => void;
}

/**
 * The session of this process, kept over changing connections.
 *
 * States: *connecting* (servers are tried in turn, for ever), *connected*. A lost connection does not end the session:
 * the next one continues it. Only a server's word ends it; then a new session is begun, whose nodes are its own. Nothing
 * is remembered as held by us except what an answer has shown under the session that is asked with.
 *
 * The leader of the ensemble ends a session when nobody has told it for the time-out that the session lives. What a server
 * hears from us reaches the leader later, with its next report. If server and leader lose one another in between, the
 * time-out runs from an earlier moment than our last request: `leaseMs` is shorter by that.
 */
export class Session {
  readonly #options: SessionOptions;
  readonly #lookup: LookupFunction;
  readonly #stopping = new AbortController();
  readonly #waiting = new Set<() => void>();
  #timings: Timings;
  #credentials: readonly Credential[];
  #identity: { readonly sessionId: bigint; readonly password: Buffer } = NEW_SESSION;
  /** The time-out that the session began with: a new leader of the ensemble falls back to it. */
  #firstTimeoutMs = 0;
  #seenZxid = 0n;
  /** Until when an answer has proved the session, by our clock. */
  #provenUntil = 0;
  #current: Connection | undefined;
  #lastServer: Address | undefined;
  #lastFailure = 'not connected yet';
  #attendedAt: number;
  #running: Promise<void> | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#timings = options.timings;
    this.#credentials = options.credentials;
    this.#lookup = createLookup({ clock: options.clock });
    this.#attendedAt = options.clock.monotonic();
  }

  /** How long a lock lasts from before the request that proved it; see above. */
  get leaseMs(): number {
    const { timeoutMs } = this;
    return Math.min(timeoutMs, this.#firstTimeoutMs || timeoutMs) - this.#staleMs(timeoutMs);
  }

  /** The time-out of the session. */
  get timeoutMs(): number {
    return this.#current?.timeoutMs ?? (this.#firstTimeoutMs || this.#timings.ttlMs);
  }

  /** Somebody works with the session: it is worth keeping. */
  attend(): void {
    this.#attendedAt = this.#options.clock.monotonic();
    this.#running ??= this.#run();
  }

  /** The connection, as soon as there is one. @throws ConnectionFailure */
  async connection(deadline: Deadline): Promise<Connection> {
    this.attend();
    while (deadline.remainingMs() > 0 && !this.#stopping.signal.aborted) {
      if (this.#current?.isOpen) return this.#current;
      await this.#nextChange(deadline);
    }
    throw new ConnectionFailure(this.#stopping.signal.aborted ? 'closed' : this.#lastFailure, false);
  }

  /**
   * Waits until a lease that begins now may have its full length: after a pause in which we told nothing, the leader of
   * the ensemble has to hear of us first.
   */
  async freshen(deadline: Deadline): Promise<void> {
    const { clock } = this.#options;
    const connection = await this.connection(deadline);
    const now = clock.monotonic();
    if (now - connection.reportedAt(now, this.#reportMs(connection.timeoutMs)) <= this.#staleMs(connection.timeoutMs)) return;
    connection.ping();
    await clock.sleep(Math.min(this.#reportMs(connection.timeoutMs), deadline.remainingMs()), deadline.signal);
  }

  configure(timings: Timings, credentials: readonly Credential[] | undefined): void {
    const hasOtherTtl = timings.ttlMs !== this.#timings.ttlMs;
    const hasOtherCredentials = credentials !== undefined && JSON.stringify(credentials) !== JSON.stringify(this.#credentials);
    this.#timings = timings;
    this.#credentials = credentials ?? this.#credentials;
    // Time-out and credentials are told with the greeting: the same session goes on over another connection.
    if (hasOtherTtl) this.#current?.destroy(new Error('ttl has changed'));
    else if (hasOtherCredentials) this.#current?.destroy(new Error('auth_data has changed'));
  }

  /** @param isEnded the session ends now; else with its time-out. */
  async close(isEnded: boolean): Promise<void> {
    this.#stopping.abort();
    this.#options.servers.close();
    if (isEnded) await this.#current?.endSession(MIN_ATTEMPT_MS);
    this.#current?.destroy(new Error('closed'));
    this.#noteChange();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#options;
    const { signal } = this.#stopping;
    let pauseMs = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      const startedAt = clock.monotonic();
      const connection = await this.#openAny();
      if (connection !== undefined) {
        this.#lastFailure = (await this.#serve(connection)).message;
        if (clock.monotonic() - startedAt >= MIN_LIFE_MS) {
          pauseMs = FIRST_PAUSE_MS;
          continue;
        }
      }
      await clock.sleep(pauseMs * (0.5 + random.next()), signal);
      pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS);
    }
  }

  /** Tries every server once, the last one used last. */
  async #openAny(): Promise<Connection | undefined> {
    const { servers, random } = this.#options;
    const addresses = await addressesOf(await servers.list(), this.#lookup);
    if (addresses.length === 0) this.#lastFailure = 'no server is known, or no name of one has an address';
    const isLast = ({ host, port }: Address): boolean => host === this.#lastServer?.host && port === this.#lastServer.port;
    const order = addresses
      .map((address) => ({ address, key: isLast(address) ? 1 : random.next() }))
      .sort((a, b) => a.key - b.key)
      .map(({ address }) => address);
    for (const address of order) {
      if (this.#stopping.signal.aborted) return undefined;
      const connection = await this.#open(address);
      if (connection !== undefined) return connection;
    }
    this.#noteChange();
    return undefined;
  }

  async #open(address: Address): Promise<Connection | undefined> {
    const { clock, tls, log, onChange } = this.#options;
    const greeting = { ...this.#identity, timeoutMs: this.#timings.ttlMs, seenZxid: this.#seenZxid };
    const common = { server: address, tls, clock, greeting, credentials: this.#credentials, onChange, signal: this.#stopping.signal };
    try {
      const options = { ...common, timeoutMs: this.#attemptMs() };
      if (this.#identity !== NEW_SESSION && clock.monotonic() > this.#provenUntil) await this.#probe(options);
      const connection = await Connection.open(options);
      if (this.#identity.sessionId !== connection.sessionId) this.#firstTimeoutMs = connection.timeoutMs;
      this.#identity = { sessionId: connection.sessionId, password: connection.password };
      this.#provenUntil = connection.openedAt + connection.timeoutMs;
      this.#lastServer = address;
      return connection;
    } catch (error) {
      if (!(error instanceof ConnectionFailure)) throw error;
      this.#lastFailure = error.message;
      if (!(error instanceof SessionEnded) || this.#identity === NEW_SESSION) return undefined;
      log.warning('our session has ended in ZooKeeper; a new one is made');
      this.#identity = NEW_SESSION;
      return this.#open(address);
    }
  }

  /**
   * A greeting prolongs the session that it names, answered or not: over a link on which answers are late nobody else would
   * ever get our keys. So after its time-out without an answer it is named only to a server that has answered another one.
   */
  async #probe(options: ConnectionOptions): Promise<void> {
    const greeting = { ...options.greeting, ...NEW_SESSION, timeoutMs: MIN_ATTEMPT_MS };
    const probe = await Connection.open({ ...options, greeting, credentials: [] });
    await probe.endSession(options.timeoutMs);
  }

  /** Uses a connection until it ends. @returns why it did. */
  async #serve(connection: Connection): Promise<Error> {
    const { log, prepare, onConnect, clock } = this.#options;
    await prepare(connection, this.#attemptMs());
    if (!connection.isOpen) return connection.closed;
    this.#current = connection;
    log.info(`connected to ZooKeeper at ${connection.serverName}, session time-out ${connection.timeoutMs} ms`);
    const { ttlMs } = this.#timings;
    if (connection.timeoutMs < ttlMs) {
      log.warning(
        `ZooKeeper allows no session over ${connection.timeoutMs} ms (maxSessionTimeout): the lock lasts no longer, ttl is ${ttlMs} ms`,
      );
    }
    let cancelTimer = (): void => undefined;
    const keepAlive = (): void => {
      this.#keepAlive(connection);
      cancelTimer = clock.after(this.#keepaliveMs(connection.timeoutMs), keepAlive);
    };
    keepAlive();
    onConnect(connection);
    this.#noteChange();
    const reason = await connection.closed;
    cancelTimer();
    this.#current = undefined;
    this.#seenZxid = connection.seenZxid;
    this.#provenUntil = connection.answeredAt + connection.timeoutMs;
    if (!this.#stopping.signal.aborted) log.info(`connection to ZooKeeper at ${connection.serverName} ended: ${reason.message}`);
    return reason;
  }

  #keepAlive(connection: Connection): void {
    const now = this.#options.clock.monotonic();
    const patienceMs = Math.max(MIN_ATTEMPT_MS, Math.min(connection.timeoutMs / 4, this.#attemptMs()));
    const { waitingSince } = connection;
    if (waitingSince !== undefined && now - waitingSince > patienceMs) {
      connection.destroy(new Error(`silent for ${Math.round(now - waitingSince)} ms`));
      return;
    }
    const isAttended = now - this.#attendedAt <= ATTENDED_LOOPS * this.#timings.loopWaitMs;
    if (isAttended && now - connection.lastSentAt >= this.#keepaliveMs(connection.timeoutMs) * LATENESS) connection.ping();
  }

  /** For how long before a request the leader of the ensemble may not have heard of us, in the normal course of things. */
  #staleMs(timeoutMs: number): number {
    return this.#reportMs(timeoutMs) + (1 + LATENESS) * this.#keepaliveMs(timeoutMs);
  }

  #keepaliveMs(timeoutMs: number): number {
    return Math.min(KEEPALIVE_MS, timeoutMs / KEEPALIVE_PART);
  }

  #reportMs(timeoutMs: number): number {
    return Math.min(REPORT_MS, timeoutMs / REPORT_PART);
  }

  #attemptMs(): number {
    return Math.max(MIN_ATTEMPT_MS, this.#timings.retryTimeoutMs / ATTEMPTS_PER_BUDGET);
  }

  #nextChange(deadline: Deadline): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        cancelTimer();
        deadline.signal?.removeEventListener('abort', done);
        this.#waiting.delete(done);
        resolve();
      };
      const cancelTimer = this.#options.clock.after(deadline.remainingMs(), done);
      deadline.signal?.addEventListener('abort', done, { once: true });
      this.#waiting.add(done);
    });
  }

  #noteChange(): void {
    for (const notify of [...this.#waiting]) notify();
  }
}
