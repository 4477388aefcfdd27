import type { Milliseconds } from '../base/duration.js';
import type { Lsn } from '../base/lsn.js';
import { compareText } from '../base/python-values.js';
import { traitsOfMember } from '../cluster/member.js';
import { slotNameOf } from '../cluster/slot-name.js';
import { type Action, log } from './decision.js';
import type { KnownObservation, Observation } from './observation.js';
import { canAdvance } from './slots.js';
import { permanentSlots } from './slots-permanent.js';

/** The positions that the leader publishes for all slots (ha.md §21.5); undefined where slots can't be kept ahead. */
export function publishedSlots(o: Observation, ownPosition: Lsn): ReadonlyMap<string, Lsn> | undefined {
  if (!canAdvance(o) || o.postgres.status.kind !== 'known') return undefined;
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
  const permanent = new Set(permanentSlots(o.config.permanentSlots).flatMap((slot) => (slot.kind === 'physical' ? [slot.name] : [])));
  const present = [...o.cluster.view.members.filter((member) => !traitsOfMember(member).nostream).map((member) => member.name), o.me];
  for (const name of present.map(slotNameOf)) if (slots.has(name) && !permanent.has(name)) next.set(name, o.now);
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
