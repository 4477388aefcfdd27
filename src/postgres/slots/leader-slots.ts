import type { Clock } from '../../ports/clock.js';
import type { Log } from '../../ports/log.js';
import type { LeaderSlots, SlotCopy } from '../../ports/logical-slots.js';
import { connect } from '../query/connect.js';
import { type ConnectionParameters, quoteLiteral, type Row, type Session } from '../query/session.js';
import { discardWal, fetchWal, restartLsnOf } from './slot-wal.js';

const list = (names: readonly string[]): string => names.map(quoteLiteral).join(', ');

/** State and attributes of logical slots there, for copies. A slot that the server (17 and newer) synchronises itself is left out. */
export function readSlots(
  leader: ConnectionParameters,
  names: readonly string[],
  wal: { readonly clock: Clock; readonly folder: string; readonly log: Log },
): Promise<readonly SlotCopy[]> {
  return onPrimary(leader, wal.clock, async (session) => {
    const notSynced = session.serverVersion >= 170_000 ? ' AND NOT s.failover' : '';
    const rows = await session.query(`SELECT s.slot_name, d.datname AS database, s.plugin,
pg_catalog.encode(pg_catalog.pg_read_binary_file('pg_replslot/' || s.slot_name || '/state'), 'hex') AS state
FROM pg_catalog.pg_get_replication_slots() AS s JOIN pg_catalog.pg_database AS d ON s.datoid = d.oid
WHERE s.slot_type = 'logical' AND NOT s.temporary AND s.slot_name IN (${list(names)})${notSynced}`);
    await discardWal(wal.folder);
    const copies: SlotCopy[] = [];
    for (const row of rows) {
      const name = row['slot_name'] ?? '';
      const state = Buffer.from(row['state'] ?? '', 'hex');
      const lsn = restartLsnOf(state);
      const segments = lsn === undefined ? undefined : await fetchWal(session, lsn, wal.folder);
      if (segments === undefined) wal.log.warning(`logical replication slot '${name}' is not copied: the WAL that it needs can't be had`);
      else copies.push({ name, database: row['database'] ?? '', plugin: row['plugin'] ?? '', state, wal: segments });
    }
    return copies;
  });
}

/** catalog_xmin of the physical slot and of logical ones. */
export function readXmins(leader: ConnectionParameters, physical: string, names: readonly string[], clock: Clock): Promise<LeaderSlots> {
  return onPrimary(leader, clock, async (session) => {
    const rows = await session.query(`SELECT slot_name, slot_type, catalog_xmin FROM pg_catalog.pg_get_replication_slots()
WHERE slot_name IN (${list([physical, ...names])})`);
    const own = rows.find((row) => row['slot_type'] === 'physical' && row['slot_name'] === physical);
    const logical = rows.filter((row) => row['slot_type'] === 'logical').flatMap(xminOf);
    return {
      physical: own === undefined ? undefined : { catalogXmin: own['catalog_xmin'] ?? undefined },
      logical: new Map(logical),
    };
  });
}

function xminOf(row: Row): (readonly [string, string])[] {
  const name = row['slot_name'];
  const xmin = row['catalog_xmin'];
  return typeof name === 'string' && typeof xmin === 'string' ? [[name, xmin]] : [];
}

/** A server in recovery has slots of its own pace: only those of a primary count. @throws ConnectionProblem, QueryFailed, Error */
async function onPrimary<T>(leader: ConnectionParameters, clock: Clock, use: (session: Session) => Promise<T>): Promise<T> {
  const session = await connect(leader, { clock });
  try {
    const row = (await session.query('SELECT pg_catalog.pg_is_in_recovery() AS r'))[0];
    if (row?.['r'] !== 'f') throw new Error('it is in recovery');
    return await use(session);
  } finally {
    session.close();
  }
}
