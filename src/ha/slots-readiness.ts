import { formatLsn } from '../base/lsn.js';
import type { LogicalSlotDefinition } from '../ports/logical-slots.js';
import { type Action, log } from './decision.js';
import type { Memory } from './memory.js';
import { isPrimary, type KnownObservation, type Observation } from './observation.js';
import { isFailoverSlot, isIgnored, isSameSlot, publishedLsn, wantedSlots } from './slots.js';
import type { SlotReadiness } from './slots-knowledge.js';
import { logicalSlots, slotOnPrimary } from './slots-permanent.js';
import { memberUpstream } from './upstream.js';

/** Transaction ids count round: the older of two is the one that is less than half a circle behind. */
function isAtMost(a: string, b: string): boolean {
  return BigInt.asUintN(32, BigInt(b) - BigInt(a)) < 1n << 31n;
}

/**
 * A copied slot is as good as the leader's when the leader keeps every catalog row that it may need: from the moment at which
 * the physical slot there carries our feedback, and not before the own slot has moved to that (ha.md §21.8).
 */
export function nextReadiness(o: KnownObservation, memory: Memory): { readonly readiness: SlotReadiness; readonly log: readonly Action[] } {
  const before = memory.slotReadiness;
  const { status } = o.postgres;
  if (status.kind !== 'known') return { readiness: before, log: [] };
  const { postmasterStartTime: serverStart, slots } = status.value;
  if (isPrimary(o)) return { readiness: { serverStart, unready: new Map() }, log: [] };
  const own = new Map(
    slots.filter((slot) => slot.type === 'logical' && !isFailoverSlot(o, slot) && !isIgnored(o, slot)).map((s) => [s.name, s]),
  );
  const listed = before.serverStart === serverStart ? before.unready : new Map([...own.keys()].map((name) => [name, undefined] as const));
  const known = o.logicalSlots.leader?.name === o.cluster.view.leader?.name ? o.logicalSlots.leader : undefined;
  const unready = new Map<string, string | undefined>();
  const lines: Action[] = [];
  for (const [name, remembered] of listed) {
    const ownXmin = own.get(name)?.catalogXmin;
    if (!own.has(name)) continue;
    const leaderXmin = remembered ?? (known?.physical === undefined ? undefined : known.logical.get(name));
    const isReady =
      leaderXmin !== undefined &&
      known?.physical !== undefined &&
      ownXmin !== undefined &&
      isAtMost(leaderXmin, known.physical) &&
      isAtMost(known.physical, ownXmin);
    if (isReady) lines.push(log('info', `Logical slot ${name} is safe to be used after a failover`));
    else unready.set(name, leaderXmin);
  }
  return { readiness: { serverStart, unready }, log: lines };
}

/** Asks the leader, beside the cycle, while a slot is not known to be good. */
export function readinessQuestion(o: KnownObservation, readiness: SlotReadiness): Action[] {
  const { leader } = o.cluster.view;
  if (readiness.unready.size === 0 || leader === undefined || leader.name === o.me) return [];
  const slot = slotOnPrimary(o.cluster.view, o.me, o.policy.traits);
  if (slot === undefined) return [];
  return [{ kind: 'check-logical-slots', leader: memberUpstream(o, leader.member), slot, names: [...readiness.unready.keys()] }];
}

/** Logical slots that this standby lacks, or that can't be moved on, and that the leader has. */
export function slotsToCopy(o: KnownObservation): readonly LogicalSlotDefinition[] {
  const { status } = o.postgres;
  const { leader, config } = o.cluster.view;
  if (status.kind !== 'known' || isPrimary(o) || leader === undefined || leader.name === o.me || config === undefined) return [];
  const existing = new Map(status.value.slots.map((slot) => [slot.name, slot]));
  return [...wantedSlots(o).values()].flatMap((slot) => {
    if (slot.kind !== 'logical' || slot.lsn === undefined) return [];
    const own = existing.get(slot.name);
    if (own !== undefined && !(isSameSlot(own, slot) && o.logicalSlots.broken.has(slot.name) && !own.isActive)) return [];
    return [{ name: slot.name, database: slot.database, plugin: slot.plugin }];
  });
}

/** What a promotion means for each logical slot: kept, doubtful, or lost. Nobody else would tell (ha.md §23.8). */
export function promotionReport(o: Observation, memory: Memory): Action[] {
  if (o.cluster.kind !== 'known' || o.postgres.status.kind !== 'known' || o.config.standbyCluster !== undefined) return [];
  const known: KnownObservation = { ...o, cluster: o.cluster };
  const own = new Map(o.postgres.status.value.slots.map((slot) => [slot.name, slot]));
  const lines: Action[] = [];
  const { unready } = memory.slotReadiness;
  if (unready.size > 0)
    lines.push(log('warning', `Logical replication slots that might be unsafe to use after promote: ${[...unready.keys()].join(', ')}`));
  const configured = known.config.useSlots ? logicalSlots(known) : [];
  if (configured.length === 0 && unready.size === 0) return [];
  for (const { name } of configured) {
    const at = own.get(name)?.confirmedFlushLsn;
    const last = publishedLsn(known, name);
    const published = last === undefined ? '' : `, the former leader had it at ${formatLsn(last)}`;
    if (at !== undefined) lines.push(log('info', `Logical replication slot '${name}' is kept at ${formatLsn(at)}${published}`));
    else if (last !== undefined) lines.push(log('error', `Logical replication slot '${name}' is lost by this promotion${published}`));
  }
  return [...lines, { kind: 'forget-logical-slots' }];
}
