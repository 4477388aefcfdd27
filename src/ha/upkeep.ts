import { milliseconds } from '../base/duration.js';
import { clusterTimeline } from '../cluster/history.js';
import { isStarting } from '../cluster/postgres-state.js';
import { type Action, type Decision, log } from './decision.js';
import { rememberedView } from './failsafe.js';
import { isRewindPending, type Memory } from './memory.js';
import { hasLock, isPrimary, type KnownObservation, type Observation } from './observation.js';
import { pausedMismatch } from './rules/identity.js';
import { awaitedRequest } from './rules/manual-request.js';
import { planSlots } from './slots-plan.js';
import { slotUpkeep, withSlotCopy } from './slots-upkeep.js';
import { watchStarvation } from './starvation.js';

/**
 * Work of most cycles that changes nothing about who leads: slots, the history key, the first checkpoint, taking a
 * running server over (the epilogue of ha.md §4.2). Appended to a final decision of a running server.
 */
export function withUpkeep(decision: Decision, observation: Observation): Decision {
  if (!decision.isFinal || decision.actions.some(endsCycle)) return decision;
  if (observation.cluster.kind !== 'known') return withFailsafeUpkeep(decision, observation);
  const o: KnownObservation = { ...observation, cluster: observation.cluster };
  return maintained({ ...decision, actions: [...pausedMismatch(o), ...decision.actions] }, o);
}

function maintained(decision: Decision, o: KnownObservation): Decision {
  const isIdle = o.job === undefined || o.job.job.kind === 'promote';
  if (!isIdle || !o.postgres.isProcessRunning || isStarting(o.postgres.state) || decision.memory.bootstrap !== 'none') return decision;
  const awaited = hasLock(o) ? awaitedRequest(o) : undefined;
  const slots = slotUpkeep(o, decision.memory, decision);
  const starvation = watchStarvation(o, decision.memory);
  const actions: Action[] = [
    ...(awaited !== undefined && awaited.line !== decision.memory.announcedSchedule ? [log('info', awaited.line)] : []),
    ...leaderUpkeep(o, decision.memory),
    ...starvation.actions,
    ...slots.actions,
    ...(isTakeoverToTell(decision, o) ? [{ kind: 'callback', action: 'on_start' } as const] : []),
    ...(decision.actions.some((action) => action.kind === 'start-job') ? [] : [{ kind: 'apply-scheduled-restart' } as const]),
  ];
  const wakeAt =
    awaited === undefined ? decision.wakeAt : milliseconds(Math.min(decision.wakeAt ?? Number.POSITIVE_INFINITY, o.now + awaited.inMs));
  const kept: Decision = {
    ...decision,
    actions: [...decision.actions, ...actions],
    memory: { ...takenOver(o, decision.memory), ...slots.remember, ...starvation.remember, announcedSchedule: awaited?.line },
    ...(wakeAt === undefined ? {} : { wakeAt }),
  };
  return withSlotCopy(kept, o);
}

/** While failsafe mode keeps a primary without store, slots are moved on by what the members tell each other; no more. */
function withFailsafeUpkeep(decision: Decision, o: Observation): Decision {
  const view = rememberedView(o);
  if (view === undefined || o.job !== undefined || o.config.isPaused) return decision;
  const slots = planSlots({ ...o, cluster: { kind: 'known', view } }).filter((action) => ADVANCING.includes(action.kind));
  return { ...decision, actions: [...decision.actions, ...slots] };
}

/** The member that ends a bootstrap says so itself. */
function isTakeoverToTell({ actions }: Decision, o: KnownObservation): boolean {
  const isTold = o.postgres.isTakenOver || actions.some(({ kind }) => kind === 'callback');
  return !isTold && o.postgres.status.kind === 'known';
}

const ADVANCING: readonly Action['kind'][] = ['advance-slot', 'advance-logical-slots'];

function endsCycle(action: Action): boolean {
  return action.kind === 'exit' || action.kind === 'cancel-job' || (action.kind === 'start-job' && action.job.kind !== 'promote');
}

/** A standby that the agent finds running has perhaps been running for long: its history is compared. */
function takenOver(o: KnownObservation, memory: Memory): Memory {
  if (o.postgres.isTakenOver || isPrimary(o) || isRewindPending(memory)) return memory;
  return o.policy.usePgRewind || o.policy.removeOnDivergedTimelines ? { ...memory, rewind: 'check' } : memory;
}

function leaderUpkeep(o: KnownObservation, memory: Memory): Action[] {
  const { status } = o.postgres;
  if (!hasLock(o) || !isPrimary(o) || status.kind !== 'known' || o.config.standbyCluster !== undefined) return [];
  const actions: Action[] = [];
  const timeline = status.value.primaryTimeline;
  const { history } = o.cluster.view;
  const lines = history?.lines ?? [];
  const last = lines.at(-1);
  const isStale =
    history?.isMalformed === true ||
    (timeline === 1 ? lines.length > 0 : last === undefined || last.timeline !== timeline - 1 || last.member === undefined);
  if (isStale || (timeline > 1 && clusterTimeline(history) < timeline)) actions.push({ kind: 'update-history', timeline });
  if (memory.rewind !== 'checkpoint' && o.firstCheckpoint === 'unknown') actions.push({ kind: 'checkpoint-after-promote' });
  return actions;
}
