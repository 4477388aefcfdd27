import { LSN_ZERO, type Lsn, maxLsn } from '../base/lsn.js';
import { isTruthy } from '../base/python-values.js';
import { compareVersions, type Member, memberLsn, traitsOfMember, versionOf } from '../cluster/member.js';
import { slotNameOf } from '../cluster/slot-name.js';
import { memberNamed } from '../cluster/view.js';
import type { LogicalSlotDefinition } from '../ports/logical-slots.js';
import type { ReplicationSlot } from '../ports/postgres.js';
import { isPrimary, type KnownObservation, type Observation } from './observation.js';
import { CAN_ADVANCE_FROM, logicalSlots, permanentSlots, slotOnPrimary } from './slots-permanent.js';

/** From this version on logical slots may be synchronised by the server itself. */
export const SYNCED_SLOTS_FROM = 170_000;
/** Leaders below 4.0.0 did not publish the slots of all members. */
const PUBLISHES_ALL_SLOTS_FROM = [4, 0, 0];

/** A physical slot that should exist on this server. */
export interface WantedPhysicalSlot {
  readonly kind: 'physical';
  readonly name: string;
  /** True: a standby streams through it; false: it is kept in case this server leads; undefined: not known (kept for an absent member). */
  readonly expectedActive: boolean | undefined;
  readonly lsn: Lsn | undefined;
}

/** A slot that should exist on this server. `lsn` is what the leader last published of it; undefined: nothing. */
export type WantedSlot = WantedPhysicalSlot | ({ readonly kind: 'logical'; readonly lsn: Lsn | undefined } & LogicalSlotDefinition);

/** Slots that this server is to have: of members, of absent members for a while, and permanent ones (ha.md §21.2). */
export function wantedSlots(o: KnownObservation): ReadonlyMap<string, WantedSlot> {
  const wanted = new Map<string, WantedSlot>();
  if (!o.config.useSlots) return wanted;
  for (const slot of memberSlots(o)) wanted.set(slot.name, slot);
  if (!o.policy.traits.nofailover && canKeepAhead(o)) {
    for (const name of o.cluster.view.status.retainSlots) {
      if (name !== slotNameOf(o.me) && !wanted.has(name))
        wanted.set(name, { kind: 'physical', name, expectedActive: undefined, lsn: publishedLsn(o, name) });
    }
  }
  for (const slot of [...permanentPhysical(o), ...permanentLogical(o)]) if (!wanted.has(slot.name)) wanted.set(slot.name, slot);
  return wanted;
}

const canKeepAhead = (o: KnownObservation): boolean => canAdvance(o) && o.config.memberSlotsTtlMs > 0;

export const canAdvance = (o: Observation): boolean => o.postgres.majorVersion >= CAN_ADVANCE_FROM;

const leads = (o: KnownObservation): boolean => isPrimary(o) || o.postgres.role === 'standby_leader' || o.postgres.role === 'primary';

export const publishedLsn = (o: KnownObservation, slot: string): Lsn | undefined => {
  const lsn = o.cluster.view.status.slots?.get(slot);
  return lsn === LSN_ZERO ? undefined : lsn;
};

function streamsFromMe(o: KnownObservation, member: Member): boolean {
  const upstream = traitsOfMember(member).replicatefrom;
  if (leads(o)) return upstream === undefined || upstream === o.me || memberNamed(o.cluster.view, upstream) === undefined;
  return upstream === o.me && member.name !== o.cluster.view.leader?.name;
}

function memberSlots(o: KnownObservation): WantedPhysicalSlot[] {
  const { view } = o.cluster;
  const leaderVersion = view.leader === undefined ? undefined : versionOf(view.leader.member);
  const isOldLeader = leaderVersion !== undefined && compareVersions(leaderVersion, PUBLISHES_ALL_SLOTS_FROM) < 0;
  const slots: WantedPhysicalSlot[] = [];
  for (const member of view.members) {
    const traits = traitsOfMember(member);
    if (member.name === o.me || traits.nostream) continue;
    const isExpected = streamsFromMe(o, member);
    const isKept = canKeepAhead(o) ? !o.policy.traits.nofailover || traits.replicatefrom === o.me : isExpected;
    if (!isKept) continue;
    const name = slotNameOf(member.name);
    const published = publishedLsn(o, name);
    const lsn = traits.replicatefrom !== undefined || isOldLeader ? maxLsn(published, memberLsn(member)) : published;
    slots.push({ kind: 'physical', name, expectedActive: isExpected, lsn: lsn === LSN_ZERO ? undefined : lsn });
  }
  return slots;
}

function permanentPhysical(o: KnownObservation): WantedPhysicalSlot[] {
  if (o.policy.traits.nofailover || (!canAdvance(o) && !leads(o))) return [];
  const slots: WantedPhysicalSlot[] = [];
  for (const slot of permanentSlots(o.config.permanentSlots)) {
    if (slot.kind !== 'physical' || slot.name === slotNameOf(o.me) || !fitsClusterType(o, slot.clusterType)) continue;
    const { name } = slot;
    const member = o.cluster.view.members.find((candidate) => slotNameOf(candidate.name) === name);
    const isCascaded = member !== undefined && traitsOfMember(member).replicatefrom !== undefined;
    const lsn = maxLsn(publishedLsn(o, name), isCascaded ? memberLsn(member) : undefined);
    slots.push({ kind: 'physical', name, expectedActive: !isCascaded && leads(o), lsn: lsn === LSN_ZERO ? undefined : lsn });
  }
  return slots;
}

/** `cluster_type` counts only where logical slots can't be: there Patroni reads it (ha.md §21.2 and K-6). */
function fitsClusterType(o: KnownObservation, clusterType: unknown): boolean {
  if (o.config.standbyCluster !== undefined) return clusterType !== 'primary';
  return clusterType !== 'standby' || slotOnPrimary(o.cluster.view, o.me, o.policy.traits) !== undefined;
}

function permanentLogical(o: KnownObservation): WantedSlot[] {
  const { view } = o.cluster;
  if (o.policy.traits.nofailover || o.config.standbyCluster !== undefined || !canAdvance(o)) return [];
  if (slotOnPrimary(view, o.me, o.policy.traits) === undefined) return [];
  return logicalSlots(o).map((slot) => ({ ...slot, kind: 'logical', lsn: publishedLsn(o, slot.name) }));
}

/** Whether an existing slot is the one that the configuration means. */
export function isSameSlot(slot: ReplicationSlot, wanted: WantedSlot): boolean {
  if (wanted.kind === 'physical') return slot.type === 'physical';
  return slot.type === 'logical' && slot.database === wanted.database && slot.plugin === wanted.plugin;
}

/** Whether an entry of `ignore_slots` matches in everything that it names. */
export function isIgnored(o: Observation, slot: ReplicationSlot): boolean {
  const facts: Readonly<Record<string, unknown>> = { name: slot.name, type: slot.type, database: slot.database, plugin: slot.plugin };
  return o.config.ignoreSlots.some((entry) =>
    ['name', 'type', 'database', 'plugin'].every((key) => !isTruthy(entry[key]) || entry[key] === facts[key]),
  );
}

/** A slot that PostgreSQL itself keeps in step on the standbys (from 17 on): not ours. */
export function isFailoverSlot(o: Observation, slot: ReplicationSlot): boolean {
  return slot.type === 'logical' && slot.isFailover && o.postgres.majorVersion >= SYNCED_SLOTS_FROM;
}
