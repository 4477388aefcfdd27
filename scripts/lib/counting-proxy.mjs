// A TCP relay that counts what passes: bytes of both directions, connections, and requests by what they ask for. It changes
// nothing, so that a client cannot tell it from the store.

import { connect, createServer } from 'node:net';

/** Counts requests of HTTP/1.1 in what a client sends, chunk by chunk; `tell` gets the method and the path. */
function httpRequests(tell) {
  let rest = '';
  return (chunk) => {
    const lines = (rest + chunk.toString('latin1')).split('\r\n');
    rest = lines.pop();
    for (const line of lines) {
      // A body may end without a line break, right before the next request begins.
      const [, method, path] = /(GET|PUT|POST|DELETE|PATCH) (\S+) HTTP\/1\.1$/.exec(line) ?? [];
      if (method) tell(`${method} ${path.replace(/[?].*/, '')}`);
    }
    // Bodies may be long; a request line is not.
    if (rest.length > 16_384) rest = rest.slice(-4096);
  };
}

/** Of ZooKeeper's requests, by number (zookeeper.h). */
const ZOOKEEPER_REQUESTS = {
  ...{ 1: 'create', 2: 'delete', 3: 'exists', 4: 'getData', 5: 'setData', 8: 'getChildren', 9: 'sync', 11: 'ping' },
  ...{ 12: 'getChildren2', 14: 'multi', 15: 'create2', 22: 'multiRead', 100: 'auth', 101: 'setWatches', 106: 'addWatch' },
};

/** Counts ZooKeeper's messages: a length of four bytes, then the number of the message and of what it asks for. */
function zookeeperRequests(tell) {
  let rest = Buffer.alloc(0);
  let isConnected = false;
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const message = rest.subarray(4, 4 + rest.readInt32BE(0));
      rest = rest.subarray(4 + message.length);
      const type = isConnected && message.length >= 8 ? message.readInt32BE(4) : undefined;
      tell(type === undefined ? 'connect' : (ZOOKEEPER_REQUESTS[type] ?? `request ${type}`));
      isConnected = true;
    }
  };
}

/** How the requests of a protocol are found; a store with another protocol adds its own. */
export const PROTOCOLS = { http: httpRequests, zookeeper: zookeeperRequests };

/** Relays to `targetPort`: { port, counts(), close() }. Counts are those since the start; subtract two to get a window. */
export async function startCountingProxy(targetPort, protocol = PROTOCOLS.http) {
  const total = { requests: 0, bytes: 0, connections: 0, kinds: new Map() };
  const sockets = new Set();
  const server = createServer((near) => {
    total.connections += 1;
    const far = connect({ port: targetPort, host: '127.0.0.1' });
    const see = protocol((kind) => {
      total.requests += 1;
      total.kinds.set(kind, (total.kinds.get(kind) ?? 0) + 1);
    });
    near.on('data', see);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      sockets.add(from);
      from.setNoDelay(true);
      from.on('data', (chunk) => {
        total.bytes += chunk.length;
        to.write(chunk);
      });
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroySoon();
      });
    }
  });
  await new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: server.address().port,
    counts: () => ({ ...total, kinds: new Map(total.kinds) }),
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        for (const socket of sockets) socket.destroy();
      }),
  };
}
