import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { nodeClock } from '../../platform/node-clock.js';
import { HttpEndpoint, HttpFailure } from './http-client.js';

/** A server that answers the n-th request of all with the n-th text; after the last it is silent. An empty text resets. */
async function scripted(t: TestContext, texts: readonly string[]): Promise<{ endpoint: HttpEndpoint; requests: () => number }> {
  let requests = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', () => {
      const text = texts[requests];
      requests += 1;
      if (text === '') socket.resetAndDestroy();
      else if (text !== undefined) socket.write(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const endpoint = new HttpEndpoint({ origin: `http://127.0.0.1:${port}`, clock: nodeClock });
  t.after(() => {
    endpoint.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { endpoint, requests: () => requests };
}

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
const get = { method: 'GET', path: '/', timeoutMs: 400 };

async function failure(promise: Promise<unknown>): Promise<HttpFailure> {
  const error = await promise.then(
    () => assert.fail('it was answered'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof HttpFailure, String(error));
  return error;
}

test('half a body and then silence ends at the deadline', async (t) => {
  const { endpoint } = await scripted(t, ['HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf']);
  const started = performance.now();
  assert.equal((await failure(endpoint.request(get))).wasSent, true);
  assert.ok(performance.now() - started < 600);
});

test('an answer over the limit is refused', async (t) => {
  const body = 'x'.repeat(2 * 1024 * 1024 + 1);
  const { endpoint } = await scripted(t, [`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`]);
  assert.match((await failure(endpoint.request({ ...get, timeoutMs: 3000 }))).message, /larger than 2097152 bytes/);
});

test('a kept connection is lost: sent again once and said so, only when that does no harm', async (t) => {
  const { endpoint, requests } = await scripted(t, [ok, '', ok, ok, '']);
  assert.equal((await endpoint.request(get)).isRepeated, false);
  assert.equal((await endpoint.request({ ...get, isRepeatable: true })).isRepeated, true);
  await endpoint.request(get);
  await failure(endpoint.request(get));
  assert.equal(requests(), 5);
});

test('a new connection that is reset is not tried again', async (t) => {
  const { endpoint, requests } = await scripted(t, ['', ok]);
  assert.equal((await failure(endpoint.request({ ...get, isRepeatable: true }))).wasSent, true);
  assert.equal(requests(), 1);
});

test('a refused connection was not sent', async () => {
  const endpoint = new HttpEndpoint({ origin: 'http://127.0.0.1:1', clock: nodeClock });
  assert.equal((await failure(endpoint.request(get))).wasSent, false);
});

test('an aborted request ends at once, a stream that is opening too', async (t) => {
  const { endpoint } = await scripted(t, []);
  for (const send of [
    (signal: AbortSignal) => endpoint.request({ ...get, timeoutMs: 5000, signal }),
    (signal: AbortSignal) => endpoint.stream({ ...get, timeoutMs: 5000, signal }, { onLine: () => undefined, onEnd: () => undefined }),
  ]) {
    const stop = new AbortController();
    const started = performance.now();
    const sending = failure(send(stop.signal));
    await nodeClock.sleep(50);
    stop.abort();
    await sending;
    assert.ok(performance.now() - started < 500);
  }
});
