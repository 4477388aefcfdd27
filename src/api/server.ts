import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { stringifyJson } from '../base/json.js';
import { historyDocument } from '../cluster/history.js';
import type { AgentControl } from '../ports/agent-control.js';
import type { Log } from '../ports/log.js';
import type { RestApiSettings } from '../ports/settings.js';
import { isHealthy } from './health.js';
import { statusDocument } from './status-document.js';

/** Read-only part of the REST API: every modifying method is refused with 501, because access control is not built yet. */
export class RestApi {
  private readonly server: Server;
  private readonly control: AgentControl;
  private readonly settings: RestApiSettings;
  private readonly log: Log;

  /** @throws Error when the settings ask for TLS, which is not built yet: answering in the clear instead would be wrong. */
  constructor(control: AgentControl, settings: RestApiSettings, log: Log) {
    if (settings.certfile !== undefined) throw new Error('restapi.certfile: TLS is not supported yet');
    this.control = control;
    this.settings = settings;
    this.log = log;
    this.server = createServer((request, response) => {
      this.handle(request, response).catch((error: unknown) => {
        this.log.warning(`request ${request.method} failed`, error);
        if (response.headersSent) response.destroy();
        else this.send(response, 503, 'request failed', 'text/html');
      });
    });
  }

  /** Binds the socket. @throws Error with the text of configuration.md §4.7 when that is not possible. */
  start(): Promise<void> {
    const { listenHost, listenPort, requestQueueSize } = this.settings;
    const host = listenHost === '' || listenHost === '*' ? undefined : listenHost;
    return new Promise((resolve, reject) => {
      this.server.once('error', (cause) => {
        const where = `'${listenHost}:${listenPort}'`;
        reject(new Error(`Couldn't start a service on ${where}, please check your \`restapi.listen\` configuration`, { cause }));
      });
      this.server.listen({ port: listenPort, backlog: requestQueueSize, ...(host === undefined ? {} : { host }) }, () => {
        this.server.on('error', (error) => this.log.warning('REST API socket failed', error));
        resolve();
      });
    });
  }

  address(): ReturnType<Server['address']> {
    return this.server.address();
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [rawPath = '/', search = ''] = (request.url ?? '/').split('?', 2);
    const path = rawPath.replace(/^\/+/, '/');
    const query = new URLSearchParams(search);
    const method = request.method ?? '';
    if (method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS') {
      request.resume();
      return this.send(response, 501, 'Server does not support this operation', 'text/html');
    }
    if (method === 'GET' && (await this.document(path.split('/')[1] ?? '', response))) return;
    const s = query.has('lag') ? await this.control.refresh(1000) : this.control.snapshot();
    const code = isHealthy(this.control.name, s, path, query) ? 200 : 503;
    if (method !== 'GET') response.writeHead(code).end();
    else this.json(response, code, statusDocument(this.control, s));
  }

  /** Answers a read-only document; false when `segment` names none. */
  private async document(segment: string, response: ServerResponse): Promise<boolean> {
    const { control } = this;
    if (segment === 'patroni') this.json(response, 200, statusDocument(control, await control.refresh(0)));
    else if (segment === 'liveness') {
      const s = control.snapshot();
      const ttl = s.config.ttlMs * (s.postgres.role === 'primary' && s.postgres.isProcessRunning ? 1 : 2);
      response.writeHead(s.config.isPaused || s.nextCycleInMs + ttl > 0 ? 200 : 503).end();
    } else if (segment === 'config') {
      const { config } = control.snapshot().view ?? (await control.loadCluster());
      if (config?.isValid) this.json(response, 200, config.data);
      else this.send(response, 502, 'no valid configuration', 'text/html');
    } else if (segment === 'history') {
      const { history } = control.snapshot().view ?? (await control.loadCluster());
      this.json(response, 200, historyDocument(history?.lines ?? []));
    } else if (segment === 'failsafe') {
      const { failsafe } = control.snapshot();
      if (failsafe) this.json(response, 200, Object.fromEntries(failsafe));
      else this.send(response, 502, 'no failsafe members', 'text/html');
    } else if (['readiness', 'cluster', 'metrics'].includes(segment)) this.send(response, 501, 'not supported yet', 'text/html');
    else return false;
    return true;
  }

  private json(response: ServerResponse, code: number, value: unknown): void {
    this.send(response, code, stringifyJson(value, 'spaced'), 'application/json');
  }

  private send(response: ServerResponse, code: number, body: string, type: string): void {
    response.writeHead(code, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) }).end(body);
  }
}
