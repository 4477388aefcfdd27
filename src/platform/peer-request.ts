import { readFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders, type RequestOptions } from 'node:http';
import type { Clock } from '../ports/clock.js';
import type { CtlSettings } from '../ports/settings.js';

/** No answer of a member is longer. */
const MAX_ANSWER_BYTES = 1_048_576;

/** No usable answer: network, TLS, deadline, an address that is none, or key files that can't be read. */
export class PeerFailure extends Error {
  override readonly name = 'PeerFailure';
}

export interface PeerRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly timeoutMs: number;
  readonly body?: string;
}

export interface PeerAnswer {
  readonly code: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/**
 * One request to another member (rest-api.md §12). The server's certificate is verified only when we present one, and its
 * host name never is: members are addressed by whatever they publish.
 * @throws PeerFailure, and nothing else, for what the network and the settings may do.
 */
export async function askPeer(ctl: CtlSettings, clock: Clock, asked: PeerRequest): Promise<PeerAnswer> {
  if (!/^https?:\/\//.test(asked.url) || !URL.canParse(asked.url)) throw new PeerFailure('the address is no http(s) URL');
  const { body = '' } = asked;
  const auth = ctl.authentication && `${ctl.authentication.username}:${ctl.authentication.password}`;
  const options: RequestOptions = {
    method: asked.method,
    agent: false,
    headers: { 'User-Agent': 'Patroni', ...(asked.method === 'POST' ? { 'Content-Length': Buffer.byteLength(body) } : {}) },
    ...(auth === undefined ? {} : { auth }),
  };
  if (!asked.url.startsWith('https:')) return exchange(httpRequest, options, clock, asked);
  // Loaded when needed only: TLS costs memory that plain clusters keep.
  const { request } = await import('node:https');
  return exchange(request, { ...options, ...(await tlsOptions(ctl)) }, clock, asked);
}

async function tlsOptions(ctl: CtlSettings): Promise<object> {
  const common = { rejectUnauthorized: ctl.certfile !== undefined, checkServerIdentity: () => undefined };
  if (ctl.certfile === undefined) return common;
  try {
    return {
      ...common,
      cert: await readFile(ctl.certfile),
      key: await readFile(ctl.keyfile ?? ctl.certfile),
      ...(ctl.cacert === undefined ? {} : { ca: await readFile(ctl.cacert) }),
      ...(ctl.keyfilePassword === undefined ? {} : { passphrase: ctl.keyfilePassword }),
    };
  } catch (cause) {
    throw new PeerFailure('the files of the client certificate can not be read', { cause });
  }
}

function exchange(start: typeof httpRequest, options: RequestOptions, clock: Clock, asked: PeerRequest): Promise<PeerAnswer> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      cancel();
      reject(new PeerFailure(`${asked.method} failed: ${cause.message}`, { cause }));
    };
    const request = start(asked.url, options, (response) => {
      const parts: Buffer[] = [];
      let size = 0;
      response.on('error', fail);
      response.on('data', (part: Buffer) => {
        size += part.length;
        if (size > MAX_ANSWER_BYTES) request.destroy(new Error(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`));
        else parts.push(part);
      });
      response.on('end', () => {
        cancel();
        resolve({ code: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts).toString('utf8') });
      });
    });
    const cancel = clock.after(asked.timeoutMs, () => request.destroy(new Error(`no answer within ${asked.timeoutMs} ms`)));
    request.on('error', fail);
    request.end(asked.method === 'POST' ? asked.body : undefined);
  });
}
