import { formatLsn, type Lsn } from '../../base/lsn.js';
import { quoteLiteral, type Row } from '../query/session.js';

export type RunQuery = (text: string) => Promise<readonly Row[]>;

/**
 * Creates the slot unless there is one of that name; it keeps WAL from now on.
 * @throws ConnectionProblem, QueryFailed (no free slot).
 */
export async function createPhysicalSlot(query: RunQuery, name: string, majorVersion: number): Promise<void> {
  const slot = quoteLiteral(name);
  const immediately = majorVersion >= 90_600 ? ', true' : '';
  await query(`SELECT pg_catalog.pg_create_physical_replication_slot(${slot}${immediately})
WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_replication_slots WHERE slot_type = 'physical' AND slot_name = ${slot})`);
}

/** One statement, so that nobody can start to use the slot between look and drop. False when it is in use. */
export async function dropSlot(query: RunQuery, name: string): Promise<boolean> {
  const rows =
    await query(`WITH slots AS (SELECT slot_name, active FROM pg_catalog.pg_replication_slots WHERE slot_name = ${quoteLiteral(name)}),
dropped AS (SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM slots WHERE NOT active)
SELECT (SELECT pg_catalog.bool_or(active) FROM slots) AS active, (SELECT pg_catalog.count(*) FROM dropped) AS dropped`);
  return rows[0]?.['active'] !== 't';
}

/** Lets the server forget WAL before `lsn`. Never for a slot that a standby uses: the caller knows. From version 11. */
export async function advancePhysicalSlot(query: RunQuery, name: string, lsn: Lsn): Promise<void> {
  await query(`SELECT pg_catalog.pg_replication_slot_advance(${quoteLiteral(name)}, ${quoteLiteral(formatLsn(lsn))})`);
}
