import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { AssertionFailed } from '../base/assert.js';
import { deepEqualByText } from '../base/python-values.js';
import { COMPATIBLE_VERSION } from '../base/version.js';
import type { AgentControl, AgentSnapshot } from '../ports/agent-control.js';
import type { Clock } from '../ports/clock.js';
import { DcsUnavailable } from '../ports/dcs.js';
import type { Log } from '../ports/log.js';
import type { RestApiSettings } from '../ports/settings.js';
import { Access } from './access.js';
import { readBody } from './body.js';
import { isHealthy } from './health.js';
import { Listener } from './listener.js';
import { json, page, Refusal, type Reply, text } from './reply.js';
import { patchConfig, putConfig } from './routes/config.js';
import { getDocument } from './routes/documents.js';
import { acceptFailsafe, refuseFailsafe } from './routes/failsafe.js';
import { deleteRestart, reinitialize, restart } from './routes/server.js';
import { deleteSwitchover, requestLeader } from './routes/switchover.js';
import { statusDocument } from './status-document.js';

/** Lag may be judged by positions of this age. */
const LAG_AGE_MS = 1000;
/** Health checks of one snapshot that are kept ready: load balancers ask the same few again and again. */
const MAX_READY = 64;
/** So many requests within the time below are more than load balancers and monitoring ask. */
const BUSY_REQUESTS = 1000;
const BUSY_MS = 1000;
/** Settings whose change needs a new socket. */
const SOCKET_SETTINGS = [
  'listenHost',
  'listenPort',
  'certfile',
  'keyfile',
  'keyfilePassword',
  'cafile',
  'ciphers',
  'verifyClient',
] as const;

interface Ready {
  readonly code: number;
  readonly body: Buffer;
}

/** The REST API of a member (rest-api.md). Health checks are answered from the agent's snapshot: no query, no store. */
export class RestApi {
  private readonly control: AgentControl;
  private readonly log: Log;
  private readonly clock: Clock;
  private readonly listener: Listener;
  private settings: RestApiSettings;
  private access: Access;
  private readyFor: AgentSnapshot | undefined;
  private readonly ready = new Map<string, Ready>();
  private extraHeaders: readonly string[] = [];
  private readonly onBusy: () => void;
  private requests = 0;
  private countedFrom = 0;

  /** @param onBusy called when the API is asked more than a thousand times a second. */
  constructor(control: AgentControl, settings: RestApiSettings, log: Log, clock: Clock, onBusy: () => void = () => undefined) {
    this.onBusy = onBusy;
    this.control = control;
    this.log = log;
    this.clock = clock;
    this.settings = settings;
    this.access = new Access(settings, log);
    this.extraHeaders = headersOf(settings);
    this.listener = new Listener((request, response) => this.handle(request, response), log);
  }

  /** Binds the socket. @throws Error with the text of configuration.md §4.7 when that is not possible. */
  start(): Promise<void> {
    return this.listener.open(this.settings);
  }

  stop(): Promise<void> {
    return this.listener.close();
  }

  address(): ReturnType<Server['address']> {
    return this.listener.address;
  }

  /** Applies changed settings; a renewed certificate is taken over in any case. @throws Error as `start`. */
  async reload(settings: RestApiSettings): Promise<void> {
    const before = this.settings;
    if (!deepEqualByText(before, settings)) this.apply(settings);
    if (SOCKET_SETTINGS.some((name) => before[name] !== settings[name])) {
      await this.reopen(before, settings);
    } else this.listener.renewCertificate(settings);
  }

  private apply(settings: RestApiSettings): void {
    this.settings = settings;
    this.access = new Access(settings, this.log);
    this.extraHeaders = headersOf(settings);
    this.readyFor = undefined;
  }

  /** Without an open socket nobody could steer this member: when the new one can't be had the old one is opened again. */
  private async reopen(before: RestApiSettings, settings: RestApiSettings): Promise<void> {
    this.listener.stopListening();
    try {
      await this.listener.open(settings);
    } catch (error) {
      this.log.error('the changed restapi settings can not be used, the socket stays as it was', error);
      // Who may do what follows the new settings as far as they do not belong to the socket.
      this.apply({ ...settings, ...Object.fromEntries(SOCKET_SETTINGS.map((name) => [name, before[name]])) });
      await this.listener.open(before);
    }
  }

  private count(): void {
    if (++this.requests < BUSY_REQUESTS) return;
    const now = this.clock.monotonic();
    if (now - this.countedFrom < BUSY_MS) this.onBusy();
    this.requests = 0;
    this.countedFrom = now;
  }

  private handle(request: IncomingMessage, response: ServerResponse): void {
    this.count();
    const method = request.method ?? '';
    const isRead = method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
    if (isRead && this.answerReady(method, request.url ?? '/', response)) return;
    (isRead ? this.read(request, response) : this.write(request, response)).catch((error: unknown) => {
      if (error instanceof AssertionFailed) throw error;
      if (error instanceof Refusal) {
        request.resume();
        return this.send(response, error.reply);
      }
      if (error instanceof DcsUnavailable) this.log.warning(`${method} ${pathOf(request)}: ${error.message}`);
      else this.log.warning(`${method} ${pathOf(request)} failed`, error);
      if (response.headersSent) response.destroy();
      else this.send(response, page(503, error instanceof DcsUnavailable ? 'DCS is not accessible' : 'request failed'));
    });
  }

  /** The quick way: the same health check was answered for this snapshot before. */
  private answerReady(method: string, url: string, response: ServerResponse): boolean {
    const snapshot = this.control.snapshot();
    if (snapshot !== this.readyFor) {
      this.readyFor = snapshot;
      this.ready.clear();
    }
    const answer = this.ready.get(url);
    if (answer === undefined) return false;
    if (method === 'GET') this.sendBuffer(response, answer.code, 'application/json', answer.body);
    else sendStatus(response, answer.code);
    return true;
  }

  private async read(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { control } = this;
    const [, search = ''] = splitUrl(request);
    const path = pathOf(request);
    const query = firstValues(search);
    if (request.method === 'GET') {
      const document = await getDocument(control, path.split('/')[1] ?? '', query);
      if (document !== undefined) {
        if ('status' in document) sendStatus(response, document.status);
        else this.send(response, document);
        return;
      }
    }
    const snapshot = query.has('lag') ? await control.refresh(LAG_AGE_MS) : control.snapshot();
    const segment = path.split('/')[1] ?? '';
    // HEAD and OPTIONS of a document are health checks by the same words, which say no (rest-api.md §2).
    const code = !isDocument(segment) && isHealthy(control.name, snapshot, path, query) ? 200 : 503;
    const reply = json(code, statusDocument(control, snapshot));
    if (!query.has('lag') && snapshot === this.readyFor && this.ready.size < MAX_READY && !isDocument(segment)) {
      this.ready.set(request.url ?? '/', { code, body: Buffer.from(reply.body) });
    }
    if (request.method === 'GET') this.send(response, reply);
    else sendStatus(response, code);
  }

  private async write(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const segment = pathOf(request).split('/')[1] ?? '';
    const route = ROUTES[`${request.method} ${segment}`];
    if (route === undefined) {
      request.resume();
      return this.send(response, page(501, `Server does not support this operation ('${request.method}')`));
    }
    await this.access.check(request, this.control.snapshot().view, route.countsMembers !== false);
    const refusal = route.refuse?.(this.control);
    if (refusal !== undefined) throw new Refusal(refusal);
    const body = route.body === 'none' ? {} : await readBody(request, route.body === 'required');
    if (route.body === 'none') request.resume();
    this.send(response, await route.run(this.control, this.clock, body));
  }

  private send(response: ServerResponse, reply: Reply): void {
    this.sendBuffer(response, reply.code, reply.contentType, Buffer.from(reply.body), reply.headers);
  }

  private sendBuffer(
    response: ServerResponse,
    code: number,
    contentType: string,
    body: Buffer,
    headers?: Readonly<Record<string, string>>,
  ): void {
    const all = ['Content-Type', contentType, 'Content-Length', String(body.length), ...this.extraHeaders];
    for (const [name, value] of Object.entries(headers ?? {})) all.push(name, value);
    response.writeHead(code, all).end(body);
  }
}

/** Neither `Date` nor a body. */
function sendStatus(response: ServerResponse, code: number): void {
  response.sendDate = false;
  response.writeHead(code, ['Content-Length', '0']).end();
}

interface Route {
  readonly body: 'required' | 'optional' | 'none';
  /** False: the members' addresses do not open this door. */
  readonly countsMembers?: false;
  /** The answer that does not depend on the body, which may be anything then. */
  readonly refuse?: (control: AgentControl) => Reply | undefined;
  readonly run: (control: AgentControl, clock: Clock, body: Awaited<ReturnType<typeof readBody>>) => Promise<Reply> | Reply;
}

/** Everything that changes something, by method and first path segment. */
const ROUTES: Readonly<Record<string, Route>> = {
  'PATCH config': { body: 'required', run: (control, _, body) => patchConfig(control, body) },
  'PUT config': { body: 'required', run: (control, _, body) => putConfig(control, body) },
  'POST switchover': { body: 'required', run: (control, clock, body) => requestLeader(control, clock, 'switchover', body) },
  'POST failover': { body: 'required', run: (control, clock, body) => requestLeader(control, clock, 'failover', body) },
  'DELETE switchover': { body: 'none', run: (control) => deleteSwitchover(control) },
  'POST restart': { body: 'optional', run: restart },
  'DELETE restart': { body: 'none', run: (control) => deleteRestart(control) },
  'POST reinitialize': { body: 'optional', run: (control, _, body) => reinitialize(control, body) },
  'POST failsafe': {
    body: 'required',
    countsMembers: false,
    refuse: refuseFailsafe,
    run: (control, _, body) => acceptFailsafe(control, body),
  },
  'POST reload': {
    body: 'none',
    run: (control) => {
      control.requestReload();
      return text(202, 'reload scheduled');
    },
  },
  'POST sigterm': { body: 'none', run: () => text(202, 'shutdown scheduled') },
  'POST citus': { body: 'required', run: () => text(200, 'OK') },
  'POST mpp': { body: 'required', run: () => text(200, 'OK') },
};

const DOCUMENTS = new Set(['liveness', 'readiness', 'patroni', 'cluster', 'history', 'config', 'metrics', 'failsafe']);

function isDocument(segment: string): boolean {
  return DOCUMENTS.has(segment);
}

function splitUrl(request: IncomingMessage): readonly string[] {
  return (request.url ?? '/').split('?', 2);
}

function pathOf(request: IncomingMessage): string {
  return (splitUrl(request)[0] ?? '/').replace(/^\/+/, '/');
}

/** Parameters by name: empty values do not count, and of several the first does. */
function firstValues(search: string): URLSearchParams {
  const first = new URLSearchParams();
  for (const [name, value] of new URLSearchParams(search)) if (value !== '' && !first.has(name)) first.append(name, value);
  return first;
}

function headersOf(settings: RestApiSettings): readonly string[] {
  const isTls = settings.certfile !== undefined;
  const extra = { ...settings.httpExtraHeaders, ...(isTls ? settings.httpsExtraHeaders : {}) };
  const server =
    settings.serverTokens === 'productonly' ? 'Patroni' : settings.serverTokens === 'minimal' ? `Patroni/${COMPATIBLE_VERSION}` : undefined;
  const all = server === undefined ? extra : { Server: server, ...extra };
  return Object.entries(all).flat();
}
