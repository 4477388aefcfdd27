import type { Milliseconds } from '../base/duration.js';
import type { LogicalSlotDefinition } from '../ports/logical-slots.js';
import type { Upstream } from '../ports/postgres.js';

/**
 * How a primary is taken down (ha.md §11). `graceful`: somebody takes over; `immediate`: the key is released after the
 * stop; `immediate-nolock`: the key is not ours any more; `offline`: the store can't be reached; `demote-cluster`: the
 * cluster became a standby cluster, the key is kept.
 */
export type DemoteMode = 'graceful' | 'immediate' | 'immediate-nolock' | 'offline' | 'demote-cluster';

/** Long work on the server. One at a time; the cycle goes on, and keeps the lock, while it runs (ha.md §22). */
export type Job =
  | { readonly kind: 'promote' }
  | { readonly kind: 'demote'; readonly mode: DemoteMode; readonly request: 'switchover' | 'manual failover' | undefined }
  | { readonly kind: 'start-primary'; readonly timeoutMs: Milliseconds }
  | {
      readonly kind: 'start-standby';
      readonly upstream: Upstream | undefined;
      readonly role: 'replica' | 'standby_leader';
      readonly timeoutMs: Milliseconds | undefined;
    }
  | { readonly kind: 'restart-standby'; readonly upstream: Upstream | undefined; readonly role: 'replica' | 'standby_leader' }
  /** `isStandby`: its recovery configuration makes the server come back as a standby. `isStopped`: it does not run. */
  | { readonly kind: 'restart'; readonly timeoutMs: Milliseconds; readonly isStandby?: boolean; readonly isStopped?: boolean }
  | { readonly kind: 'crash-recovery' }
  /** Starts the server as a standby of nobody and stops it: a clean end of a recovery that was killed. */
  | { readonly kind: 'end-archive-recovery' }
  /** Stops the standby for a moment: slots can only be put in place while the server is down. */
  | { readonly kind: 'copy-logical-slots'; readonly leader: Upstream; readonly slots: readonly LogicalSlotDefinition[] }
  | { readonly kind: 'rewind'; readonly leader: Upstream }
  | { readonly kind: 'reinitialize-diverged'; readonly leader: Upstream; readonly basebackupOnly?: boolean }
  | { readonly kind: 'reinitialize'; readonly fromLeader: boolean }
  | { readonly kind: 'clone'; readonly source: Upstream | undefined; readonly description: string; readonly basebackupOnly?: boolean }
  | { readonly kind: 'bootstrap' }
  | { readonly kind: 'post-bootstrap' };

/** What ended and how. It is part of the next observation, once. */
export type JobEnd =
  | { readonly kind: 'promote'; readonly outcome: 'promoted' | 'requested' | 'failed' | 'pre-promote-failed' | 'cancelled' }
  | { readonly kind: 'rewind'; readonly outcome: 'done' | 'failed' | 'not-now' | 'removed' | 'same-timeline' }
  | { readonly kind: 'bootstrap'; readonly outcome: 'started' | 'standby-started' | 'failed' }
  | { readonly kind: 'post-bootstrap'; readonly outcome: 'done' | 'failed' }
  | { readonly kind: 'copy-logical-slots'; readonly outcome: 'copied' | 'not-now' }
  | { readonly kind: 'clone' | 'reinitialize' | 'reinitialize-diverged' }
  | {
      readonly kind:
        | 'demote'
        | 'start-primary'
        | 'start-standby'
        | 'restart-standby'
        | 'restart'
        | 'crash-recovery'
        | 'end-archive-recovery';
    };

/** The name of a job in the sentences of cycles and in refusals, as operators know it (ha.md §22.1). */
export function jobName(job: Job): string {
  switch (job.kind) {
    case 'demote':
      if (job.mode === 'demote-cluster') return 'demoting to a standby cluster';
      return job.request === undefined ? `demoting self (${job.mode})` : `${job.request}: demote`;
    case 'start-primary':
      return 'starting primary after failure';
    case 'start-standby':
      return 'restarting after failure';
    case 'restart-standby':
      return 'changing primary_conninfo and restarting';
    case 'crash-recovery':
      return 'doing crash recovery in a single user mode';
    case 'end-archive-recovery':
      return 'ending archive recovery';
    case 'rewind':
      return `running pg_rewind from ${job.leader.name}`;
    case 'reinitialize-diverged':
      return 'reinitializing due to diverged timelines';
    case 'clone':
      return `bootstrap ${job.description}`;
    case 'post-bootstrap':
      return 'post_bootstrap';
    case 'copy-logical-slots':
      return 'copy_logical_slots';
    case 'promote':
    case 'restart':
    case 'reinitialize':
    case 'bootstrap':
      return job.kind;
  }
}

/**
 * Jobs that bring a primary down for safety: nothing may interrupt them, not even the loss of the lock. The two demotions
 * under the lock take their time; when the lock is lost they are overtaken by one that does not.
 */
export function isFencing(job: Job): boolean {
  return job.kind === 'demote' && job.mode !== 'graceful' && job.mode !== 'demote-cluster';
}

/** Jobs at whose end the server may be writable though it was not when they began. */
export function makesPrimary(job: Job): boolean {
  return job.kind === 'promote' || job.kind === 'start-primary' || (job.kind === 'restart' && job.isStandby !== true);
}
