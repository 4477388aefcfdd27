import { Client } from 'pg';

const PASSWORD = 'zalando';
export const PORT = 5432;

/** Opens a connection; an error that arrives later is left to the next query. */
export async function connect(host: string, limitMs: number): Promise<Client> {
  const client = new Client({
    host,
    port: PORT,
    user: 'postgres',
    password: PASSWORD,
    database: 'postgres',
    connectionTimeoutMillis: limitMs,
    application_name: 'chaos',
  });
  client.on('error', () => undefined);
  try {
    await within(limitMs, client.connect(), () => drop(client));
    return client;
  } catch (error) {
    drop(client);
    throw error;
  }
}

export function drop(client: Client): void {
  client.connection.stream.destroy();
}

/** Rejects when the work takes longer; `onLate` must make it end. */
export async function within<T>(limitMs: number, work: Promise<T>, onLate: () => void): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      onLate();
      reject(new Error(`not within ${limitMs} ms`));
    }, limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
  }
}

/** A connection to the first of the hosts that says that it is a primary. */
export async function connectToPrimary(hosts: readonly string[], limitMs: number): Promise<Client | undefined> {
  const attempts = hosts.map(async (host) => {
    const client = await connect(host, limitMs);
    try {
      const { rows } = await within(limitMs, client.query<{ r: boolean }>('SELECT pg_is_in_recovery() AS r'), () => drop(client));
      if (rows[0]?.r === false) return client;
    } catch {
      // Not answered as a primary: told below.
    }
    drop(client);
    throw new Error('not a primary');
  });
  try {
    const winner = await Promise.any(attempts);
    void Promise.allSettled(attempts).then((all) => {
      for (const each of all) if (each.status === 'fulfilled' && each.value !== winner) drop(each.value);
    });
    return winner;
  } catch {
    return undefined;
  }
}
