import { compareText, isPlainObject, isTruthy, pythonText } from '../base/python-values.js';
import { traitsOfMember } from '../cluster/member.js';
import { isValidSlotName, slotNameOf } from '../cluster/slot-name.js';
import type { MemberTraits } from '../cluster/tags.js';
import { type ClusterView, memberNamed } from '../cluster/view.js';
import type { LogicalSlotDefinition } from '../ports/logical-slots.js';
import type { KnownObservation } from './observation.js';

/** Slots can be advanced from this version on, so that replicas may hold them ready. */
export const CAN_ADVANCE_FROM = 110_000;

/** An entry of `slots` in the dynamic configuration (ha.md §21.2). */
export type PermanentSlot =
  | { readonly kind: 'physical'; readonly name: string; readonly clusterType: unknown }
  | ({ readonly kind: 'logical' } & LogicalSlotDefinition)
  | { readonly kind: 'invalid'; readonly name: string; readonly problems: readonly string[] };

/** Every entry of the section, in its order. An empty value is a physical slot. */
export function permanentSlots(config: Readonly<Record<string, unknown>>): readonly PermanentSlot[] {
  return Object.entries(config).map(([name, value]) => permanentSlot(name, value));
}

function permanentSlot(name: string, value: unknown): PermanentSlot {
  if (!isValidSlotName(name)) {
    const problems = [
      `Invalid permanent replication slot name '${name}'`,
      'Slot name may only contain lower case letters, numbers, and the underscore chars',
    ];
    return { kind: 'invalid', name, problems };
  }
  if (!isTruthy(value)) return { kind: 'physical', name, clusterType: undefined };
  if (isPlainObject(value)) {
    const { type, database, plugin, cluster_type: clusterType } = value;
    const isComplete = isTruthy(database) && isTruthy(plugin);
    if (isComplete && (type ?? 'logical') === 'logical')
      return { kind: 'logical', name, database: pythonText(database), plugin: pythonText(plugin) };
    if (!isComplete && (type ?? 'physical') === 'physical') return { kind: 'physical', name, clusterType };
    if (isComplete && type === 'physical') return { kind: 'physical', name, clusterType };
  }
  return { kind: 'invalid', name, problems: [`Bad value for slot '${name}' in permanent_slots: ${pythonText(value)}${hint(value)}`] };
}

function hint(value: unknown): string {
  const isIncomplete = isPlainObject(value) && value['type'] === 'logical';
  return isIncomplete ? ' (a logical slot needs database and plugin)' : '';
}

/** Names of members' slots; a permanent logical slot can't have one of them. */
export function memberSlotNames(view: ClusterView, me: string): ReadonlySet<string> {
  return new Set([me, ...view.members.map(({ name }) => name)].map(slotNameOf));
}

/** The permanent logical slots that this member would have if it may have any, whatever its role. */
export function logicalSlots(o: KnownObservation): readonly LogicalSlotDefinition[] {
  const taken = memberSlotNames(o.cluster.view, o.me);
  return permanentSlots(o.config.permanentSlots).flatMap((slot) => (slot.kind === 'logical' && !taken.has(slot.name) ? [slot] : []));
}

/**
 * The slot on the primary through which a member is fed at last: its own, or that of the head of its cascade.
 * @returns undefined where there is none: `nostream` on the way, or members that replicate from each other.
 */
export function slotOnPrimary(view: ClusterView, name: string, traits: MemberTraits): string | undefined {
  const seen = new Set<string>();
  for (let at = name, tags = traits; !seen.has(at); ) {
    seen.add(at);
    if (tags.nostream) return undefined;
    const upstream = tags.replicatefrom === undefined || tags.replicatefrom === at ? undefined : memberNamed(view, tags.replicatefrom);
    if (upstream === undefined || upstream.name === view.leader?.name) return slotNameOf(at);
    at = upstream.name;
    tags = traitsOfMember(upstream);
  }
  return undefined;
}

/**
 * Whether hot_standby_feedback must be on here: a logical slot on a standby needs the catalog rows that the primary would
 * vacuum away. That goes for this member, and for members that replicate from it (ha.md §21.7).
 */
export function needsFeedback(o: KnownObservation): boolean {
  if (!o.config.useSlots || o.config.standbyCluster !== undefined || o.postgres.majorVersion < CAN_ADVANCE_FROM) return false;
  if (logicalSlots(o).length === 0) return false;
  return keepsLogicalSlots(o.cluster.view, o.me, o.policy.traits, new Set());
}

function keepsLogicalSlots(view: ClusterView, name: string, traits: MemberTraits, seen: Set<string>): boolean {
  if (seen.has(name) || slotOnPrimary(view, name, traits) === undefined) return false;
  seen.add(name);
  if (!traits.nofailover) return true;
  return view.members.some((member) => {
    const below = traitsOfMember(member);
    return below.replicatefrom === name && member.name !== view.leader?.name && keepsLogicalSlots(view, member.name, below, seen);
  });
}

/** What is wrong with the configuration of slots, to be reported when it or the members change. */
export function slotProblems(o: KnownObservation): readonly string[] {
  const { view } = o.cluster;
  const slots = permanentSlots(o.config.permanentSlots);
  const problems = slots.flatMap((slot) => (slot.kind === 'invalid' ? slot.problems : []));
  const taken = memberSlotNames(view, o.me);
  const logical = slots.filter((slot) => slot.kind === 'logical');
  for (const { name, database, plugin } of logical) {
    if (!taken.has(name)) continue;
    const shown = pythonText({ [name]: { database, plugin } });
    problems.push(`Permanent logical replication slot ${shown} is conflicting with physical replication slot for cluster member`);
  }
  if (logical.length > 0 && o.postgres.majorVersion > 0 && o.postgres.majorVersion < CAN_ADVANCE_FROM) {
    const names = pythonText(logical.map(({ name }) => name));
    problems.push(
      `Permanent logical replication slots supported by Patroni only starting from PostgreSQL 11. Following slots will not be created: ${names}.`,
    );
  }
  return [...problems, ...sharedNames(view)];
}

function sharedNames(view: ClusterView): readonly string[] {
  const owners = new Map<string, string[]>();
  for (const { name } of view.members) owners.set(slotNameOf(name), [...(owners.get(slotNameOf(name)) ?? []), name]);
  return [...owners]
    .filter(([, names]) => names.length > 1)
    .map(
      ([slot, names]) => `Following cluster members share a replication slot name: ${names.sort(compareText).join(', ')} map to ${slot}`,
    );
}
