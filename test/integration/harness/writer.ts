import assert from 'node:assert/strict';
import { Client } from 'pg';
import { pause, waitFor } from './wait.js';

const PASSWORD = 'zalando';
const CONNECT_LIMIT_MS = 1_500;
const WRITE_LIMIT_MS = 1_500;
const REPLICATED_LIMIT_MS = 3_000;

/** Opens a connection; errors that arrive later are left to the next query. */
export async function connect(port: number, limitMs = CONNECT_LIMIT_MS, user = 'postgres'): Promise<Client> {
  const client = new Client({
    host: '127.0.0.1',
    port,
    user,
    password: PASSWORD,
    database: 'postgres',
    connectionTimeoutMillis: limitMs,
    query_timeout: limitMs,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    drop(client);
    throw error;
  }
}

function drop(client: Client): void {
  client.connection.stream.destroy();
}

async function isPrimary(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ recovery: boolean }>('SELECT pg_is_in_recovery() AS recovery');
  return rows[0]?.recovery === false;
}

/** Runs one statement on the first of the ports that leads to a primary. */
async function connectToPrimary(ports: readonly number[]): Promise<Client | undefined> {
  const attempts = ports.map(async (port) => {
    const client = await connect(port);
    try {
      if (await isPrimary(client)) return client;
    } catch {
      // Reported below: this one did not answer as a primary.
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

/** Waits until all standbys that stream have what was written so far; one that is stuck on purpose is not waited for. */
async function untilReplicated(client: Client): Promise<void> {
  const end = performance.now() + REPLICATED_LIMIT_MS;
  try {
    const { rows } = await client.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn');
    const text = "SELECT count(*)::int AS n FROM pg_stat_replication WHERE state = 'streaming' AND flush_lsn < $1::pg_lsn";
    while (performance.now() < end && (await client.query<{ n: number }>(text, [rows[0]?.lsn])).rows[0]?.n !== 0) await pause(10);
  } catch {
    // The server went by itself meanwhile: the next write tells.
  }
}

/**
 * A client that writes numbered rows, one after the other, remembers those that were acknowledged and how long it waited
 * between them, and finds the new primary by itself: among several ports, or behind the one of a proxy.
 */
export class Writer {
  readonly #ports: readonly number[];
  readonly #everyMs: number;
  readonly #acknowledged: number[] = [];
  readonly #betweenRows: (() => Promise<void>)[] = [];
  #next = 1;
  #client: Client | undefined;
  #isStopping = false;
  #loop: Promise<void> | undefined;
  #lastAt = 0;
  #longestGapMs = 0;

  constructor(ports: readonly number[], options: { readonly everyMs?: number } = {}) {
    this.#ports = ports;
    this.#everyMs = options.everyMs ?? 20;
  }

  /** Creates the table and starts to write. Resolves when the first row is acknowledged. */
  async start(): Promise<void> {
    // In the strict synchronous mode commits wait until there is a standby.
    this.#client = await waitFor('a primary to write to', () => this.#prepare(), 60_000);
    this.#loop = this.#run();
    await waitFor('the first row', () => this.#acknowledged.length > 0, 10_000);
  }

  async #prepare(): Promise<Client | undefined> {
    const client = await connectToPrimary(this.#ports);
    try {
      await client?.query('CREATE TABLE IF NOT EXISTS written (id bigint PRIMARY KEY, at timestamptz DEFAULT now())');
      return client;
    } catch (error) {
      if (client !== undefined) drop(client);
      throw error;
    }
  }

  get count(): number {
    return this.#acknowledged.length;
  }

  /** Longest time between two acknowledged rows since the last `forgetGaps`, in ms; one that still lasts counts too. */
  get longestGapMs(): number {
    return Math.max(this.#longestGapMs, performance.now() - this.#lastAt);
  }

  forgetGaps(): void {
    this.#longestGapMs = 0;
  }

  /**
   * Does something in the pause after an acknowledged row, when the standbys that stream have it. Replication is asynchronous: a
   * crash in the instant of the acknowledgement may lose that row by design, and is not what the tests are about.
   */
  betweenRows(action: () => void | Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#betweenRows.push(async () => {
        try {
          await action();
          resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** Waits until `count` more rows are acknowledged. */
  async untilWritten(count: number, limitMs = 60_000): Promise<void> {
    const target = this.count + count;
    await waitFor(`${count} more rows written`, () => this.count >= target, limitMs);
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#loop;
    if (this.#client) drop(this.#client);
    this.#client = undefined;
  }

  /** Fails, naming some, when a row that was acknowledged isn't on the primary any more. @returns how many were checked */
  async assertNoAcknowledgedRowMissing(): Promise<number> {
    const present = await waitFor('a primary to count on', async () => {
      const client = await connectToPrimary(this.#ports);
      if (client === undefined) return undefined;
      try {
        const { rows } = await client.query<{ id: string }>('SELECT id FROM written');
        return new Set(rows.map(({ id }) => Number(id)));
      } finally {
        drop(client);
      }
    });
    const missing = this.#acknowledged.filter((id) => !present.has(id));
    assert.deepEqual(missing.slice(0, 20), [], `${missing.length} of ${this.count} acknowledged rows are missing`);
    assert.ok(this.count > 0, 'nothing was written');
    return this.count;
  }

  async #run(): Promise<void> {
    this.#lastAt = performance.now();
    while (!this.#isStopping) {
      this.#client ??= await connectToPrimary(this.#ports);
      if (this.#client === undefined || !(await this.#write(this.#client))) {
        if (this.#client) drop(this.#client);
        this.#client = undefined;
        await pause(10);
        continue;
      }
      await pause(this.#everyMs);
      const actions = this.#betweenRows.splice(0);
      if (actions.length > 0) await untilReplicated(this.#client);
      for (const action of actions) await action();
    }
  }

  async #write(client: Client): Promise<boolean> {
    // A number is used once: after an error nobody knows whether it was written.
    const id = this.#next++;
    const deadline = setTimeout(() => drop(client), WRITE_LIMIT_MS);
    try {
      await client.query('INSERT INTO written (id) VALUES ($1)', [id]);
    } catch {
      return false;
    } finally {
      clearTimeout(deadline);
    }
    const now = performance.now();
    this.#longestGapMs = Math.max(this.#longestGapMs, now - this.#lastAt);
    this.#lastAt = now;
    this.#acknowledged.push(id);
    return true;
  }
}
