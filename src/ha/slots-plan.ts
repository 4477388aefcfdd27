import { formatLsn, type Lsn } from '../base/lsn.js';
import type { ReplicationSlot } from '../ports/postgres.js';
import { type Action, log } from './decision.js';
import { isPrimary, type KnownObservation } from './observation.js';
import {
  canAdvance,
  isFailoverSlot,
  isIgnored,
  isSameSlot,
  publishedLsn,
  SYNCED_SLOTS_FROM,
  type WantedPhysicalSlot,
  type WantedSlot,
  wantedSlots,
} from './slots.js';

type Existing = Map<string, ReplicationSlot>;
type WantedLogicalSlot = Exclude<WantedSlot, WantedPhysicalSlot>;

/** What has to be done to the slots of a running server (ha.md §21.3, §21.4). */
export function planSlots(o: KnownObservation): Action[] {
  const { status } = o.postgres;
  if (status.kind !== 'known' || o.cluster.view.config === undefined) return [];
  const wanted = wantedSlots(o);
  const existing: Existing = new Map(status.value.slots.map((slot) => [slot.name, slot]));
  const actions: Action[] = [];
  for (const slot of [...existing.values()]) {
    const why = reasonToDrop(o, slot, wanted.get(slot.name));
    if (why === undefined) continue;
    actions.push({ kind: 'drop-slot', name: slot.name, why });
    if (!slot.isActive) existing.delete(slot.name);
  }
  for (const slot of wanted.values()) if (slot.kind === 'physical') actions.push(...maintain(slot, existing.get(slot.name), o));
  const logical = [...wanted.values()].filter((slot) => slot.kind === 'logical');
  return [
    ...actions,
    ...(isPrimary(o) ? createLogical(logical, existing, o) : advanceLogical(logical, existing, status.value.replayLsn, o)),
  ];
}

function reasonToDrop(o: KnownObservation, slot: ReplicationSlot, wanted: WantedSlot | undefined): string | undefined {
  if (blocksSynchronisation(o, slot)) return `Trying to drop replication slot '${slot.name}': it is in the way of slot synchronization`;
  if (wanted !== undefined && !isSameSlot(slot, wanted))
    return `Trying to drop replication slot '${slot.name}': its type, database or plugin is not as configured`;
  const mayDrop = !o.config.isPaused && !isIgnored(o, slot) && !isFailoverSlot(o, slot);
  if (wanted === undefined) return mayDrop ? `Trying to drop unknown replication slot '${slot.name}'` : undefined;
  if (slot.walStatus === 'lost') return mayDrop ? `Trying to drop replication slot '${slot.name}' with wal_status=lost` : undefined;
  return wanted.kind === 'physical' && canAdvance(o) ? reasonToRecreate(o, slot, wanted) : undefined;
}

/** Left over on a former primary: the server (17 and newer) would not synchronise a slot of that name. */
function blocksSynchronisation(o: KnownObservation, slot: ReplicationSlot): boolean {
  const { leader } = o.cluster.view;
  const isFollowing = !isPrimary(o) && leader !== undefined && leader.name !== o.me;
  return isFollowing && o.postgres.majorVersion >= SYNCED_SLOTS_FROM && slot.type === 'logical' && slot.isFailover && !slot.isSynced;
}

function reasonToRecreate(o: KnownObservation, slot: ReplicationSlot, wanted: WantedPhysicalSlot): string | undefined {
  const { leader } = o.cluster.view;
  const isCleanlyInactive = leader !== undefined && (leader.name !== o.me || isPrimary(o));
  if (isCleanlyInactive && wanted.expectedActive === false && slot.xmin !== undefined) {
    return `Dropping physical replication slot ${slot.name} because of its xmin value ${slot.xmin}`;
  }
  if (wanted.expectedActive !== true && slot.xmin === undefined && slot.restartLsn === undefined && !slot.isActive) {
    return `Dropping physical replication slot ${slot.name} because it has no restart_lsn. This slot was probably not created by Patroni, but by an external agent.`;
  }
  return undefined;
}

function maintain(wanted: WantedPhysicalSlot, existing: ReplicationSlot | undefined, o: KnownObservation): Action[] {
  if (existing === undefined) return [{ kind: 'create-slot', name: wanted.name }];
  if (existing.type !== 'physical') return [];
  if (wanted.expectedActive === true || wanted.lsn === undefined || existing.isActive || existing.xmin !== undefined) return [];
  const isBehind = canAdvance(o) && existing.restartLsn !== undefined && wanted.lsn > existing.restartLsn;
  return isBehind ? [{ kind: 'advance-slot', name: wanted.name, lsn: wanted.lsn }] : [];
}

/** A slot that the last leader had and this one lacks begins anew: what lies between is a gap that nobody else reports. */
function createLogical(wanted: readonly WantedLogicalSlot[], existing: Existing, o: KnownObservation): Action[] {
  const missing = wanted.filter(({ name }) => !existing.has(name));
  if (missing.length === 0) return [];
  return [
    { kind: 'create-logical-slots', slots: missing.map(({ name, database, plugin }) => ({ name, database, plugin })) },
    ...alarms(missing, o),
  ];
}

function alarms(missing: readonly WantedLogicalSlot[], o: KnownObservation): Action[] {
  return missing.flatMap(({ name }) => {
    const lsn = publishedLsn(o, name);
    if (lsn === undefined) return [];
    return [
      log(
        'error',
        `Logical replication slot '${name}' was lost at ${formatLsn(lsn)} and is created anew: its subscribers miss the changes in between`,
      ),
    ];
  });
}

/** Never beyond what is replayed here: the server would decode what it does not have. */
function advanceLogical(wanted: readonly WantedLogicalSlot[], existing: Existing, replayLsn: Lsn, o: KnownObservation): Action[] {
  const targets = wanted.flatMap(({ name, database, lsn }) => {
    const slot = existing.get(name);
    if (slot?.type !== 'logical' || slot.isActive || lsn === undefined || o.logicalSlots.broken.has(name)) return [];
    const target = lsn < replayLsn ? lsn : replayLsn;
    return slot.confirmedFlushLsn !== undefined && slot.confirmedFlushLsn < target ? [{ name, database, lsn: target }] : [];
  });
  return targets.length === 0 ? [] : [{ kind: 'advance-logical-slots', targets }];
}
