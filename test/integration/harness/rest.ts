import { request } from 'node:http';

export interface RestReply {
  readonly status: number;
  readonly body: string;
}

/** One HTTP exchange on loopback, finished or failed within the limit. */
export function httpCall(port: number, method: string, path: string, body?: unknown, limitMs = 5_000): Promise<RestReply> {
  return new Promise((resolve, reject) => {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const call = request(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        agent: false,
        headers: payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) },
      },
      (reply) => {
        let text = '';
        reply.setEncoding('utf8');
        reply.on('data', (part: string) => {
          text += part;
        });
        reply.on('error', reject);
        reply.on('end', () => {
          clearTimeout(deadline);
          resolve({ status: reply.statusCode ?? 0, body: text });
        });
      },
    );
    const deadline = setTimeout(
      () => call.destroy(new Error(`${method} ${path} on port ${port}: no answer within ${limitMs} ms`)),
      limitMs,
    );
    call.on('error', (error) => {
      clearTimeout(deadline);
      reject(error);
    });
    call.end(payload);
  });
}

export const httpGet = (port: number, path: string, limitMs = 2_000): Promise<RestReply> => httpCall(port, 'GET', path, undefined, limitMs);
