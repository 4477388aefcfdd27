import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import pg from 'pg';
import type { Clock } from '../../ports/clock.js';
import { ConnectionProblem, classify } from './errors.js';
import { passwordFromFile } from './passwords.js';
import { innerConnection, PgSession } from './pg-session.js';
import type { ConnectionParameters, Session } from './session.js';
import { type Attempt, attempts, tlsOptions } from './tls.js';

export interface ConnectOptions {
  readonly clock: Clock;
  /** Whole attempt on one host, in milliseconds; default 3000. */
  readonly connectTimeoutMs?: number | undefined;
  /** Default limit of each query on our side, in milliseconds; default 3000. 0: none (the server's own limit holds). */
  readonly queryTimeoutMs?: number | undefined;
  /** Startup options; default `-c statement_timeout=2000 -c search_path=pg_catalog` (without search_path for replication). */
  readonly startupOptions?: string | undefined;
  readonly applicationName?: string | undefined;
  /** A physical replication connection: `IDENTIFY_SYSTEM`, `TIMELINE_HISTORY n`. */
  readonly isReplication?: boolean | undefined;
}

const DEFAULT_TIMEOUT_MS = 3000;
const SOCKET_DIRECTORIES = ['/var/run/postgresql', '/tmp'];

/**
 * Opens one connection with libpq's meaning of the keywords: comma lists of hosts are tried in order, an absent host is the
 * default socket directory, a missing password comes from the password file.
 * @throws ConnectionProblem with the last host's reason; passwords are never part of it.
 */
export async function connect(parameters: ConnectionParameters, options: ConnectOptions): Promise<Session> {
  refuseWhatWeCannotHonour(parameters);
  const ports = (parameters['port'] ?? process.env['PGPORT'] ?? '5432').split(',');
  const hosts = (parameters['host'] || defaultHost(ports[0] ?? '5432')).split(',');
  let failure: ConnectionProblem | undefined;
  for (const [at, host] of hosts.entries()) {
    const port = ports[at] ?? ports[0] ?? '5432';
    try {
      const session = await connectTo(host, port, parameters, options);
      if (await isWanted(session, parameters['target_session_attrs'])) return session;
      session.close();
      failure = new ConnectionProblem(`connection to ${host}:${port}: session is read-only`);
    } catch (error) {
      failure = toProblem(error, `connection to ${host}:${port}`);
    }
  }
  throw failure ?? new ConnectionProblem('no host to connect to');
}

function toProblem(error: unknown, attempted: string): ConnectionProblem {
  const known = classify(error, attempted);
  return known instanceof ConnectionProblem ? known : new ConnectionProblem(`${attempted}: ${known.message}`, { cause: known });
}

function refuseWhatWeCannotHonour(parameters: ConnectionParameters): void {
  if (parameters['gssencmode'] === 'require') throw new ConnectionProblem('gssencmode=require is not supported');
  const attributes = parameters['target_session_attrs'];
  if (attributes !== undefined && !['any', 'read-write', 'primary'].includes(attributes)) {
    throw new ConnectionProblem(`target_session_attrs=${attributes} is not supported`);
  }
}

/** The host that libpq would take where none is given: `$PGHOST` or the default socket directory. */
export function defaultHost(port: string): string {
  const configured = process.env['PGHOST'];
  if (configured) return configured;
  return SOCKET_DIRECTORIES.find((folder) => existsSync(`${folder}/.s.PGSQL.${port}`)) ?? SOCKET_DIRECTORIES[0] ?? '/tmp';
}

async function isWanted(session: Session, attributes: string | undefined): Promise<boolean> {
  if (attributes === undefined || attributes === 'any') return true;
  const rows = await session.query('SHOW transaction_read_only');
  return rows[0]?.['transaction_read_only'] === 'off';
}

async function connectTo(host: string, port: string, parameters: ConnectionParameters, options: ConnectOptions): Promise<Session> {
  const tries = attempts(parameters['sslmode'], host.startsWith('/'));
  for (const [at, attempt] of tries.entries()) {
    try {
      return await connectOnce(host, port, attempt, parameters, options);
    } catch (error) {
      if (at === tries.length - 1 || !mayTryOtherwise(error)) throw error;
    }
  }
  throw new ConnectionProblem(`connection to ${host}:${port}: no way to connect`);
}

/** libpq's `prefer` and `allow` go on when the server lacks TLS or its pg_hba.conf refuses the connection. */
function mayTryOtherwise(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.message.includes('does not support SSL') || ('code' in error && error.code === '28000');
}

async function connectOnce(
  host: string,
  port: string,
  attempt: Attempt,
  parameters: ConnectionParameters,
  options: ConnectOptions,
): Promise<Session> {
  const user = parameters['user'] ?? process.env['PGUSER'] ?? userInfo().username;
  const database = parameters['dbname'] ?? user;
  const password = parameters['password'] ?? process.env['PGPASSWORD'];
  const requiresBinding = parameters['channel_binding'] === 'require';
  const startup = options.startupOptions ?? defaultStartup(options.isReplication === true);
  const config = {
    host,
    port: Number(port),
    user,
    database: options.isReplication ? 'replication' : database,
    password: password ?? (() => passwordFromFile({ host, port, database, user }, parameters['passfile']) as Promise<string>),
    ssl: attempt === 'tls' ? await tlsOptions(parameters) : false,
    connectionTimeoutMillis: options.connectTimeoutMs ?? DEFAULT_TIMEOUT_MS,
    enableChannelBinding: attempt === 'tls' && parameters['channel_binding'] !== 'disable',
    keepAlive: true,
    options: startup,
    ...(options.applicationName === undefined ? {} : { application_name: options.applicationName }),
    // Rows stay text: the driver's parsers go through doubles and Dates and lose digits.
    types: { getTypeParser: () => (value: string) => value },
    // `replication` is a start-up parameter that the driver passes on, although its types lack it.
    ...(options.isReplication ? { replication: 'true' } : {}),
    ...(parameters['sslnegotiation'] === 'direct' && attempt === 'tls' ? { sslnegotiation: 'direct' } : {}),
  };
  const client = new pg.Client(config as pg.ClientConfig);
  const session = new PgSession(client, options.clock, options.queryTimeoutMs ?? DEFAULT_TIMEOUT_MS, `connection to ${host}:${port}`);
  const isBound = requiresBinding ? watchBinding(client) : () => true;
  try {
    await client.connect();
    if (!isBound()) throw new ConnectionProblem('channel binding required, but the server did not offer it');
  } catch (error) {
    session.close();
    throw error;
  }
  return session;
}

function defaultStartup(isReplication: boolean): string {
  return isReplication ? '-c statement_timeout=2000' : '-c statement_timeout=2000 -c search_path=pg_catalog';
}

/** Cuts the connection before a password is sent in any way but SCRAM with channel binding. */
function watchBinding(client: pg.Client): () => boolean {
  let isBound = false;
  const connection = innerConnection(client);
  const refuse = (): void => void connection.stream.destroy(new Error('channel binding required'));
  connection.prependListener('authenticationCleartextPassword', refuse);
  connection.prependListener('authenticationMD5Password', refuse);
  connection.prependListener('authenticationSASL', (message: { readonly mechanisms?: readonly string[] }) => {
    isBound = message.mechanisms?.includes('SCRAM-SHA-256-PLUS') === true;
    if (!isBound) refuse();
  });
  return () => isBound;
}
