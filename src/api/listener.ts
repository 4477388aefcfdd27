import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Log } from '../ports/log.js';
import type { RestApiSettings } from '../ports/settings.js';
import { page, type Reply } from './reply.js';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A request must be complete, and its headers sooner; long answers (a switchover) are not limited. */
const REQUEST_MS = 30_000;
const HEADERS_MS = 10_000;
/** Bytes of the request line, and of one header line; and how many of these (rest-api.md §1). */
const LONGEST_LINE = 65_536;
const MOST_HEADERS = 100;
/** A refused client may be silent so long, and send so much more, before it is cut off; REQUEST_MS holds for it as well. */
const LINGER_MS = 1000;
const MOST_DRAINED = 16 * 1_048_576;
/** Load balancers ask without `Host`. Lines that are a little too long come through the parser, so that they get the right answer. */
const OPTIONS = { requireHostHeader: false, maxHeaderSize: 2 * LONGEST_LINE };
/** Idle connections of load balancers that keep them. */
const KEEP_ALIVE_MS = 60_000;

/** The listening socket, plain or TLS. A certificate that was renewed on disk is taken over without closing it. */
export class Listener {
  private readonly log: Log;
  private readonly handler: Handler;
  private server: Server | undefined;
  private serial: string | undefined;

  constructor(handler: Handler, log: Log) {
    this.handler = handler;
    this.log = log;
  }

  get address(): ReturnType<Server['address']> {
    return this.server?.address() ?? null;
  }

  /** @throws Error that names the address when it can't be bound, or the file when TLS can't be set up. */
  async open(settings: RestApiSettings): Promise<void> {
    const handler: Handler = (request, response) => {
      // A connection of a socket that was given up ends with its next answer, else it would keep the old certificate for ever.
      if (this.server !== server) response.shouldKeepAlive = false;
      const excess = excessOf(request);
      if (excess === undefined) this.handler(request, response);
      else refuse(request, response, excess);
    };
    const server = settings.certfile === undefined ? createServer(OPTIONS, handler) : await this.createTls(settings, handler);
    server.requestTimeout = REQUEST_MS;
    server.headersTimeout = HEADERS_MS;
    server.keepAliveTimeout = KEEP_ALIVE_MS;
    server.on('clientError', answerBadRequest);
    server.on('connect', (_, socket) =>
      answerRaw(socket, 'Not Implemented', page(501, "Server does not support this operation ('CONNECT')")),
    );
    await bind(server, settings);
    server.on('error', (error) => this.log.warning('REST API socket failed', error));
    this.server = server;
  }

  /** Ends everything, requests that wait for their result included. */
  close(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    return new Promise((resolve) => {
      if (server === undefined) return resolve();
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  /** Gives the address up; requests that are being answered get their answer. */
  stopListening(): void {
    this.server?.close();
    this.server?.closeIdleConnections();
    this.server = undefined;
  }

  /** Takes the certificate from disk when its serial number changed. The old one stays when the new one is unusable. */
  renewCertificate(settings: RestApiSettings): void {
    if (settings.certfile === undefined || this.server === undefined) return;
    try {
      const serial = serialOf(settings.certfile);
      if (serial === this.serial) return;
      (this.server as TlsServer).setSecureContext(tlsOptions(settings));
      this.serial = serial;
      this.log.info('REST API certificate was changed on disk and is in use now');
    } catch (error) {
      this.log.error('REST API certificate could not be read again, the old one stays', error);
    }
  }

  private async createTls(settings: RestApiSettings, handler: Handler): Promise<Server> {
    const { createServer: createTlsServer } = await import('node:https');
    const verifies = settings.verifyClient !== 'none';
    const options = {
      ...OPTIONS,
      ...tlsOptions(settings),
      requestCert: verifies,
      rejectUnauthorized: settings.verifyClient === 'required',
    };
    const server = createTlsServer(options, handler);
    this.serial = settings.certfile === undefined ? undefined : serialOf(settings.certfile);
    return server as unknown as Server;
  }
}

/** The code for a request with too much before its body. */
function excessOf({ url = '', method = '', rawHeaders }: IncomingMessage): 414 | 431 | undefined {
  if (method.length + url.length + ' '.length + ' HTTP/1.1'.length > LONGEST_LINE) return 414;
  if (rawHeaders.length / 2 > MOST_HEADERS) return 431;
  const isTooLong = rawHeaders.some(
    (name, at) => at % 2 === 0 && name.length + (rawHeaders[at + 1]?.length ?? 0) + ': '.length > LONGEST_LINE,
  );
  return isTooLong ? 431 : undefined;
}

/** Its body is not read: the connection ends with the answer. */
function refuse(request: IncomingMessage, response: ServerResponse, code: 414 | 431): void {
  const { contentType, body } = page(code);
  request.resume();
  response
    .writeHead(code, ['Connection', 'close', 'Content-Type', contentType, 'Content-Length', String(Buffer.byteLength(body))])
    .end(body);
}

/** What node's parser refuses: an unknown method, too long headers, bad syntax. A failed handshake or a reset gets no answer. */
function answerBadRequest(error: Error & { readonly code?: string; readonly rawPacket?: Buffer }, socket: Duplex): void {
  const isOfParser = error.code?.startsWith('HPE_') === true;
  // It goes on sending after its answer: cut off at once it might not read that.
  if (isOfParser && socket.writableEnded && !socket.destroyed && (socket as Socket).bytesRead < MOST_DRAINED) return;
  if (!socket.writable || !isOfParser) {
    socket.destroy();
    return;
  }
  const isInRequestLine = error.code === 'HPE_HEADER_OVERFLOW' && /^[A-Z]+ [^\n]*$/.test(error.rawPacket?.toString('latin1') ?? '');
  const known = isInRequestLine ? TOO_LONG : PARSER_ERRORS[error.code ?? ''];
  const [code, reason, explanation = reason] = known ?? [400, 'Bad Request'];
  answerRaw(socket, reason, page(code, explanation));
}

const TOO_LONG = [414, 'URI Too Long', undefined] as const;
/** By the code of node's parser; everything else is 400. */
const PARSER_ERRORS: Readonly<Record<string, readonly [code: number, reason: string, explanation?: string]>> = {
  HPE_INVALID_METHOD: [501, 'Not Implemented', 'Server does not support this operation'],
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large'],
  HPE_INVALID_VERSION: [505, 'HTTP Version Not Supported'],
};

function answerRaw(socket: Duplex, reason: string, reply: Reply): void {
  socket.on('error', () => socket.destroy());
  (socket as Socket).setTimeout(LINGER_MS, () => socket.destroy());
  const head = `HTTP/1.1 ${reply.code} ${reason}\r\nConnection: close\r\nContent-Type: ${reply.contentType}\r\nContent-Length: ${Buffer.byteLength(reply.body)}`;
  socket.end(`${head}\r\n\r\n${reply.body}`);
}

function tlsOptions(settings: RestApiSettings) {
  const cert = settings.certfile === undefined ? undefined : readFileSync(settings.certfile);
  const key = settings.keyfile === undefined ? cert : readFileSync(settings.keyfile);
  return {
    cert,
    key,
    ...(settings.keyfilePassword === undefined ? {} : { passphrase: settings.keyfilePassword }),
    // Without a list of our own nobody is verified: node's default would let in whom any public authority knows.
    ca: settings.cafile === undefined ? [] : readFileSync(settings.cafile),
    ...(settings.ciphers === undefined ? {} : { ciphers: settings.ciphers }),
  };
}

function serialOf(certfile: string): string {
  return new X509Certificate(readFileSync(certfile)).serialNumber;
}

/** All addresses: the dual-stack socket, or IPv4 where the machine has no IPv6. */
async function bind(server: Server, settings: RestApiSettings): Promise<void> {
  const { listenHost, listenPort, requestQueueSize } = settings;
  const hosts = listenHost === '' || listenHost === '*' ? ['::', '0.0.0.0'] : [listenHost];
  let cause: unknown;
  for (const host of hosts) {
    try {
      await listen(server, host, listenPort, requestQueueSize);
      return;
    } catch (error) {
      cause = error;
      if (!hasCode(error, 'EAFNOSUPPORT') && !hasCode(error, 'EADDRNOTAVAIL')) break;
    }
  }
  throw new Error(`Couldn't start a service on '${listenHost}:${listenPort}', please check your \`restapi.listen\` configuration`, {
    cause,
  });
}

function listen(server: Server, host: string, port: number, backlog: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
