import { connect, createServer, type Socket } from 'node:net';

/** A TCP relay that can break connections in the ways that networks do. */
export interface TcpProxy {
  readonly port: number;
  /** Connections that are open now stay open and carry nothing any more; new ones work (half-open link). */
  freezeExisting(): void;
  /** Nothing is carried on any connection, new ones included, until it is set back; what was sent meanwhile arrives then. */
  setMute(isMute: boolean): void;
  /** Answers take so long, from now on. */
  delayAnswers(ms: number): void;
  /** Resets all connections. */
  reset(): void;
  close(): Promise<void>;
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  isFrozen: boolean;
}

/** What is on its way in one direction of a connection, in order. */
interface Lane {
  readonly to: Socket;
  readonly waiting: { readonly chunk: Buffer; readonly due: number }[];
}

/** @param port where it listens; 0: a free one. */
export function startTcpProxy(targetPort: number, port = 0): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  const lanes = new Set<Lane>();
  let isMute = false;
  let delayMs = 0;

  const deliver = (lane: Lane): void => {
    for (let [first] = lane.waiting; first !== undefined && !isMute; [first] = lane.waiting) {
      const leftMs = first.due - performance.now();
      if (leftMs > 0) {
        setTimeout(() => deliver(lane), leftMs);
        return;
      }
      lane.waiting.shift();
      lane.to.write(first.chunk);
    }
  };
  const relay = (pair: Pair, from: Socket, to: Socket, lateness: () => number): void => {
    const lane: Lane = { to, waiting: [] };
    lanes.add(lane);
    from.on('data', (chunk) => {
      if (pair.isFrozen) return;
      lane.waiting.push({ chunk, due: performance.now() + lateness() });
      if (lane.waiting.length === 1) deliver(lane);
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      lanes.delete(lane);
      pairs.delete(pair);
      to.destroySoon();
    });
  };
  const server = createServer((near) => {
    const pair = { near, far: connect(targetPort, '127.0.0.1'), isFrozen: false };
    pairs.add(pair);
    relay(pair, near, pair.far, () => 0);
    relay(pair, pair.far, near, () => delayMs);
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
          for (const pair of pairs) pair.isFrozen = true;
        },
        setMute: (value) => {
          isMute = value;
          for (const lane of lanes) deliver(lane);
        },
        delayAnswers: (ms) => {
          delayMs = ms;
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
