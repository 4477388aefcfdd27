import pg from 'pg';
import type { QueryFailure, QueryResult, QuerySession, QueryTarget } from './context.js';

const CONNECT_TIMEOUT_MS = 5000;
const DATABASE_ERROR = /^[0-9A-Z]{5}$/;

/** Connects as `patronictl query` does (patronictl.md §7.3). @returns why not; undefined: the server is in another state of recovery. */
export async function connectQuery(
  target: QueryTarget,
  isInRecovery: boolean | undefined,
): Promise<QuerySession | QueryFailure | undefined> {
  const { host, port, user, password, database } = target;
  const client = new pg.Client({
    host,
    port,
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    ...(database === undefined ? {} : { database }),
    fallback_application_name: 'Patroni ctl',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    // Text as the server writes it, but for what has a shape of its own in JSON.
    types: { getTypeParser: (oid: number) => (value: string) => readValue(oid, value) },
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    if (isInRecovery !== undefined) {
      const { rows } = await client.query<{ f: boolean }>('SELECT pg_catalog.pg_is_in_recovery() AS f');
      if (rows[0]?.f !== isInRecovery) {
        await client.end();
        return undefined;
      }
    }
  } catch (error) {
    await client.end().catch(() => undefined);
    const reason = error instanceof Error ? error.message || String('code' in error ? error.code : error.name) : String(error);
    const message = `ERROR, SQLSTATE: connection to server at "${host}", port ${port} failed: ${reason.replaceAll('\n', ' ')}`;
    return { kind: 'failed', message };
  }
  return { run: (sql) => runQuery(client, sql), close: () => client.end().catch(() => undefined) };
}

const BOOLEAN = 16;
const INTEGERS = new Set([20, 21, 23, 26]);

function readValue(oid: number, value: string): unknown {
  if (oid === BOOLEAN) return value === 't';
  if (INTEGERS.has(oid)) return Number.isSafeInteger(Number(value)) ? Number(value) : BigInt(value);
  return value;
}

async function runQuery(client: pg.Client, sql: string): Promise<QueryResult> {
  try {
    const answer: pg.QueryArrayResult | pg.QueryArrayResult[] = await client.query({ text: sql, rowMode: 'array' });
    const results: readonly pg.QueryArrayResult[] = Array.isArray(answer) ? answer : [answer];
    const last = results.at(-1);
    if (last === undefined || last.fields.length === 0) return { kind: 'failed', message: 'ERROR, SQLSTATE: no results to fetch' };
    return { kind: 'rows', columns: last.fields.map((field) => field.name), rows: last.rows };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const code = 'code' in error && typeof error.code === 'string' && DATABASE_ERROR.test(error.code) ? error.code : undefined;
    return { kind: 'failed', message: `ERROR, SQLSTATE: ${code ?? error.message.replaceAll('\n', ' ')}` };
  }
}
