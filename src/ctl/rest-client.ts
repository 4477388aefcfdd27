import { readFileSync } from 'node:fs';
import { type ClientRequest, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { stringifyJson } from '../base/json.js';
import { COMPATIBLE_VERSION } from '../base/version.js';
import type { Clock } from '../ports/clock.js';
import type { Credentials } from '../ports/settings.js';

export interface RestAnswer {
  readonly status: number;
  readonly body: string;
}

/** No answer from a member. `isSent`: the request may have been received and carried out. */
export class RestUnreachable extends Error {
  override readonly name = 'RestUnreachable';
  readonly isSent: boolean;

  constructor(message: string, isSent: boolean, options?: ErrorOptions) {
    super(message, options);
    this.isSent = isSent;
  }
}

/** Requests to the REST API of members. Waits for the answer as long as it takes: a restart or a switchover is slow. */
export interface RestClient {
  /** @param path `/restart`; undefined: the `api_url` itself. @throws RestUnreachable */
  request(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', apiUrl: string, path?: string, body?: unknown): Promise<RestAnswer>;
}

/** TLS and credentials (configuration.md §2.4). */
export interface RestClientSettings {
  readonly authentication: Credentials | undefined;
  readonly isInsecure: boolean;
  readonly cacert: string | undefined;
  readonly certfile: string | undefined;
  readonly keyfile: string | undefined;
  readonly keyfilePassword: string | undefined;
}

const ATTEMPTS = 3;
const CONNECT_TIMEOUT_MS = 10_000;
/** Answers are a sentence or a status document. */
const MAX_BODY = 2 * 1024 * 1024;

export function createRestClient(settings: RestClientSettings, clock: Clock): RestClient {
  return {
    async request(method, apiUrl, path, body) {
      const url = new URL(apiUrl);
      const headers: Record<string, string> = { 'User-Agent': `Patroni/${COMPATIBLE_VERSION} Node.js/${process.versions.node}` };
      const { authentication } = settings;
      if (authentication !== undefined) {
        headers['Authorization'] = `Basic ${Buffer.from(`${authentication.username}:${authentication.password}`).toString('base64')}`;
      }
      const text = body === undefined ? undefined : stringifyJson(body, 'spaced');
      if (text !== undefined) headers['Content-Length'] = String(Buffer.byteLength(text));
      const options: RequestOptions = {
        method,
        host: url.hostname.replace(/^\[|\]$/g, ''),
        port: url.port || (url.protocol === 'https:' ? 443 : 80),
        path: path ?? `${url.pathname}${url.search}`,
        headers,
        agent: false,
        ...(url.protocol === 'https:' ? tlsOptions(settings) : {}),
      };
      for (let attempt = 1; ; attempt++) {
        try {
          return await once(clock, options, url.protocol === 'https:', text);
        } catch (error) {
          // What was sent may have been carried out: a second switchover or restart would be worse than an error.
          if (!(error instanceof RestUnreachable) || error.isSent || attempt === ATTEMPTS) throw error;
        }
      }
    },
  };
}

function tlsOptions(settings: RestClientSettings): object {
  const { certfile, keyfile, cacert, keyfilePassword, isInsecure } = settings;
  return {
    rejectUnauthorized: !(isInsecure && certfile === undefined),
    ...(isInsecure ? { checkServerIdentity: () => undefined } : {}),
    ...(cacert === undefined ? {} : { ca: readFileSync(cacert) }),
    ...(certfile === undefined ? {} : { cert: readFileSync(certfile), key: readFileSync(keyfile ?? certfile) }),
    ...(keyfilePassword === undefined ? {} : { passphrase: keyfilePassword }),
  };
}

function once(clock: Clock, options: RequestOptions, isTls: boolean, body: string | undefined): Promise<RestAnswer> {
  return new Promise((resolve, reject) => {
    let isConnected = false;
    const request: ClientRequest = isTls ? httpsRequest(options) : httpRequest(options);
    const stopWaiting = clock.after(CONNECT_TIMEOUT_MS, () => {
      request.destroy(new Error(`no connection within ${CONNECT_TIMEOUT_MS / 1000} s`));
    });
    const fail = (error: Error): void => {
      stopWaiting();
      const text = error.message || ('code' in error ? String(error.code) : 'connection failed');
      reject(
        new RestUnreachable(`${options.method} ${options.host}:${options.port}${options.path}: ${text}`, isConnected, { cause: error }),
      );
    };
    request.on('socket', (socket) => {
      socket.once(isTls ? 'secureConnect' : 'connect', () => {
        isConnected = true;
        stopWaiting();
        socket.setKeepAlive(true, 5000);
      });
    });
    request.on('error', fail);
    request.on('response', (response: IncomingMessage) => {
      const parts: Buffer[] = [];
      let size = 0;
      response.on('data', (part: Buffer) => {
        size += part.length;
        if (size > MAX_BODY) request.destroy(new Error('answer too long'));
        else parts.push(part);
      });
      response.on('error', fail);
      response.on('end', () => {
        stopWaiting();
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString('utf8') });
      });
    });
    request.end(body);
  });
}
