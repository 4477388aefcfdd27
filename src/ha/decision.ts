import type { Milliseconds } from '../base/duration.js';
import type { Lsn } from '../base/lsn.js';
import type { HistoryLine } from '../cluster/history.js';
import type { PostgresRole, PostgresState } from '../cluster/postgres-state.js';
import type { LogLevel } from '../ports/log.js';
import type { LogicalSlotDefinition } from '../ports/logical-slots.js';
import type { Upstream } from '../ports/postgres.js';
import type { Job } from './job.js';
import type { Memory } from './memory.js';

/** A question whose answer becomes a fact; the cycle then decides once more. */
export type Question =
  | { readonly kind: 'renew-lock'; readonly withStatus: boolean }
  | { readonly kind: 'acquire-lock' }
  | { readonly kind: 'reload-view' }
  | { readonly kind: 'ask-peers'; readonly peers: readonly { readonly name: string; readonly apiUrl: string }[] }
  | { readonly kind: 'activate-watchdog' }
  /** Sets `/sync` and `synchronous_standby_names` up for a promotion. */
  | { readonly kind: 'prepare-sync' }
  /** Asks every member whether this primary may go on without store; consent of all prolongs the lease. */
  | { readonly kind: 'ask-failsafe' }
  | { readonly kind: 'read-control-data' }
  | { readonly kind: 'read-can-rewind' }
  | { readonly kind: 'read-backup-label' }
  | { readonly kind: 'read-local-position' }
  | { readonly kind: 'read-leader-timelines'; readonly leader: Upstream }
  | { readonly kind: 'read-checkpoint-record-end'; readonly timeline: number; readonly lsn: Lsn }
  | { readonly kind: 'read-replica-timeline' }
  | { readonly kind: 'read-local-history'; readonly timeline: number }
  /** Whether there is a history file of the timeline after this one. */
  | { readonly kind: 'read-next-timeline'; readonly timeline: number }
  | { readonly kind: 'compare-recovery'; readonly upstream: Upstream | undefined }
  /** Takes the upstream away from this standby, so that its word in a race is final. */
  | { readonly kind: 'stop-receiving' }
  | { readonly kind: 'write-initialize'; readonly mode: 'create' | 'overwrite'; readonly value: string };

/** Something to do, in the order given; when one fails the rest is dropped and the next round sees why. */
export type Action =
  | Question
  | { readonly kind: 'start-job'; readonly job: Job }
  /** Ends the running job, killing what it started, before the actions that follow. */
  | { readonly kind: 'cancel-job' }
  | { readonly kind: 'release-lock'; readonly lastLsn: Lsn | undefined; readonly publish: boolean }
  | { readonly kind: 'drop-lease' }
  | { readonly kind: 'take-lock' }
  | { readonly kind: 'set-role'; readonly role: PostgresRole }
  | { readonly kind: 'set-state'; readonly state: PostgresState }
  | { readonly kind: 'callback'; readonly action: 'on_start' | 'on_role_change' }
  | { readonly kind: 'disarm-watchdog' }
  | { readonly kind: 'write-failover'; readonly value: string; readonly version: string | undefined }
  | { readonly kind: 'write-history'; readonly lines: readonly HistoryLine[] }
  /** Compares the key with the local history files of `timeline` and writes it when lines are missing. */
  | { readonly kind: 'update-history'; readonly timeline: number }
  | { readonly kind: 'write-config' }
  | { readonly kind: 'delete-initialize' }
  | { readonly kind: 'reload-recovery'; readonly upstream: Upstream | undefined; readonly role: 'replica' | 'standby_leader' }
  | { readonly kind: 'resume-replay' }
  | { readonly kind: 'checkpoint-after-promote' }
  | { readonly kind: 'stop-server'; readonly mode: 'fast' | 'immediate'; readonly timeoutMs: Milliseconds }
  | { readonly kind: 'move-data-directory-aside' }
  | { readonly kind: 'create-slot'; readonly name: string }
  | { readonly kind: 'drop-slot'; readonly name: string; readonly why: string }
  | { readonly kind: 'advance-slot'; readonly name: string; readonly lsn: Lsn }
  /** Of a primary; beside the cycle. */
  | { readonly kind: 'create-logical-slots'; readonly slots: readonly LogicalSlotDefinition[] }
  /** Of a standby; beside the cycle, the last order counts. */
  | {
      readonly kind: 'advance-logical-slots';
      readonly targets: readonly { readonly name: string; readonly database: string; readonly lsn: Lsn }[];
    }
  /** Asks the leader for the catalog_xmin of `slot`, through which this member is fed, and of logical slots; beside the cycle. */
  | { readonly kind: 'check-logical-slots'; readonly leader: Upstream; readonly slot: string; readonly names: readonly string[] }
  /** What was ordered for a standby is void: it is being promoted. */
  | { readonly kind: 'forget-logical-slots' }
  | { readonly kind: 'enforce-feedback'; readonly isOn: boolean }
  /** Keeps `/sync` and `synchronous_standby_names` in step, as leader. */
  | { readonly kind: 'maintain-sync' }
  | { readonly kind: 'apply-scheduled-restart' }
  | { readonly kind: 'publish-member' }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly message: string }
  /** Ends the agent; `stopServer` false leaves PostgreSQL as it is. */
  | { readonly kind: 'exit'; readonly code: number; readonly message: string; readonly stopServer: boolean };

/** The result of one round. */
export interface Decision {
  /** Which rule fired: `primary/lock-lost`. Stable: log, metrics and history carry it. */
  readonly rule: string;
  /** The sentence that ends the cycle; empty while `isFinal` is false. */
  readonly reason: string;
  readonly isFinal: boolean;
  readonly actions: readonly Action[];
  readonly memory: Memory;
  /** Decide again at this time at the latest, earlier than loop_wait would. */
  readonly wakeAt?: Milliseconds;
  /** The next change of a member key is waited for (the leader's first checkpoint). */
  readonly wakeOnMembers?: boolean;
}

export function log(level: LogLevel, message: string): Action {
  return { kind: 'log', level, message };
}
