import { connect } from 'node:net';
import { userInfo } from 'node:os';
import type { Clock } from '../../ports/clock.js';
import { defaultHost } from '../query/connect.js';
import type { ConnectionParameters } from '../query/session.js';

/** What pg_isready tells: exit codes 0, 1 and 2. */
export type Readiness = 'accepting' | 'rejecting' | 'no-response';

/** As pg_isready's default. */
const PROBE_TIMEOUT_MS = 3000;

/** "The database system is starting up / shutting down / not accepting connections". */
const CANNOT_CONNECT_NOW = '57P03';

/**
 * Sends a start-up packet and judges the first answer as libpq's PQping does: an authentication request, or any error but
 * 57P03, means that the server accepts connections. It costs no process and no password, and does not finish the connection.
 */
export function probe(target: ConnectionParameters, clock: Clock, timeoutMs = PROBE_TIMEOUT_MS): Promise<Readiness> {
  const port = target['port'] ?? '5432';
  const host = target['host'] || defaultHost(port);
  return new Promise((resolve) => {
    let received = Buffer.alloc(0);
    const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(Number(port), host);
    const finish = (readiness: Readiness): void => {
      cancel();
      socket.destroy();
      resolve(readiness);
    };
    const cancel = clock.after(timeoutMs, () => finish('no-response'));
    socket.on('error', () => finish('no-response'));
    socket.on('close', () => finish('no-response'));
    socket.on('connect', () => socket.write(startupPacket(target['user'] ?? userInfo().username, target['dbname'] ?? 'postgres')));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      const readiness = judge(received);
      if (readiness !== undefined) finish(readiness);
    });
  });
}

function startupPacket(user: string, database: string): Buffer {
  const body = Buffer.from(`user\0${user}\0database\0${database}\0application_name\0Patroni\0\0`, 'utf8');
  const head = Buffer.alloc(8);
  head.writeInt32BE(body.length + 8, 0);
  head.writeInt32BE(0x0003_0000, 4);
  return Buffer.concat([head, body]);
}

/** undefined: more bytes are needed. */
function judge(received: Buffer): Readiness | undefined {
  const type = received[0];
  if (type === undefined) return undefined;
  if (type !== 0x45) return 'accepting';
  if (received.length < 5 || received.length < 1 + received.readInt32BE(1)) return undefined;
  const sqlState = received
    .toString('latin1', 5)
    .split('\0')
    .find((field) => field.startsWith('C'));
  // An error without SQLSTATE is none of a running server's (as libpq sees it).
  if (sqlState === undefined) return 'no-response';
  return sqlState.slice(1) === CANNOT_CONNECT_NOW ? 'rejecting' : 'accepting';
}
