import type { Milliseconds } from '../base/duration.js';
import { type Lsn, maxLsn } from '../base/lsn.js';
import type { GlobalConfig } from '../cluster/dynamic-config.js';
import type { HistoryLine } from '../cluster/history.js';
import type { MemberTraits } from '../cluster/tags.js';
import type { ClusterView } from '../cluster/view.js';
import type { PeerStatus } from '../ports/peers.js';
import type { ControlData, LeaderTimelines, LocalPosition, PostgresObservation } from '../ports/postgres.js';
import type { FailsafeAnswer, FailsafeKnowledge } from './failsafe-knowledge.js';
import type { Job, JobEnd } from './job.js';
import type { LogicalSlotKnowledge } from './slots-knowledge.js';

/** Local settings on which decisions rest. */
export interface LocalPolicy {
  readonly traits: MemberTraits;
  readonly usePgRewind: boolean;
  readonly removeOnRewindFailure: boolean;
  readonly removeOnDivergedTimelines: boolean;
  readonly hasBootstrapSection: boolean;
  /** A replica method works without a leader. */
  readonly hasLeaderlessMethod: boolean;
}

/**
 * What was found out in this cycle, because a rule asked for it. Absent: nobody asked yet. A failed store operation is
 * no fact: it makes the cluster `unavailable`.
 */
export interface Facts {
  readonly lock?: 'renewed' | 'lost';
  readonly acquire?: 'acquired' | 'held-by-other';
  readonly isWatchdogActive?: boolean;
  readonly peers?: ReadonlyMap<string, PeerStatus>;
  readonly controlData?: ControlData | 'unreadable';
  readonly canRewind?: boolean;
  readonly canSkipSingleUserRecovery?: boolean;
  readonly localPosition?: LocalPosition | 'half-rewound' | 'unknown';
  readonly leaderTimelines?: LeaderTimelines;
  readonly checkpointRecordEnd?: Lsn | 'unknown';
  readonly recovery?: { readonly change: boolean; readonly restart: boolean };
  readonly replicaTimeline?: number | 'unknown';
  /** What was received and is not replayed yet may be of a newer one. */
  readonly isTimelineUnclear?: boolean;
  /** The history file of the own timeline; empty when there is none. */
  readonly localHistory?: readonly HistoryLine[];
  /** There is a history file of the timeline after the leader's (standby cluster). */
  readonly hasNextTimeline?: boolean;
  readonly isInitializeWritten?: boolean;
  /** The view was read again after our own change. */
  readonly isReloaded?: boolean;
  readonly isSyncPrepared?: boolean;
  readonly isCutOff?: boolean;
  /** What the other members said to going on without store. */
  readonly failsafe?: FailsafeAnswer;
}

/** Everything that a decision may rest on, as plain readonly data. `now` is the only time. */
export interface Observation {
  readonly now: Milliseconds;
  /** Epoch milliseconds, for schedules and texts only. */
  readonly wallNow: number;
  readonly me: string;
  readonly config: GlobalConfig;
  readonly policy: LocalPolicy;
  readonly cluster: { readonly kind: 'known'; readonly view: ClusterView } | { readonly kind: 'unavailable'; readonly error: string };
  /** The last view that had a leader. */
  readonly oldView: ClusterView | undefined;
  readonly postgres: PostgresObservation;
  readonly job: { readonly job: Job; readonly startedAt: Milliseconds; readonly isPrePromoteOpen: boolean } | undefined;
  /** Jobs that ended since the cycle before. */
  readonly endedJobs: readonly JobEnd[];
  /** `needsActivation`: configured, and not armed yet. `isArmed`: a timer runs that fires unless it is fed. */
  readonly watchdog: { readonly needsActivation: boolean; readonly isHealthy: boolean; readonly isArmed?: boolean };
  /** The first checkpoint on the timeline that this server was promoted to. Until it is done nobody may rewind from it. */
  readonly firstCheckpoint: 'unknown' | 'running' | 'done';
  /** Own lease by own clock, judged from the start of the last successful renewal. */
  readonly isLeaseValid: boolean;
  /** How long it still holds, or until an armed watchdog fires, whatever is sooner; 0: not at all. */
  readonly leaseLeftMs: number;
  readonly failsafe: FailsafeKnowledge;
  readonly logicalSlots: LogicalSlotKnowledge;
  readonly facts: Facts;
}

/** A rule that needs the view is only evaluated when there is one. */
export type KnownObservation = Observation & { readonly cluster: { readonly kind: 'known'; readonly view: ClusterView } };

/** The server is writable, or must be taken for it when it does not answer (ha.md §1.2 «RISK»). */
export function isPrimary(o: Observation): boolean {
  const { status, isProcessRunning, role } = o.postgres;
  if (!isProcessRunning) return false;
  if (status.kind === 'known') return !status.value.isInRecovery;
  return role === 'primary' || role === 'promoted';
}

/** It is one, or becomes one by itself: a promotion that the server was told of ends in a primary, sooner or later. */
export function mayBecomePrimary(o: Observation): boolean {
  const isPromoted = o.postgres.isProcessRunning && o.postgres.role === 'promoted';
  return isPrimary(o) || isPromoted || (o.job?.job.kind === 'promote' && !o.job.isPrePromoteOpen);
}

/** Position to compare with others: flushed on a primary, received or replayed on a standby. */
export function ownLsn(o: Observation): Lsn | undefined {
  if (o.postgres.status.kind !== 'known') return undefined;
  const { isInRecovery, walLsn, receiveLsn, replayLsn } = o.postgres.status.value;
  if (!isInRecovery) return walLsn;
  return maxLsn(receiveLsn, replayLsn);
}

export function hasLock(o: KnownObservation): boolean {
  return o.cluster.view.leader?.name === o.me;
}

/** Least and most time that a primary needs to be down before its lease ends. */
const LEAST_MARGIN_MS = 1000;
const MOST_MARGIN_MS = 5000;

/** So long before the end of its lease a primary that can't reach the store begins to stop. */
export function fencingMargin(ttlMs: number): number {
  return Math.max(LEAST_MARGIN_MS, Math.min(ttlMs / 6, MOST_MARGIN_MS));
}
