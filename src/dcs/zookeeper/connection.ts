import { isIP, type Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { Clock } from '../../ports/clock.js';
import { ConnectionFailure, ZooKeeperError } from './errors.js';
import { framed, frames } from './frames.js';
import { JuteReader, JuteWriter } from './jute.js';
import { type Greeting, OpCode, type Request, readGreeting, writeGreeting, Xid } from './protocol.js';

/** A vanished host is noticed by pings; this is for the time without any. */
const TCP_KEEPALIVE_MS = 5000;
/** Sent requests that are remembered for `reportedAt`, at most. */
const MAX_TOUCHES = 64;

export interface Server {
  readonly host: string;
  readonly port: number;
}

export interface TlsOptions extends SecureContextOptions {
  readonly rejectUnauthorized: boolean;
}

/** Who we are, told after each connect. */
export interface Credential {
  readonly scheme: string;
  readonly secret: string;
}

export interface ConnectionOptions {
  /** `host` is an address; `name` is what was configured. */
  readonly server: Server & { readonly name: string };
  readonly tls: TlsOptions | undefined;
  readonly clock: Clock;
  readonly greeting: Greeting;
  readonly credentials: readonly Credential[];
  /** Covers connecting and the server's greeting. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly onChange: (path: string) => void;
}

interface Pending {
  readonly xid: number;
  readonly sentAt: number;
  readonly settle: (error: Error | undefined, answer?: JuteReader) => void;
}

/** The server says that the session is no more. */
export class SessionEnded extends ConnectionFailure {}

/**
 * One connection to one server, for one session.
 *
 * Answers come in the order of the requests. One that does not come in time leaves nothing to hold the next against: the
 * connection ends, and with it everything that still waits. Requests that were under way may have been carried out.
 */
export class Connection {
  readonly sessionId: bigint;
  readonly password: Buffer;
  /** The session's time-out, as the server allows it. */
  readonly timeoutMs: number;
  readonly openedAt: number;
  readonly closed: Promise<Error>;
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #noteClosed: (reason: Error) => void;
  readonly #pending: Pending[] = [];
  readonly #pings: number[] = [];
  readonly #touches: number[] = [];
  #reason: Error | undefined;
  #lastXid = 0;
  #lastSentAt: number;
  #seenZxid: bigint;

  /** @throws ConnectionFailure, SessionEnded */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const startedAt = options.clock.monotonic();
    const socket = await connect(options);
    return new Promise((resolve, reject) => {
      let connection: Connection | undefined;
      const end = (error: Error): void => {
        cancelDeadline();
        options.signal.removeEventListener('abort', abort);
        socket.destroy();
        if (connection === undefined) reject(error instanceof ConnectionFailure ? error : failure(options, error.message, false));
        else connection.destroy(error);
      };
      const abort = (): void => end(new Error('given up'));
      const cancelDeadline = options.clock.after(options.timeoutMs, () => {
        end(new Error(`no greeting within ${Math.round(options.timeoutMs)} ms`));
      });
      options.signal.addEventListener('abort', abort, { once: true });
      if (options.signal.aborted) abort();
      socket.on('error', end);
      socket.on('close', () => end(new Error('connection closed')));
      const onFrame = (frame: Buffer): void => {
        if (connection !== undefined) {
          connection.#take(frame);
          return;
        }
        const greeting = readGreeting(new JuteReader(frame));
        if (greeting.timeoutMs <= 0) {
          end(new SessionEnded(`${where(options)}: the session has ended`, false));
          return;
        }
        cancelDeadline();
        options.signal.removeEventListener('abort', abort);
        connection = new Connection(socket, options, greeting, startedAt);
        resolve(connection);
      };
      socket.on('data', frames(onFrame, end));
      const ready = options.tls === undefined ? 'connect' : 'secureConnect';
      socket.once(ready, () => socket.write(framed(writeGreeting(options.greeting))));
    });
  }

  private constructor(
    socket: Socket,
    options: ConnectionOptions,
    greeting: { readonly sessionId: bigint; readonly password: Buffer; readonly timeoutMs: number },
    openedAt: number,
  ) {
    this.#socket = socket;
    this.#options = options;
    this.sessionId = greeting.sessionId;
    this.password = greeting.password;
    this.timeoutMs = greeting.timeoutMs;
    this.openedAt = openedAt;
    this.#lastSentAt = openedAt;
    this.#seenZxid = options.greeting.seenZxid;
    let noteClosed: (reason: Error) => void = () => undefined;
    this.closed = new Promise((resolve) => {
      noteClosed = resolve;
    });
    this.#noteClosed = noteClosed;
    for (const { scheme, secret } of options.credentials) {
      const body = new JuteWriter().int(0).text(scheme).bytes(Buffer.from(secret, 'utf8'));
      this.#send(Xid.auth, OpCode.auth, body);
    }
  }

  get isOpen(): boolean {
    return this.#reason === undefined;
  }

  get serverName(): string {
    return where(this.#options);
  }

  /** The newest change of the store that an answer has told of. */
  get seenZxid(): bigint {
    return this.#seenZxid;
  }

  get lastSentAt(): number {
    return this.#lastSentAt;
  }

  /** When the last request was sent that the server has answered. */
  get answeredAt(): number {
    return this.#touches.at(-1) ?? this.openedAt;
  }

  /** When the oldest request that still waits was sent. */
  get waitingSince(): number | undefined {
    const oldest = Math.min(this.#pending[0]?.sentAt ?? Number.POSITIVE_INFINITY, this.#pings[0] ?? Number.POSITIVE_INFINITY);
    return oldest === Number.POSITIVE_INFINITY ? undefined : oldest;
  }

  /**
   * The latest time from which on the leader of the ensemble counts the session's time-out at least: a connect is told to
   * it at once, anything else that we send within `delayMs`.
   */
  reportedAt(now: number, delayMs: number): number {
    return this.#touches.findLast((sentAt) => sentAt <= now - delayMs) ?? this.openedAt;
  }

  /** @throws ConnectionFailure; ZooKeeperError for an answer that is an error. */
  request<T>(request: Request<T>, timeoutMs: number, signal?: AbortSignal): Promise<T> {
    const reason = this.#reason;
    if (reason !== undefined) return Promise.reject(failure(this.#options, `${request.what}: ${reason.message}`, false));
    return new Promise((resolve, reject) => {
      const { clock } = this.#options;
      const settle = (error: Error | undefined, answer?: JuteReader): void => {
        cancelDeadline();
        signal?.removeEventListener('abort', abort);
        try {
          if (error !== undefined) throw error;
          resolve(request.parse(answer ?? new JuteReader(Buffer.alloc(0))));
        } catch (problem) {
          if (problem instanceof ZooKeeperError) reject(new ZooKeeperError(problem.code, request.what));
          else reject(failure(this.#options, `${request.what}: ${problem instanceof Error ? problem.message : String(problem)}`, true));
        }
      };
      const cancelDeadline = clock.after(timeoutMs, () => this.destroy(new Error(`no answer within ${Math.round(timeoutMs)} ms`)));
      // The answer still has its place in the order: only the caller stops waiting.
      const abort = (): void => settle(new Error('given up'));
      signal?.addEventListener('abort', abort, { once: true });
      this.#lastXid = (this.#lastXid + 1) & 0x7fffffff;
      this.#pending.push({ xid: this.#lastXid, sentAt: clock.monotonic(), settle });
      this.#send(this.#lastXid, request.type, request.body);
    });
  }

  /** Tells the server that we live. */
  ping(): void {
    if (!this.isOpen) return;
    this.#pings.push(this.#options.clock.monotonic());
    this.#send(Xid.ping, OpCode.ping, new JuteWriter());
  }

  /** Ends the session with all of its nodes; resolves when the server has said so, or the connection is gone. */
  async endSession(timeoutMs: number): Promise<void> {
    const request = { type: OpCode.closeSession, body: new JuteWriter(), what: 'end the session', parse: () => undefined };
    await this.request(request, timeoutMs).catch((error: unknown) => {
      if (!(error instanceof ConnectionFailure || error instanceof ZooKeeperError)) throw error;
    });
    this.destroy(new Error('session ended'));
  }

  destroy(reason: Error): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#socket.destroy();
    for (const { settle } of this.#pending.splice(0)) settle(reason);
    this.#noteClosed(reason);
  }

  #send(xid: number, type: number, body: JuteWriter): void {
    this.#lastSentAt = this.#options.clock.monotonic();
    this.#socket.write(framed(new JuteWriter().int(xid).int(type).record(body).toBuffer()));
  }

  #take(frame: Buffer): void {
    const answer = new JuteReader(frame);
    const [xid, zxid, code] = [answer.int(), answer.long(), answer.int()];
    if (zxid > this.#seenZxid) this.#seenZxid = zxid;
    if (xid === Xid.event) this.#takeEvent(answer);
    else if (xid === Xid.ping) this.#noteTouch(this.#pings.shift());
    else if (xid === Xid.auth) {
      if (code !== 0) this.destroy(new Error('the credentials of auth_data were refused'));
    } else this.#takeAnswer(xid, code, answer);
  }

  #takeAnswer(xid: number, code: number, answer: JuteReader): void {
    const pending = this.#pending.shift();
    if (pending?.xid === xid) {
      this.#noteTouch(pending.sentAt);
      pending.settle(code === 0 ? undefined : new ZooKeeperError(code, ''), answer);
    } else {
      pending?.settle(new Error('answers out of order'));
      this.destroy(new Error('answers out of order'));
    }
  }

  #takeEvent(answer: JuteReader): void {
    const NO_NODE_EVENT = -1;
    const type = answer.int();
    answer.int();
    if (type !== NO_NODE_EVENT) this.#options.onChange(answer.text());
  }

  #noteTouch(sentAt: number | undefined): void {
    if (sentAt === undefined) return;
    this.#touches.push(sentAt);
    if (this.#touches.length > MAX_TOUCHES) this.#touches.shift();
  }
}

async function connect({ server, tls }: ConnectionOptions): Promise<Socket> {
  const { host, port, name } = server;
  const socket =
    tls === undefined
      ? (await import('node:net')).connect({ host, port })
      : (await import('node:tls')).connect({
          ...tls,
          host,
          port,
          // The chain is verified, the name in the certificate is not: as in Patroni, whose client never looks at it.
          checkServerIdentity: () => undefined,
          ...(isIP(name) === 0 ? { servername: name } : {}),
        });
  socket.setNoDelay(true);
  socket.setKeepAlive(true, TCP_KEEPALIVE_MS);
  return socket;
}

function where({ server: { name, port } }: ConnectionOptions): string {
  return `${name.includes(':') ? `[${name}]` : name}:${port}`;
}

function failure(options: ConnectionOptions, message: string, wasSent: boolean): ConnectionFailure {
  return new ConnectionFailure(`${where(options)}: ${message}`, wasSent);
}
