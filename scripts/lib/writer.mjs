// A client that writes rows one after the other, as fast as it is told to, and remembers every acknowledgement.

import pg from 'pg';
import { SUPERUSER } from './member-settings.mjs';
import { sleep } from './wait.mjs';

const RETRY_MS = 5;
const CONNECT_LIMIT_MS = 1_000;
// A lost peer may leave a connection that never answers; longer than any healthy INSERT on a busy machine.
const QUERY_LIMIT_MS = 3_000;

const TABLE = 'CREATE TABLE IF NOT EXISTS rows_written (id bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp())';

async function open(port) {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    ...SUPERUSER,
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    query_timeout: QUERY_LIMIT_MS,
  });
  let isBroken = false;
  // pg reports a lost connection by an event; the query that is under way is rejected as well.
  client.on('error', () => {
    isBroken = true;
  });
  client.on('end', () => {
    isBroken = true;
  });
  try {
    await client.connect();
  } catch (error) {
    client.connection?.stream?.destroy();
    throw error;
  }
  return {
    isBroken: () => isBroken,
    query: (text, values) => client.query(text, values),
    // Not end(): it would wait for a peer that may be gone.
    close: () => client.connection.stream.destroy(),
  };
}

/**
 * One connection to each port; rows go to whichever takes them. With the one port of a proxy that is an ordinary client;
 * with the ports of all members it is a client that knows them all, so that the gaps are those of the cluster alone.
 * The connections that do not take writes stay open: a promoted replica is written to without a new connection.
 */
export function createWriter({ ports, paceMs = 5 }) {
  const connections = new Map();
  let current = ports[0];
  let isStopped = false;
  let isHeld = false;
  let idle;
  let first = 1;
  let last = 0;
  let lastAt;
  let gaps = [];
  let failures = 0;

  async function connection(port) {
    const open_ = connections.get(port);
    if (open_ && !open_.isBroken()) return open_;
    open_?.close();
    connections.delete(port);
    const fresh = await open(port);
    if (isStopped) {
      fresh.close();
      throw new Error('stopped');
    }
    connections.set(port, fresh);
    return fresh;
  }

  async function write(id) {
    const client = await connection(current);
    try {
      // An INSERT whose answer was lost may have been committed: the repetition must not fail, nor count twice.
      await client.query('INSERT INTO rows_written (id) VALUES ($1) ON CONFLICT (id) DO NOTHING', [id]);
    } catch (error) {
      // 25006: this one is a replica, and its connection stays good.
      if (error.code !== '25006') {
        client.close();
        connections.delete(current);
      }
      throw error;
    }
  }

  function acknowledged(id) {
    const now = performance.now();
    if (lastAt !== undefined) gaps.push({ ms: now - lastAt, after: id - 1 });
    last = id;
    lastAt = now;
  }

  async function loop() {
    while (!isStopped) {
      if (isHeld) {
        idle?.();
        await sleep(1);
        continue;
      }
      try {
        await write(last + 1);
        acknowledged(last + 1);
        if (paceMs > 0) await sleep(paceMs);
      } catch {
        failures += 1;
        current = ports[(ports.indexOf(current) + 1) % ports.length];
        // One round over all ports, then a pause.
        if (current === ports[0]) await sleep(RETRY_MS);
      }
    }
  }

  let finished;
  return {
    /** Creates the table and begins. */
    async start() {
      for (let attempt = 1; ; attempt += 1) {
        try {
          const client = await connection(current);
          await client.query(TABLE);
          // After the rows of an earlier writer.
          last = Number((await client.query('SELECT coalesce(max(id), 0) AS last FROM rows_written')).rows[0].last);
          first = last + 1;
          break;
        } catch (error) {
          if (attempt >= 100) throw error;
          current = ports[(ports.indexOf(current) + 1) % ports.length];
          await sleep(50);
        }
      }
      finished = loop();
    },
    /** Forgets the gaps so far; the next one counts from the last acknowledgement. */
    resetGaps() {
      gaps = [];
      failures = 0;
    },
    longestGap: () => gaps.reduce((longest, gap) => (gap.ms > longest.ms ? gap : longest), { ms: 0, after: 0 }),
    failures: () => failures,
    /** Rows first() … acknowledged() were all confirmed. */
    first: () => first,
    acknowledged: () => last,
    /** Milliseconds since the last acknowledgement. */
    silenceMs: () => (lastAt === undefined ? 0 : performance.now() - lastAt),
    /** Lets the write under way end, and begins no other until `go`. */
    hold() {
      isHeld = true;
      return new Promise((resolve) => {
        idle = resolve;
      });
    },
    go() {
      isHeld = false;
      idle = undefined;
    },
    async stop() {
      isStopped = true;
      isHeld = false;
      await finished;
      for (const each of connections.values()) each.close();
    },
  };
}

/** How many of the rows that the writer was promised are missing there. */
export async function missingRows(member, writer) {
  const [first, last] = [writer.first(), writer.acknowledged()];
  const text = 'SELECT $2::bigint - $1::bigint + 1 - count(*) AS missing FROM rows_written WHERE id BETWEEN $1 AND $2';
  return Number((await member.sql(text, [first, last]))[0].missing);
}
