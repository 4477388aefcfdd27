/**
 * The server can't be reached, or the session broke: nothing is known about whether the statement was run.
 * The session is closed already; the next query opens a new one.
 */
export class ConnectionProblem extends Error {
  override readonly name = 'ConnectionProblem';
  /** SQLSTATE when the server itself refused (`57P03` cannot_connect_now, `28P01` …); undefined for the network. */
  readonly sqlState: string | undefined;

  constructor(message: string, options?: { readonly cause?: unknown; readonly sqlState?: string | undefined }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.sqlState = options?.sqlState;
  }
}

/** The server answered with an error; the session can go on. */
export class QueryFailed extends Error {
  override readonly name = 'QueryFailed';
  readonly sqlState: string;

  constructor(message: string, sqlState: string, cause?: unknown) {
    super(message, { cause });
    this.sqlState = sqlState;
  }
}

/** SQLSTATE of a statement that ran into `statement_timeout` or was cancelled. */
export const QUERY_CANCELED = '57014';

interface ServerErrorFields {
  readonly code: string;
  readonly severity: string;
  readonly message: string;
}

function serverError(error: unknown): ServerErrorFields | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, severity } = error as Error & { code?: unknown; severity?: unknown };
  // Network errors have a code too (`ECONNREFUSED`), but no severity.
  return typeof code === 'string' && typeof severity === 'string' ? { code, severity, message: error.message } : undefined;
}

/**
 * Sorts what the driver throws (postgres.md §9.4). FATAL and PANIC end the session, so they count as connection problems
 * although the server did answer.
 */
export function classify(error: unknown, attempted: string): ConnectionProblem | QueryFailed {
  if (error instanceof ConnectionProblem || error instanceof QueryFailed) return error;
  const fields = serverError(error);
  if (fields && fields.severity === 'ERROR' && !fields.code.startsWith('08')) {
    return new QueryFailed(fields.message, fields.code, error);
  }
  const text = error instanceof Error ? error.message : String(error);
  return new ConnectionProblem(`${attempted}: ${text}`, { cause: error, sqlState: fields?.code });
}
