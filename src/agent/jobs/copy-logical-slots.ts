import { seconds } from '../../base/duration.js';
import type { JobEnd } from '../../ha/job.js';
import type { LogicalSlotDefinition, SlotCopy } from '../../ports/logical-slots.js';
import type { Upstream } from '../../ports/postgres.js';
import type { JobControl } from '../job-runner.js';
import type { JobServices } from './services.js';

/** A standby that does not stop in this time is stopped at once: it has nothing to lose but a restartpoint. */
const STOP_MS = seconds(60);

type Outcome = Extract<JobEnd, { kind: 'copy-logical-slots' }>['outcome'];

/**
 * Puts copies of the leader's logical slots in place (ha.md §21.8). All that can fail is found out before the server is
 * stopped; a server that does not start with them starts again without.
 */
export async function copyLogicalSlots(
  leader: Upstream,
  wanted: readonly LogicalSlotDefinition[],
  s: JobServices,
  control: JobControl,
): Promise<JobEnd> {
  return { kind: 'copy-logical-slots', outcome: await copy(leader, wanted, s, control) };
}

async function copy(leader: Upstream, wanted: readonly LogicalSlotDefinition[], s: JobServices, control: JobControl): Promise<Outcome> {
  const { logicalSlots } = s;
  const names = wanted.map(({ name }) => name);
  const read = await logicalSlots.read(leader, names);
  const copies = (read ?? []).filter((slot) => isAsWanted(slot, wanted, s));
  if (read !== undefined)
    for (const name of names.filter((one) => !read.some((slot) => slot.name === one)))
      s.log.warning(`${leader.name} has no logical slot "${name}" to copy`);
  if (copies.length === 0 || control.isCancelled) return 'not-now';
  const room = await logicalSlots.room();
  if (room !== undefined && room < copies.length) {
    s.log.error(`logical slots are not copied: max_replication_slots leaves room for ${room}, ${copies.length} are needed`);
    return 'not-now';
  }
  return (await s.duty.without(() => putInPlace(copies, s, control), control)) ?? 'not-now';
}

async function putInPlace(copies: readonly SlotCopy[], s: JobServices, control: JobControl): Promise<Outcome> {
  const { logicalSlots } = s;
  s.forgetLogicalSlots();
  if (!(await s.postgres.stop({ mode: 'fast', checkpoint: true, timeoutMs: STOP_MS }))) return 'not-now';
  let outcome: Outcome = 'copied';
  try {
    await logicalSlots.write(copies);
  } catch (error) {
    s.log.error('logical slots could not be copied', error);
    outcome = 'not-now';
  }
  if (control.isCancelled) return outcome;
  if ((await s.postgres.start({ role: 'replica', interlock: control })) !== 'failed' || control.isCancelled) return outcome;
  s.log.error('PostgreSQL does not start with the copied logical slots: it is started without them');
  await logicalSlots.remove(copies.map(({ name }) => name));
  await s.postgres.start({ role: 'replica', interlock: control });
  return 'not-now';
}

function isAsWanted(slot: SlotCopy, wanted: readonly LogicalSlotDefinition[], s: JobServices): boolean {
  const definition = wanted.find(({ name }) => name === slot.name);
  if (definition === undefined) return false;
  const { name, database, plugin } = definition;
  if (slot.database === database && slot.plugin === plugin) return true;
  s.log.warning(
    `Will not copy the logical slot "${name}" due to the configuration mismatch: configuration={database: ${database}, plugin: ${plugin}}, ` +
      `slot on the primary={database: ${slot.database}, plugin: ${slot.plugin}}`,
  );
  return false;
}
