// Waiting for a state, with a limit; and one HTTP exchange, which is how most states are asked for.

import { request } from 'node:http';

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks until the answer is truthy, and returns it. @throws Error that says what did not come, and the last failure. */
export async function waitFor(what, ask, { limitMs = 60_000, everyMs = 50 } = {}) {
  const started = performance.now();
  let failure;
  for (;;) {
    try {
      const answer = await ask();
      if (answer) return answer;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    if (performance.now() - started > limitMs) {
      throw new Error(`${what}: not within ${limitMs / 1000} s${failure ? ` (${failure.message})` : ''}`);
    }
    await sleep(everyMs);
  }
}

/** One exchange on loopback: { status, body }. Rejects when it is not finished within the limit. */
export function http(port, path, { method = 'GET', body, limitMs = 2_000 } = {}) {
  return new Promise((resolve, reject) => {
    const payload = body === undefined ? '' : JSON.stringify(body);
    const headers = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) };
    const call = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (reply) => {
      let text = '';
      reply.setEncoding('utf8');
      reply.on('data', (part) => {
        text += part;
      });
      reply.on('error', fail);
      reply.on('end', () => {
        clearTimeout(deadline);
        resolve({ status: reply.statusCode, body: text });
      });
    });
    const fail = (error) => {
      clearTimeout(deadline);
      reject(error);
    };
    const deadline = setTimeout(() => call.destroy(new Error(`${method} ${path}: no answer within ${limitMs} ms`)), limitMs);
    call.on('error', fail);
    call.end(payload);
  });
}
