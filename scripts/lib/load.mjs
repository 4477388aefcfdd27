// Requests per second that one agent answers, over kept-alive connections on raw sockets: cheap enough that the agent,
// not the generator, is what is measured. A process of its own, because the benchmark itself must not slow it down.
// Usage: node scripts/lib/load.mjs PORT PATH CONNECTIONS SECONDS   prints {"perSecond", "failed", "longestMs"}

import { connect } from 'node:net';

const [port, path, connections, seconds] = process.argv.slice(2);
const REQUEST = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n\r\n`);
const HEADER_END = Buffer.from('\r\n\r\n');

const started = performance.now();
const until = started + Number(seconds) * 1000;
let answered = 0;
let failed = 0;
let longestMs = 0;

/** Length of the answer at the start of the buffer, or undefined while it is incomplete. */
function answerLength(buffer) {
  const end = buffer.indexOf(HEADER_END);
  if (end < 0) return undefined;
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(buffer.latin1Slice(0, end + 2))?.[1] ?? 0);
  return buffer.length >= end + 4 + length ? end + 4 + length : undefined;
}

/** One connection: a request, its whole answer, the next request. A server that closes is connected to again. */
function client() {
  return new Promise((resolve) => {
    const open = () => {
      let pending = Buffer.alloc(0);
      let sentAt = 0;
      const socket = connect(Number(port), '127.0.0.1');
      socket.setNoDelay(true);
      const send = () => {
        sentAt = performance.now();
        if (sentAt >= until) socket.destroy();
        else socket.write(REQUEST);
      };
      socket.on('connect', send);
      socket.on('error', () => {
        failed += 1;
      });
      socket.on('close', () => (performance.now() >= until ? resolve() : setImmediate(open)));
      socket.on('data', (chunk) => {
        pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
        const length = answerLength(pending);
        if (length === undefined) return;
        // "HTTP/1.x 200"
        if (pending.latin1Slice(9, 12) === '200') answered += 1;
        else failed += 1;
        longestMs = Math.max(longestMs, performance.now() - sentAt);
        pending = pending.subarray(length);
        send();
      });
    };
    open();
  });
}

await Promise.all(Array.from({ length: Number(connections) }, client));
const perSecond = answered / ((performance.now() - started) / 1000);
process.stdout.write(`${JSON.stringify({ perSecond: Math.round(perSecond), failed, longestMs: Math.round(longestMs) })}\n`);
