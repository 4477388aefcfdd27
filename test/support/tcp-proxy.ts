import { connect, createServer, type Socket } from 'node:net';

/** A TCP relay that can break connections in the ways that networks do. */
export interface TcpProxy {
  readonly port: number;
  /** Connections that are open now stay open and carry nothing any more; new ones work (half-open link). */
  freezeExisting(): void;
  /** Resets all connections. */
  reset(): void;
  close(): Promise<void>;
}

/** @param port where it listens; 0: a free one. */
export function startTcpProxy(targetPort: number, port = 0): Promise<TcpProxy> {
  const pairs = new Set<{ readonly near: Socket; readonly far: Socket }>();
  const server = createServer((near) => {
    const far = connect(targetPort, '127.0.0.1');
    const pair = { near, far };
    pairs.add(pair);
    for (const socket of [near, far]) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        pairs.delete(pair);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.pipe(near);
  });
  const reset = (): void => {
    for (const { near, far } of [...pairs]) {
      near.resetAndDestroy();
      far.destroy();
    }
  };
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve({
        port: typeof address === 'object' && address !== null ? address.port : 0,
        freezeExisting: () => {
          for (const { near, far } of pairs) {
            near.unpipe(far);
            far.unpipe(near);
            near.pause();
            far.pause();
          }
        },
        reset,
        close: () =>
          new Promise((done) => {
            reset();
            server.close(() => done());
          }),
      });
    });
  });
}
