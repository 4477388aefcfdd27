import type { Milliseconds } from '../base/duration.js';
import { LSN_ZERO, type Lsn, maxLsn } from '../base/lsn.js';
import { compareText, isPlainObject, isTruthy } from '../base/python-values.js';
import { compareVersions, type Member, memberLsn, traitsOfMember, versionOf } from '../cluster/member.js';
import { isValidSlotName, slotNameOf } from '../cluster/slot-name.js';
import { memberNamed } from '../cluster/view.js';
import type { ReplicationSlot } from '../ports/postgres.js';
import { type Action, log } from './decision.js';
import { isPrimary, type KnownObservation, type Observation } from './observation.js';

/** Slots can be advanced from this version on, so that replicas may hold them ready. */
const CAN_ADVANCE_FROM = 110_000;
/** From this version on logical slots may be synchronised by the server itself. */
const SYNCED_SLOTS_FROM = 170_000;
/** Leaders below 4.0.0 did not publish the slots of all members. */
const PUBLISHES_ALL_SLOTS_FROM = [4, 0, 0];

/** A physical slot that should exist on this server. */
export interface WantedSlot {
  readonly name: string;
  /** True: a standby streams through it; false: it is kept in case this server leads; undefined: not known (kept for an absent member). */
  readonly expectedActive: boolean | undefined;
  readonly lsn: Lsn | undefined;
}

/** Physical slots that this server is to have: of members, of absent members for a while, and permanent ones (ha.md §21.2). */
export function wantedSlots(o: KnownObservation): ReadonlyMap<string, WantedSlot> {
  const wanted = new Map<string, WantedSlot>();
  if (!o.config.useSlots) return wanted;
  for (const slot of memberSlots(o)) wanted.set(slot.name, slot);
  if (!o.policy.traits.nofailover && canKeepAhead(o)) {
    for (const name of o.cluster.view.status.retainSlots) {
      if (name !== slotNameOf(o.me) && !wanted.has(name)) wanted.set(name, { name, expectedActive: undefined, lsn: publishedLsn(o, name) });
    }
  }
  for (const slot of permanentSlots(o)) if (!wanted.has(slot.name)) wanted.set(slot.name, slot);
  return wanted;
}

const canKeepAhead = (o: KnownObservation): boolean => o.postgres.majorVersion >= CAN_ADVANCE_FROM && o.config.memberSlotsTtlMs > 0;

const leads = (o: KnownObservation): boolean => isPrimary(o) || o.postgres.role === 'standby_leader' || o.postgres.role === 'primary';

const publishedLsn = (o: KnownObservation, slot: string): Lsn | undefined => o.cluster.view.status.slots?.get(slot);

function streamsFromMe(o: KnownObservation, member: Member): boolean {
  const upstream = traitsOfMember(member).replicatefrom;
  if (leads(o)) return upstream === undefined || upstream === o.me || memberNamed(o.cluster.view, upstream) === undefined;
  return upstream === o.me && member.name !== o.cluster.view.leader?.name;
}

function memberSlots(o: KnownObservation): WantedSlot[] {
  const { view } = o.cluster;
  const leaderVersion = view.leader === undefined ? undefined : versionOf(view.leader.member);
  const isOldLeader = leaderVersion !== undefined && compareVersions(leaderVersion, PUBLISHES_ALL_SLOTS_FROM) < 0;
  const slots: WantedSlot[] = [];
  for (const member of view.members) {
    const traits = traitsOfMember(member);
    if (member.name === o.me || traits.nostream) continue;
    const isExpected = streamsFromMe(o, member);
    const isKept = canKeepAhead(o) ? !o.policy.traits.nofailover || traits.replicatefrom === o.me : isExpected;
    if (!isKept) continue;
    const name = slotNameOf(member.name);
    const published = publishedLsn(o, name);
    const own = memberLsn(member);
    const lsn = traits.replicatefrom !== undefined || isOldLeader ? maxLsn(published, own) : published;
    slots.push({ name, expectedActive: isExpected, lsn: lsn === LSN_ZERO ? undefined : lsn });
  }
  return slots;
}

function permanentSlots(o: KnownObservation): WantedSlot[] {
  if (o.policy.traits.nofailover || (o.postgres.majorVersion < CAN_ADVANCE_FROM && !leads(o))) return [];
  const slots: WantedSlot[] = [];
  for (const [name, value] of Object.entries(o.config.permanentSlots)) {
    if (!isPhysical(value) || !isValidSlotName(name) || name === slotNameOf(o.me) || !fitsClusterType(o, value)) continue;
    const member = o.cluster.view.members.find((candidate) => slotNameOf(candidate.name) === name);
    const isCascaded = member !== undefined && traitsOfMember(member).replicatefrom !== undefined;
    const lsn = maxLsn(publishedLsn(o, name), isCascaded ? memberLsn(member) : undefined);
    slots.push({ name, expectedActive: !isCascaded && leads(o), lsn: lsn === LSN_ZERO ? undefined : lsn });
  }
  return slots;
}

function isPhysical(value: unknown): boolean {
  if (!isTruthy(value)) return true;
  return (
    isPlainObject(value) && (value['type'] ?? 'physical') === 'physical' && !(isTruthy(value['database']) && isTruthy(value['plugin']))
  );
}

/** `cluster_type` counts only in a standby cluster, as Patroni has it (ha.md §21.2 and K-6). */
function fitsClusterType(o: KnownObservation, value: unknown): boolean {
  return o.config.standbyCluster === undefined || !isPlainObject(value) || value['cluster_type'] !== 'primary';
}

/** Errors in the configuration of slots, to be reported when the configuration changes. */
export function slotProblems(o: KnownObservation): string[] {
  const problems: string[] = [];
  for (const name of Object.keys(o.config.permanentSlots)) {
    if (isValidSlotName(name)) continue;
    problems.push(
      `Invalid permanent replication slot name '${name}'`,
      'Slot name may only contain lower case letters, numbers, and the underscore chars',
    );
  }
  const owners = new Map<string, string[]>();
  for (const { name } of o.cluster.view.members) owners.set(slotNameOf(name), [...(owners.get(slotNameOf(name)) ?? []), name]);
  for (const [slot, names] of owners) {
    if (names.length > 1)
      problems.push(`Following cluster members share a replication slot name: ${names.sort(compareText).join(', ')} map to ${slot}`);
  }
  return problems;
}

/** What has to be done to the physical slots of a running server (ha.md §21.3, §21.4). */
export function planSlots(o: KnownObservation): Action[] {
  const { status } = o.postgres;
  if (status.kind !== 'known' || o.cluster.view.config === undefined) return [];
  const wanted = wantedSlots(o);
  const existing = new Map(status.value.slots.map((slot) => [slot.name, slot]));
  const actions: Action[] = [];
  for (const slot of existing.values()) {
    const why = reasonToDrop(o, slot, wanted.get(slot.name));
    if (why === undefined) continue;
    actions.push({ kind: 'drop-slot', name: slot.name, why });
    if (!slot.isActive) existing.delete(slot.name);
  }
  for (const slot of wanted.values()) actions.push(...maintain(slot, existing.get(slot.name), o));
  return actions;
}

function reasonToDrop(o: KnownObservation, slot: ReplicationSlot, wanted: WantedSlot | undefined): string | undefined {
  if (wanted !== undefined && slot.type !== 'physical') return 'it has another type than configured';
  if (o.config.isPaused || isIgnored(o, slot)) return undefined;
  if (slot.type === 'logical' && (isWantedLogical(o, slot) || (slot.isFailover && o.postgres.majorVersion >= SYNCED_SLOTS_FROM)))
    return undefined;
  if (wanted === undefined) return `Trying to drop unknown replication slot '${slot.name}'`;
  if (slot.walStatus === 'lost') return `Trying to drop replication slot '${slot.name}' with wal_status=lost`;
  const isCleanlyInactive = o.cluster.view.leader !== undefined && (o.cluster.view.leader.name !== o.me || isPrimary(o));
  if (isCleanlyInactive && wanted.expectedActive === false && slot.xmin !== undefined) {
    return `Dropping physical replication slot ${slot.name} because of its xmin value ${slot.xmin}`;
  }
  if (
    wanted.expectedActive !== true &&
    slot.xmin === undefined &&
    slot.restartLsn === undefined &&
    o.postgres.majorVersion >= CAN_ADVANCE_FROM &&
    !slot.isActive
  ) {
    return `Dropping physical replication slot ${slot.name} because it has no restart_lsn. This slot was probably not created by Patroni, but by an external agent.`;
  }
  return undefined;
}

function isWantedLogical(o: KnownObservation, slot: ReplicationSlot): boolean {
  const value = o.config.permanentSlots[slot.name];
  return isPlainObject(value) && value['database'] === slot.database && value['plugin'] === slot.plugin;
}

/** Whether an entry of `ignore_slots` matches in everything that it names. */
function isIgnored(o: KnownObservation, slot: ReplicationSlot): boolean {
  const facts: Readonly<Record<string, unknown>> = { name: slot.name, type: slot.type, database: slot.database, plugin: slot.plugin };
  return o.config.ignoreSlots.some((entry) =>
    ['name', 'type', 'database', 'plugin'].every((key) => !isTruthy(entry[key]) || entry[key] === facts[key]),
  );
}

function maintain(wanted: WantedSlot, existing: ReplicationSlot | undefined, o: KnownObservation): Action[] {
  if (existing === undefined) return [{ kind: 'create-slot', name: wanted.name }];
  if (wanted.expectedActive === true || wanted.lsn === undefined || existing.isActive || existing.xmin !== undefined) return [];
  const canAdvance = o.postgres.majorVersion >= CAN_ADVANCE_FROM && existing.restartLsn !== undefined && wanted.lsn > existing.restartLsn;
  return canAdvance ? [{ kind: 'advance-slot', name: wanted.name, lsn: wanted.lsn }] : [];
}

/** The positions that the leader publishes for all slots (ha.md §21.5); undefined where slots can't be kept ahead. */
export function publishedSlots(o: Observation, ownPosition: Lsn): ReadonlyMap<string, Lsn> | undefined {
  if (o.postgres.majorVersion < CAN_ADVANCE_FROM || o.postgres.status.kind !== 'known') return undefined;
  const slots = new Map<string, Lsn>();
  for (const slot of o.postgres.status.value.slots) {
    const lsn = slot.type === 'logical' ? slot.confirmedFlushLsn : slot.restartLsn;
    if (lsn !== undefined && (o.config.memberSlotsTtlMs > 0 || slot.name in o.config.permanentSlots)) slots.set(slot.name, lsn);
  }
  if (o.config.memberSlotsTtlMs > 0) slots.set(slotNameOf(o.me), ownPosition);
  return slots;
}

/** When each member slot was last seen in use, by monotonic time; the leader's memory of absent members. */
export type SlotRetention = ReadonlyMap<string, Milliseconds>;

/** Which slots of absent members are still kept (ha.md §21.6). */
export function retainSlots(
  o: KnownObservation,
  slots: ReadonlyMap<string, Lsn>,
  seen: SlotRetention,
): { readonly seen: SlotRetention; readonly names: readonly string[]; readonly log: readonly Action[] } {
  const next = new Map(seen);
  const present = [...o.cluster.view.members.filter((member) => !traitsOfMember(member).nostream).map((member) => member.name), o.me];
  for (const name of present.map(slotNameOf)) {
    const isPermanent = name in o.config.permanentSlots && isPhysical(o.config.permanentSlots[name]);
    if (slots.has(name) && !isPermanent) next.set(name, o.now);
  }
  const lines: Action[] = [];
  for (const [name, at] of next) {
    if (at + o.config.memberSlotsTtlMs > o.now) continue;
    next.delete(name);
    lines.push(
      log('info', `Replication slot '${name}' for absent cluster member is expired after ${o.config.memberSlotsTtlMs / 1000} sec.`),
    );
  }
  return { seen: next, names: [...next.keys()].sort(compareText), log: lines };
}
