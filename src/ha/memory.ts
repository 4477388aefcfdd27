import type { Milliseconds } from '../base/duration.js';
import type { Lsn } from '../base/lsn.js';
import { ALL_READY, type SlotReadiness } from './slots-knowledge.js';

/** Whether this server's history still fits the leader's (ha.md §14.1). */
export type RewindState = 'initial' | 'checkpoint' | 'check' | 'need' | 'not-need' | 'success' | 'failed';

/** Since when a standby has got no WAL, and when that was last told. */
interface Starvation {
  readonly since: Milliseconds;
  readonly toldAt: Milliseconds | undefined;
}

/** What outlives a cycle. A decision returns its successor; nothing else changes it. */
export interface Memory {
  readonly wasPaused: boolean;
  /** A (re)start was ordered and its end is to be judged. */
  readonly isRecovering: boolean;
  /** When a start that was ordered failed. */
  readonly startFailedAt: Milliseconds | undefined;
  /** When single-user recovery was ordered in this episode; undefined: not yet. */
  readonly crashRecoveryStartedAt: Milliseconds | undefined;
  /** Time-out of a restart that an operator gave. */
  readonly startTimeoutMs: Milliseconds | undefined;
  /** Own last published position, and the one of the cycle before. */
  readonly lastLsn: Lsn | undefined;
  readonly previousLsn: Lsn | undefined;
  /** Own timeline as a standby, as last found. */
  readonly lastTimeline: number | undefined;
  readonly raceBackoffStartedAt: Milliseconds | undefined;
  /** When the key was given up because pre_promote failed. */
  readonly releasedKeyAt: Milliseconds | undefined;
  readonly isPrePromoteFailed: boolean;
  readonly rewind: RewindState;
  /** When a rewind was put off because its source could not be used. */
  readonly rewindPutOffAt: Milliseconds | undefined;
  /** This member initialises the cluster. */
  readonly bootstrap: 'none' | 'initialising' | 'initialised' | 'post-bootstrap-done' | 'failed';
  /** When the switchover or restart that is waited for was last announced in the log. */
  readonly announcedSchedule: string | undefined;
  /** Non-racers let others go first; until when. */
  readonly yieldUntil: Milliseconds | undefined;
  /** The agent itself took the server down and has not started it since. In maintenance mode it starts no other one. */
  readonly isDownByAgent: boolean;
  /** Failsafe mode was on when it was looked at last. */
  readonly isFailsafeOn: boolean;
  /** When this agent learned that failsafe mode is not on any more: it may have been on until then. */
  readonly failsafeOffSince: Milliseconds | undefined;
  /** When the server of this member crashed as primary under the lock: the last few times. */
  readonly crashes: readonly Milliseconds[];
  readonly slotReadiness: SlotReadiness;
  /** When copying logical slots last came to nothing. */
  readonly slotCopyPutOffAt: Milliseconds | undefined;
  /** The problems of the configuration of slots that were logged last. */
  readonly slotProblems: string;
  /** Undefined: this standby receives WAL, or is none. */
  readonly starvation: Starvation | undefined;
}

export const INITIAL_MEMORY: Memory = {
  wasPaused: false,
  isRecovering: false,
  startFailedAt: undefined,
  crashRecoveryStartedAt: undefined,
  startTimeoutMs: undefined,
  lastLsn: undefined,
  previousLsn: undefined,
  lastTimeline: undefined,
  raceBackoffStartedAt: undefined,
  releasedKeyAt: undefined,
  isPrePromoteFailed: false,
  rewind: 'initial',
  rewindPutOffAt: undefined,
  bootstrap: 'none',
  announcedSchedule: undefined,
  yieldUntil: undefined,
  isDownByAgent: false,
  isFailsafeOn: false,
  failsafeOffSince: undefined,
  crashes: [],
  slotReadiness: ALL_READY,
  slotCopyPutOffAt: undefined,
  slotProblems: '',
  starvation: undefined,
};

export function isRewindPending(memory: Memory): boolean {
  return memory.rewind === 'check' || memory.rewind === 'need';
}

export function isRewindExecuted(memory: Memory): boolean {
  return memory.rewind === 'success' || memory.rewind === 'failed';
}

export function isBootstrapping(memory: Memory): boolean {
  return memory.bootstrap !== 'none';
}
