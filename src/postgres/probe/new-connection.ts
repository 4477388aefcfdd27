import { parseLsn } from '../../base/lsn.js';
import type { Clock } from '../../ports/clock.js';
import { connect } from '../query/connect.js';
import { ConnectionProblem, QueryFailed } from '../query/errors.js';
import type { ConnectionParameters, Row } from '../query/session.js';
import type { Finding } from './series.js';

/** After our own limit the attempt may go on for a moment, to end by itself. */
const GRACE_MS = 1000;

/** The accept queue of the socket is full: nobody takes connections out of it. */
const QUEUE_FULL = ['EAGAIN', 'ETIMEDOUT'];

/** Waits of processes that have WAL to write; PostgreSQL 17 spells some of them in another way. */
const WAL_WAITS = "'walsync','walwrite','walwritelock','walinitsync','walinitwrite'";

/** How far WAL was flushed, and whether somebody waits for more; undefined in recovery and where it can't be told. */
export interface WalLook {
  readonly flushed: bigint;
  readonly isAwaited: boolean;
}

export interface NewConnectionLook {
  readonly connection: Finding;
  readonly wal: WalLook | undefined;
}

/** A look that costs one backend for a moment and leaves no trace: it reads positions and waits, and writes nothing. */
function walQuery(majorVersion: number): string {
  if (majorVersion < 100_000) return 'SELECT NULL AS flushed, 0 AS waiting';
  return (
    'SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL ELSE pg_catalog.pg_current_wal_flush_lsn()::pg_catalog.text END AS flushed, ' +
    `(SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity WHERE pg_catalog.lower(wait_event) IN (${WAL_WAITS})) AS waiting`
  );
}

/**
 * Connects as a client would and asks for one row. The agent's kept connection says nothing of that: it goes on to work when
 * the postmaster is stopped. A server that refuses (all slots taken, starting, wrong password) is alive, so it is fine here.
 */
export async function lookByNewConnection(
  target: ConnectionParameters,
  majorVersion: number,
  limitMs: number,
  clock: Clock,
): Promise<NewConnectionLook> {
  let cancel: (() => void) | undefined;
  const limit = new Promise<'silent'>((resolve) => {
    cancel = clock.after(limitMs, () => resolve('silent'));
  });
  const answer = await Promise.race([limit, ask(target, majorVersion, limitMs + GRACE_MS, clock)]);
  cancel?.();
  if (answer === 'silent') {
    const detail = `a new connection got no answer within ${Math.round(limitMs / 1000)} s`;
    return { connection: { kind: 'no-new-connections', detail }, wal: undefined };
  }
  return answer;
}

async function ask(target: ConnectionParameters, majorVersion: number, limitMs: number, clock: Clock): Promise<NewConnectionLook> {
  try {
    const session = await connect(target, {
      clock,
      connectTimeoutMs: limitMs,
      queryTimeoutMs: limitMs,
      startupOptions: `-c statement_timeout=${Math.round(limitMs)} -c pg_stat_statements.track=none -c search_path=pg_catalog`,
      applicationName: 'Patroni probe',
    });
    try {
      return { connection: { kind: 'fine' }, wal: walLook((await session.query(walQuery(majorVersion)))[0]) };
    } finally {
      session.close();
    }
  } catch (error) {
    return { connection: judge(error), wal: undefined };
  }
}

function walLook(row: Row | undefined): WalLook | undefined {
  const flushed = row?.['flushed'];
  const position = typeof flushed === 'string' ? parseLsn(flushed) : undefined;
  return position === undefined ? undefined : { flushed: position, isAwaited: Number(row?.['waiting'] ?? 0) > 0 };
}

function judge(error: unknown): Finding {
  if (error instanceof QueryFailed) return { kind: 'fine' };
  if (!(error instanceof ConnectionProblem)) throw error;
  if (error.sqlState !== undefined) return { kind: 'fine' };
  const code = error.cause instanceof Error && 'code' in error.cause ? String(error.cause.code) : '';
  return QUEUE_FULL.includes(code) ? { kind: 'no-new-connections', detail: error.message } : { kind: 'unknown' };
}
