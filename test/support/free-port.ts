import { createServer } from 'node:net';

/**
 * Below the ports that systems give to outgoing connections (32768 on Linux, 49152 elsewhere): one of those may be taken by anybody's
 * connection before the server that it was found for listens there.
 */
const [FIRST, COUNT] = [10_000, 22_000];
/** Processes beside each other begin far apart: a port is free until its server has started, which takes a while. */
const SLICE = 100;
let next = (process.pid * SLICE) % COUNT;

/** A loopback port that nobody listens on now, another one each time. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + next;
    next = (next + 1) % COUNT;
    if (await isFree(port)) return port;
  }
}

export async function freePorts(count: number): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, () => freePort()));
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
