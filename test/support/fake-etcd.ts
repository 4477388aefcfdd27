import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import { EtcdModel } from './etcd-model.js';

/** What happens to one request instead of a plain answer. `isApplied`: the model has done what it asks. */
export type Fault =
  | { readonly kind: 'answer'; readonly status: number; readonly body: string }
  | { readonly kind: 'reset'; readonly isApplied: boolean }
  | { readonly kind: 'silence'; readonly isApplied: boolean }
  /** Half of the right answer, and then nothing. */
  | { readonly kind: 'half' }
  /** The right answer under another header. */
  | { readonly kind: 'header'; readonly header: Readonly<Record<string, string>> };

export interface SeenRequest {
  readonly path: string;
  readonly body: unknown;
  readonly authorization: string | undefined;
}

export interface FakeEtcd {
  readonly url: string;
  readonly port: number;
  readonly model: EtcdModel;
  /** All requests to the gateway, in order; streams included. */
  readonly seen: readonly SeenRequest[];
  /** The next requests of this path meet these faults, one each. */
  next(path: string, ...faults: Fault[]): void;
  /** From now on all requests of this path meet it; undefined ends that. */
  always(path: string, fault: Fault | undefined): void;
  /** Closes all connections without a word, as a restart does. */
  dropConnections(): void;
  close(): Promise<void>;
}

/** One member of a made-up etcd. Several may share a model. */
export async function startFakeEtcd(model = new EtcdModel()): Promise<FakeEtcd> {
  const queues = new Map<string, Fault[]>();
  const lasting = new Map<string, Fault>();
  const seen: SeenRequest[] = [];
  const server = http.createServer((request, response) => {
    void read(request).then((text) => {
      const path = (request.url ?? '').replace(/^\/v3/, '');
      if (path === '/version') return response.end(JSON.stringify({ etcdserver: '3.5.9', etcdcluster: '3.5.0' }));
      const body = JSON.parse(text === '' ? '{}' : text) as Record<string, unknown>;
      seen.push({ path, body, authorization: request.headers.authorization });
      const fault = queues.get(path)?.shift() ?? lasting.get(path);
      if (fault !== undefined) return suffer(fault, () => model.answer(path, body), request, response);
      if (path === '/watch') return watch(model, body, response);
      const { status, document } = model.answer(path, body, request.headers.authorization);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(document));
    });
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const url = `http://127.0.0.1:${port}`;
  model.members.push(url);
  return {
    url,
    port,
    model,
    seen,
    next: (path, ...faults) => queues.set(path, [...(queues.get(path) ?? []), ...faults]),
    always: (path, fault) => {
      if (fault === undefined) lasting.delete(path);
      else lasting.set(path, fault);
    },
    dropConnections: () => server.closeAllConnections(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function suffer(fault: Fault, apply: () => { readonly document: unknown }, request: IncomingMessage, response: ServerResponse): void {
  switch (fault.kind) {
    case 'answer':
      response.writeHead(fault.status).end(fault.body);
      return;
    case 'reset':
      if (fault.isApplied) apply();
      request.socket.resetAndDestroy();
      return;
    case 'silence':
      if (fault.isApplied) apply();
      return;
    case 'half': {
      const text = JSON.stringify(apply().document);
      response.writeHead(200, { 'content-length': text.length }).write(text.slice(0, text.length / 2));
      return;
    }
    case 'header': {
      const document = { ...(apply().document as Record<string, unknown>) };
      const result = document['result'];
      if (typeof result === 'object') document['result'] = { ...result, header: fault.header };
      response.end(JSON.stringify({ ...document, header: fault.header }));
    }
  }
}

function watch(model: EtcdModel, body: Record<string, unknown>, response: ServerResponse): void {
  const { start_revision: start } = body['create_request'] as { start_revision: string };
  const send = (result: unknown): void => void response.write(`${JSON.stringify({ result })}\n`);
  send({ header: model.header(), created: true });
  const stop = model.follow(BigInt(start), (event) => send({ header: model.header(), events: [event] }));
  response.on('close', stop);
}

function read(request: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => resolve(text));
    request.on('error', () => undefined);
  });
}
