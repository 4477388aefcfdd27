// Loopback ports: the well-known ones where they are free, others where they are not.

import { connect, createServer } from 'node:net';

const HOST = '127.0.0.1';

/** Whether somebody answers there; on some systems a server on all addresses does not keep others from listening on one. */
function isAnswered(port) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: HOST });
    const finish = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
    socket.setTimeout(500, () => finish(true));
  });
}

/** Listens for a moment; resolves to the port, or to undefined when it is taken. */
function tryPort(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ port, host: HOST }, () => {
      const { port: found } = server.address();
      server.close(() => resolve(found));
    });
  });
}

/** Others are below those that systems give to outgoing connections, which may take one at any moment. */
const [FIRST, COUNT] = [10_000, 22_000];

/** The wanted port if it is free, else one 10,000 or more above, else any; 0 asks for any. */
export async function freePort(wanted, taken = new Set()) {
  for (const port of wanted === 0 ? [] : [wanted, wanted + 10_000, wanted + 20_000, wanted + 30_000]) {
    if (port > 65_000 || taken.has(port) || (await isAnswered(port)) || !(await tryPort(port))) continue;
    taken.add(port);
    return port;
  }
  for (;;) {
    const port = await tryPort(FIRST + Math.floor(Math.random() * COUNT));
    if (port === undefined || taken.has(port)) continue;
    taken.add(port);
    return port;
  }
}
