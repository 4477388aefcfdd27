import type { Client } from 'pg';
import { connect } from './writer.js';

/** Acknowledgements of one server, each at the time of this process's monotonic clock at which it arrived. */
export interface DirectWriter {
  /** Times of all acknowledged rows, ascending. */
  readonly acknowledgedAt: readonly number[];
  stop(): Promise<void>;
}

const TABLE = 'CREATE TABLE IF NOT EXISTS direct (id bigserial PRIMARY KEY, writer text)';

/**
 * Writes to one server and to no other, over connections that stay: what a client does whose connection to a former primary
 * still stands. It ends with its connections.
 */
export async function writeDirectly(port: number, connections = 4): Promise<DirectWriter> {
  const acknowledgedAt: number[] = [];
  const clients = await Promise.all(Array.from({ length: connections }, () => connect(port, 60_000)));
  await clients[0]?.query(TABLE);
  let isStopping = false;
  const loops = clients.map(async (client, index) => {
    try {
      while (!isStopping) {
        await client.query('INSERT INTO direct (writer) VALUES ($1)', [`${port}/${index}`]);
        acknowledgedAt.push(performance.now());
      }
    } catch {
      // The connection ended, with the server or because the test ends.
    }
  });
  return {
    acknowledgedAt,
    stop: async () => {
      isStopping = true;
      for (const client of clients) drop(client);
      await Promise.all(loops);
    },
  };
}

/** Asks the ports over and over for the first moment at which one of them takes a write. */
export async function firstWriteOn(ports: readonly number[], limitMs: number): Promise<{ readonly port: number; readonly at: number }> {
  const until = performance.now() + limitMs;
  const attempts = ports.map(async (port) => {
    while (performance.now() < until) {
      const client = await connect(port).catch(() => undefined);
      try {
        while (client !== undefined && performance.now() < until) {
          // A standby refuses it; the connection can be asked again.
          const at = await client.query('INSERT INTO direct (writer) VALUES ($1)', ['first']).then(
            () => performance.now(),
            (error: Error & { code?: string }) => (error.code === '25006' ? undefined : Promise.reject(error)),
          );
          if (at !== undefined) return { port, at };
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      } catch {
        // It restarts; a new connection is tried.
      } finally {
        if (client) drop(client);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`no write on ${port} within ${limitMs} ms`);
  });
  return Promise.any(attempts);
}

function drop(client: Client): void {
  client.connection.stream.destroy();
}
