import http from 'node:http';
import type { LookupFunction } from 'node:net';
import { StringDecoder } from 'node:string_decoder';
import type { PeerCertificate } from 'node:tls';
import type { Clock } from '../../ports/clock.js';
import { createLookup } from './dns.js';

/** Answers of a store are small; what is larger is a mistake, and would stay in memory for long. */
const MAX_BODY_BYTES = 2 * 1024 * 1024;
/** First keep-alive probe of an idle connection; Node then probes each second, ten times. */
const TCP_KEEPALIVE_MS = 5000;

export interface TlsSettings {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly rejectUnauthorized?: boolean;
  /** Whose certificate is expected, where it is not that of the address; the result says what is wrong. */
  readonly checkServerIdentity?: (host: string, certificate: PeerCertificate) => Error | undefined;
}

export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Covers name resolution, connecting, headers and body. For a stream: until its headers. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Repeat once on a new connection when an idle one turned out to be closed: only if applying it twice does no harm. */
  readonly isRepeatable?: boolean;
  readonly maxBodyBytes?: number;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  /** It was sent twice: a kept connection was lost before it answered, so the server may have seen it before. */
  readonly isRepeated: boolean;
}

export interface StreamHandlers {
  /** Each complete line, as it arrives. */
  readonly onLine: (line: string) => void;
  /** Once; never after `close`. */
  readonly onEnd: (error: Error | undefined) => void;
}

/** No usable answer. `wasSent` false: the server has certainly not seen the request. */
export class HttpFailure extends Error {
  override readonly name = 'HttpFailure';
  readonly wasSent: boolean;

  constructor(message: string, wasSent: boolean, cause?: unknown) {
    super(message, { cause });
    this.wasSent = wasSent;
  }
}

/** The answer is longer than was allowed: to ask again is of no use, and costs all of it again. */
export class AnswerTooLarge extends HttpFailure {}

interface Attempt {
  readonly request: http.ClientRequest;
  readonly wasSent: () => boolean;
}

/** One server, with one pool of kept connections. */
export class HttpEndpoint {
  readonly #origin: URL;
  readonly #clock: Clock;
  readonly #tls: TlsSettings;
  readonly #lookup: LookupFunction;
  #module: typeof http | undefined;
  #agent: http.Agent | undefined;

  constructor(options: { readonly origin: string; readonly clock: Clock; readonly tls?: TlsSettings }) {
    this.#origin = new URL(options.origin);
    this.#clock = options.clock;
    this.#tls = options.tls ?? {};
    this.#lookup = createLookup({ clock: options.clock });
  }

  /** @throws HttpFailure */
  async request(request: HttpRequest): Promise<HttpResponse> {
    const started = this.#clock.monotonic();
    try {
      return await this.#exchange(request, request.timeoutMs, true);
    } catch (error) {
      const leftMs = request.timeoutMs - (this.#clock.monotonic() - started);
      if (!(error instanceof IdleConnectionLost) || !request.isRepeatable || leftMs <= 0) throw error;
      return { ...(await this.#exchange(request, leftMs, false)), isRepeated: true };
    }
  }

  /** Opens a response that is read line by line for as long as it lasts. @throws HttpFailure unless it began with status 200. */
  async stream(request: HttpRequest, handlers: StreamHandlers): Promise<{ close(): void }> {
    await this.#prepare();
    return new Promise((resolve, reject) => {
      const attempt = this.#send(request, false);
      const cancelDeadline = this.#clock.after(request.timeoutMs, () =>
        attempt.request.destroy(new Error(`no answer within ${Math.round(request.timeoutMs)} ms`)),
      );
      let state: 'opening' | 'open' | 'closed' = 'opening';
      const end = (error: Error | undefined): void => {
        cancelDeadline();
        request.signal?.removeEventListener('abort', abort);
        const previous = state;
        state = 'closed';
        if (previous === 'opening') reject(new HttpFailure(this.#describe(request, error), attempt.wasSent(), error));
        else if (previous === 'open') handlers.onEnd(error);
        attempt.request.destroy();
      };
      const abort = (): void => end(new Error('given up'));
      request.signal?.addEventListener('abort', abort, { once: true });
      if (request.signal?.aborted) abort();
      attempt.request.on('error', end);
      attempt.request.on('close', () => end(undefined));
      attempt.request.on('response', (response) => {
        cancelDeadline();
        request.signal?.removeEventListener('abort', abort);
        response.on('error', end);
        if (response.statusCode !== 200) return end(new Error(`status ${response.statusCode}`));
        state = 'open';
        readLines(
          response,
          (line) => {
            if (state === 'open') handlers.onLine(line);
          },
          end,
        );
        resolve({
          close: () => {
            state = 'closed';
            attempt.request.destroy();
          },
        });
      });
    });
  }

  close(): void {
    this.#agent?.destroy();
  }

  async #prepare(): Promise<void> {
    if (this.#module !== undefined) return;
    // TLS costs 3 MB: loaded only where it is used.
    const module = this.#origin.protocol === 'https:' ? ((await import('node:https')).default as unknown as typeof http) : http;
    this.#agent ??= new module.Agent({ keepAlive: true, maxFreeSockets: 2, timeout: 0 });
    this.#module = module;
  }

  async #exchange(request: HttpRequest, timeoutMs: number, usePool: boolean): Promise<HttpResponse> {
    await this.#prepare();
    return new Promise((resolve, reject) => {
      const attempt = this.#send(request, usePool);
      let hasResponse = false;
      let isSettled = false;
      const settle = (action: () => void): void => {
        if (isSettled) return;
        isSettled = true;
        cancelDeadline();
        request.signal?.removeEventListener('abort', abort);
        action();
      };
      const fail = (error: Error | undefined): void =>
        settle(() => {
          const isIdleLoss = attempt.request.reusedSocket && !hasResponse && isConnectionLoss(error);
          const Failure = isIdleLoss ? IdleConnectionLost : error instanceof TooLarge ? AnswerTooLarge : HttpFailure;
          reject(new Failure(this.#describe(request, error), attempt.wasSent(), error));
          attempt.request.destroy();
        });
      const abort = (): void => fail(new Error('given up'));
      const cancelDeadline = this.#clock.after(timeoutMs, () => fail(new Error(`no complete answer within ${Math.round(timeoutMs)} ms`)));
      request.signal?.addEventListener('abort', abort, { once: true });
      if (request.signal?.aborted) abort();
      attempt.request.on('error', fail);
      attempt.request.on('close', () => fail(new Error('connection closed')));
      attempt.request.on('response', (response) => {
        hasResponse = true;
        response.on('error', fail);
        response.on('aborted', () => fail(new Error('connection closed within the answer')));
        readBody(response, request.maxBodyBytes ?? MAX_BODY_BYTES, fail, (body) =>
          settle(() => resolve({ status: response.statusCode ?? 0, headers: response.headers, body, isRepeated: false })),
        );
      });
    });
  }

  #send(request: HttpRequest, usePool: boolean): Attempt {
    let isSent = false;
    const body = request.body === undefined ? undefined : Buffer.from(request.body);
    const { username, password } = this.#origin;
    const outgoing = (this.#module ?? http).request({
      ...this.#tls,
      protocol: this.#origin.protocol,
      hostname: this.#origin.hostname.replace(/^\[|\]$/g, ''),
      port: this.#origin.port,
      ...(username === '' ? {} : { auth: `${decodeURIComponent(username)}:${decodeURIComponent(password)}` }),
      method: request.method,
      path: request.path,
      headers: { ...request.headers, ...(body === undefined ? {} : { 'content-length': String(body.length) }) },
      lookup: this.#lookup,
      agent: usePool ? (this.#agent ?? false) : false,
    });
    outgoing.on('socket', (socket) => {
      socket.setKeepAlive(true, TCP_KEEPALIVE_MS);
      const ready = this.#origin.protocol === 'https:' ? 'secureConnect' : 'connect';
      if (!socket.connecting && outgoing.reusedSocket) isSent = true;
      else
        socket.once(ready, () => {
          isSent = true;
        });
    });
    outgoing.end(body);
    return { request: outgoing, wasSent: () => isSent };
  }

  #describe(request: HttpRequest, error: Error | undefined): string {
    return `${request.method} ${this.#origin.protocol}//${this.#origin.host}${request.path}: ${error?.message || (error as NodeJS.ErrnoException | undefined)?.code || 'connection closed'}`;
  }
}

class TooLarge extends Error {}

/** A kept connection was closed by the server before it answered: the request may be repeated if that does no harm. */
class IdleConnectionLost extends HttpFailure {}

function isConnectionLoss(error: Error | undefined): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ECONNRESET' || code === 'EPIPE' || error?.message === 'connection closed';
}

function readBody(response: http.IncomingMessage, maxBytes: number, fail: (error: Error) => void, done: (body: string) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  response.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > maxBytes) fail(new TooLarge(`answer larger than ${maxBytes} bytes`));
    else chunks.push(chunk);
  });
  response.on('end', () => done(Buffer.concat(chunks).toString('utf8')));
}

/** A line may be long: a watch tells values, several at once. */
const MAX_LINE_CHARACTERS = 16 * 1024 * 1024;

function readLines(response: http.IncomingMessage, onLine: (line: string) => void, onEnd: (error: Error | undefined) => void): void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  response.on('data', (chunk: Buffer) => {
    rest += decoder.write(chunk);
    if (rest.length > MAX_LINE_CHARACTERS) return onEnd(new Error(`line longer than ${MAX_LINE_CHARACTERS} characters`));
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') onLine(line);
  });
  response.on('end', () => onEnd(undefined));
  response.on('aborted', () => onEnd(new Error('connection closed')));
}
