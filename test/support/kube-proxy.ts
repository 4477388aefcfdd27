import http from 'node:http';
import https from 'node:https';

/** What becomes of a request: its answer comes, is thrown away with the connection, or comes later; or there is another answer. */
export type Treatment =
  | { readonly kind: 'pass' }
  | { readonly kind: 'lose-answer' }
  | { readonly kind: 'delay-answer'; readonly ms: number }
  | { readonly kind: 'answer'; readonly status: number; readonly body: string; readonly headers?: Readonly<Record<string, string>> };

/** A plain HTTP server before a kube-apiserver, which sees each request and can spoil its answer. */
export interface KubeProxy {
  readonly url: string;
  /** `METHOD kind`, or `WATCH kind`, of all requests since the last reset. */
  readonly seen: readonly string[];
  forget(): void;
  /** Asked for each request. */
  treat: (request: { readonly name: string; readonly path: string }) => Treatment;
  close(): Promise<void>;
}

export function startKubeProxy(targetPort: number): Promise<KubeProxy> {
  const seen: string[] = [];
  const server = http.createServer((incoming, outgoing) => {
    const path = incoming.url ?? '/';
    const name = nameOf(incoming.method ?? '', path);
    seen.push(name);
    const treatment = proxy.treat({ name, path });
    if (treatment.kind === 'answer') {
      incoming.resume();
      outgoing.writeHead(treatment.status, { 'content-type': 'application/json', ...treatment.headers }).end(treatment.body);
      return;
    }
    const forwarded = {
      host: '127.0.0.1',
      port: targetPort,
      method: incoming.method,
      path,
      headers: incoming.headers,
      rejectUnauthorized: false,
    };
    const request = https.request({ ...forwarded, agent: false }, (response) => {
      const answer = (): void => {
        outgoing.writeHead(response.statusCode ?? 502, response.headers);
        outgoing.flushHeaders();
        response.pipe(outgoing);
      };
      if (treatment.kind === 'lose-answer') outgoing.destroy();
      else if (treatment.kind === 'delay-answer') setTimeout(answer, treatment.ms);
      else answer();
      response.on('error', () => outgoing.destroy());
    });
    request.on('error', () => outgoing.destroy());
    outgoing.on('close', () => request.destroy());
    incoming.pipe(request);
  });
  const proxy: KubeProxy & { url: string } = {
    url: '',
    seen,
    forget: () => seen.splice(0),
    treat: () => ({ kind: 'pass' }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      proxy.url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
      resolve(proxy);
    });
  });
}

function nameOf(method: string, path: string): string {
  const kind = /^\/api\/v1\/namespaces\/[^/]+\/([a-z]+)/.exec(path)?.[1] ?? path;
  return `${path.includes('watch=true') ? 'WATCH' : method} ${kind}`;
}
