import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { connect } from 'node:net';
import { RestApi } from '../../src/api/server.js';
import { nodeClock } from '../../src/platform/node-clock.js';
import type { RestApiSettings } from '../../src/ports/settings.js';
import type { FakeAgentControl } from './fake-agent-control.js';
import { silentLog } from './silent-log.js';

export const SETTINGS: RestApiSettings = {
  listenHost: '127.0.0.1',
  listenPort: 0,
  connectAddress: '127.0.0.1:0',
  authentication: undefined,
  certfile: undefined,
  keyfile: undefined,
  keyfilePassword: undefined,
  cafile: undefined,
  ciphers: undefined,
  verifyClient: 'none',
  allowlist: undefined,
  allowlistIncludeMembers: false,
  httpExtraHeaders: {},
  httpsExtraHeaders: {},
  requestQueueSize: 5,
  serverTokens: 'original',
};

export interface Answer {
  readonly code: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export function portOf(api: RestApi): number {
  const address = api.address();
  if (address === null || typeof address === 'string') throw new Error('the API does not listen');
  return address.port;
}

/** Serves `control` on a free loopback port while `work` runs. */
export async function serving(
  control: FakeAgentControl,
  work: (ask: (method: string, path: string, body?: unknown, options?: RequestOptions) => Promise<Answer>, api: RestApi) => Promise<void>,
  settings: Partial<RestApiSettings> = {},
): Promise<void> {
  const api = new RestApi(control, { ...SETTINGS, ...settings }, silentLog, nodeClock);
  await api.start();
  try {
    await work((method, path, body, options) => ask(portOf(api), method, path, body, options), api);
  } finally {
    await api.stop();
  }
}

/** @param body text as it is, anything else as JSON. TLS when the options name `ca` or `rejectUnauthorized`. */
export function ask(port: number, method: string, path: string, body?: unknown, options: RequestOptions = {}): Promise<Answer> {
  const content = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const headers = { ...(content === undefined ? {} : { 'Content-Length': Buffer.byteLength(content) }), ...options.headers };
  const start = 'ca' in options || 'rejectUnauthorized' in options ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = start({ host: '127.0.0.1', port, method, path, agent: false, ...options, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve({ code: response.statusCode ?? 0, body: text, headers: response.headers }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(content);
  });
}

/** What comes back for these bytes until the server closes. */
export async function raw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  socket.write(bytes);
  await once(socket, 'close');
  return text;
}
