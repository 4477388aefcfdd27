import type { Milliseconds } from '../base/duration.js';
import { isValidSystemId } from '../cluster/view.js';
import type { Action, Decision } from './decision.js';
import { underPromise } from './failsafe.js';
import type { JobEnd } from './job.js';
import { INITIAL_MEMORY, isBootstrapping, isRewindPending, type Memory } from './memory.js';
import { hasLock, isPrimary, type KnownObservation, type Observation, ownLsn } from './observation.js';
import { armed } from './rewind.js';
import { firstMatch, type Rule } from './rule.js';
import { bootstrap } from './rules/bootstrap.js';
import { busy } from './rules/busy.js';
import { dataDirectory } from './rules/data-directory.js';
import { dcsUnreachable } from './rules/dcs-unreachable.js';
import { follower } from './rules/follower.js';
import { holder } from './rules/holder.js';
import { identity } from './rules/identity.js';
import { race } from './rules/race.js';
import { recovering } from './rules/recovering.js';
import { starting } from './rules/starting.js';
import { stopped } from './rules/stopped.js';
import { useless } from './rules/useless.js';
import { withUpkeep } from './upkeep.js';
import { withDisarmedWatchdog } from './watchdog.js';

/** One situation with its table. The first situation whose table has a matching row decides. */
interface Situation {
  readonly name: string;
  readonly applies: (o: KnownObservation, memory: Memory) => boolean;
  readonly table: readonly Rule<KnownObservation>[];
}

/** In the order of ha.md §4.2. */
export const SITUATIONS: readonly Situation[] = [
  { name: 'busy', applies: (o) => o.job !== undefined, table: busy },
  { name: 'starting', applies: () => true, table: starting },
  { name: 'bootstrap', applies: (_, memory) => isBootstrapping(memory), table: bootstrap },
  { name: 'recovering', applies: () => true, table: recovering },
  { name: 'useless', applies: (o) => o.postgres.isProcessRunning, table: useless },
  { name: 'data-directory', applies: () => true, table: dataDirectory },
  { name: 'identity', applies: () => true, table: identity },
  { name: 'stopped', applies: () => true, table: stopped },
  { name: 'race', applies: (o) => o.cluster.view.leader === undefined, table: race },
  { name: 'holder', applies: (o) => hasLock(o), table: holder },
  { name: 'follower', applies: () => true, table: follower },
];

export const DCS_UNREACHABLE = dcsUnreachable;

/**
 * Decides what this member does now: a pure function of what it sees and remembers.
 * A decision that is not final asks for facts or changes something first; the caller executes it and decides again.
 */
export function decide(observation: Observation, memory: Memory): Decision {
  const o = underPromise(observation);
  return withDisarmedWatchdog(withUpkeep(withArmedCheck(decideRound(o, memory), o), o), o);
}

/** Every demotion makes the comparison with the next leader due: this server may have what that one never got. */
function withArmedCheck(decision: Decision, observation: Observation): Decision {
  const isDemotion = decision.actions.some((action) => action.kind === 'start-job' && action.job.kind === 'demote');
  return isDemotion ? { ...decision, memory: { ...decision.memory, rewind: armed(decision.memory, observation) } } : decision;
}

function decideRound(observation: Observation, memory: Memory): Decision {
  const known = withView(observation);
  const remembered = absorb(memory, observation, known);
  if (known === undefined) return firstMatch(DCS_UNREACHABLE, observation, remembered) ?? impossible(remembered);
  const repair = repairs(known, remembered);
  if (repair !== undefined) return repair;
  for (const { applies, table } of SITUATIONS) {
    const decision = applies(known, remembered) ? firstMatch(table, known, remembered) : undefined;
    if (decision !== undefined) return decision;
  }
  return impossible(remembered);
}

function withView(o: Observation): KnownObservation | undefined {
  return o.cluster.kind === 'known' ? { ...o, cluster: o.cluster } : undefined;
}

function impossible(memory: Memory): Decision {
  return { rule: 'none', reason: 'no rule matches: please report it as a bug', isFinal: true, actions: [], memory };
}

/** What the leader repairs before anything else: keys that somebody deleted (ha.md §4.1 P5, P6). */
function repairs(o: KnownObservation, memory: Memory): Decision | undefined {
  const { view } = o.cluster;
  if (!hasLock(o) || o.job !== undefined || o.facts.isReloaded === true || isBootstrapping(memory)) return undefined;
  const actions: Action[] = [];
  const { systemId } = o.postgres;
  if (!isValidSystemId(view.initialize) && isValidSystemId(systemId) && o.facts.isInitializeWritten === undefined) {
    actions.push({ kind: 'write-initialize', mode: view.initialize === undefined ? 'create' : 'overwrite', value: systemId });
  }
  if (view.config === undefined || !view.config.isValid || Object.keys(view.config.data).length === 0)
    actions.push({ kind: 'write-config' });
  if (actions.length === 0) return undefined;
  return { rule: 'prologue/repair-keys', reason: '', isFinal: false, actions: [...actions, { kind: 'reload-view' }], memory };
}

/** Takes what happened since the last cycle into the memory. */
function absorb(memory: Memory, o: Observation, known: KnownObservation | undefined): Memory {
  let next = o.endedJobs.reduce((sofar, end) => afterJob(sofar, end, o.now), memory);
  if (o.endedJobs.some((end) => end.kind === 'demote')) next = { ...next, rewind: armed(next, o) };
  if (o.config.isPaused) next = { ...next, wasPaused: true, startTimeoutMs: undefined };
  else if (next.wasPaused) next = { ...next, wasPaused: false, rewind: isRewindPending(next) ? 'check' : INITIAL_MEMORY.rewind };
  if (known?.cluster.view.leader !== undefined && next.raceBackoffStartedAt !== undefined)
    next = { ...next, raceBackoffStartedAt: undefined };
  // A script that said no to one promotion has said nothing of the next one.
  if (next.isPrePromoteFailed && known !== undefined && !hasLock(known)) next = { ...next, isPrePromoteFailed: false };
  next = { ...next, isDownByAgent: isDownByAgent(next, o) };
  if (o.config.failsafeMode) next = { ...next, isFailsafeOn: true };
  else if (next.isFailsafeOn) next = { ...next, isFailsafeOn: false, failsafeOffSince: o.now };
  // A primary with the lock is what others compare themselves with: whatever was to be checked here is void.
  if (known !== undefined && hasLock(known) && isPrimary(o) && o.firstCheckpoint === 'done' && next.rewind !== 'checkpoint') {
    next = { ...next, rewind: 'checkpoint' };
  }
  const lsn = ownLsn(o);
  if (lsn !== undefined && lsn !== next.lastLsn && Object.keys(o.facts).length === 0)
    next = { ...next, previousLsn: next.lastLsn, lastLsn: lsn };
  return next;
}

/** Jobs that end with a server that is down, on the way to another start. */
const STOPPING: readonly JobEnd['kind'][] = ['demote', 'rewind', 'crash-recovery', 'end-archive-recovery'];

function isDownByAgent(memory: Memory, o: Observation): boolean {
  if (o.postgres.isProcessRunning) return false;
  return memory.isDownByAgent || o.endedJobs.some((end) => STOPPING.includes(end.kind));
}

/** A standby leader has no roles to create. */
const AFTER_BOOTSTRAP = { started: 'initialised', 'standby-started': 'post-bootstrap-done', failed: 'failed' } as const;

/**
 * A rewind that was put off stays due. One that could not tell two timelines apart is compared anew: the server may have
 * got onto the other one while it was being stopped.
 */
function afterRewind(memory: Memory, outcome: Extract<JobEnd, { kind: 'rewind' }>['outcome'], now: Milliseconds): Memory {
  if (outcome === 'not-now') return { ...memory, rewindPutOffAt: now };
  if (outcome === 'same-timeline') return { ...memory, rewind: 'check', rewindPutOffAt: now };
  return { ...memory, rewind: REWIND_AFTER[outcome], rewindPutOffAt: undefined };
}

/** A data directory that was removed after a failed rewind is cloned anew, without any history to compare. */
const REWIND_AFTER = { done: 'success', failed: 'failed', removed: 'initial' } as const;

function afterJob(memory: Memory, end: JobEnd, now: Milliseconds): Memory {
  switch (end.kind) {
    case 'promote':
      return { ...memory, isPrePromoteFailed: end.outcome === 'pre-promote-failed' };
    case 'rewind':
      return afterRewind(memory, end.outcome, now);
    case 'bootstrap':
      return { ...memory, bootstrap: AFTER_BOOTSTRAP[end.outcome] };
    case 'post-bootstrap':
      return { ...memory, bootstrap: end.outcome === 'done' ? 'post-bootstrap-done' : 'failed' };
    case 'copy-logical-slots':
      return { ...memory, slotCopyPutOffAt: end.outcome === 'not-now' ? now : undefined };
    case 'clone':
    case 'reinitialize':
    case 'reinitialize-diverged':
      return { ...memory, rewind: 'initial' };
    case 'demote':
    case 'start-primary':
    case 'start-standby':
    case 'restart-standby':
    case 'restart':
    case 'crash-recovery':
    case 'end-archive-recovery':
      return memory;
  }
}
