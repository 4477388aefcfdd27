import type { Action } from '../decision.js';
import type { DemoteMode } from '../job.js';

/** Takes the primary down, preempting whatever runs; the lease counts for nothing from this moment on. */
export function demoteActions(mode: DemoteMode, request?: 'switchover' | 'manual failover'): readonly Action[] {
  const start: Action = { kind: 'start-job', job: { kind: 'demote', mode, request } };
  if (mode === 'graceful' || mode === 'demote-cluster') return [start];
  return mode === 'immediate' ? [{ kind: 'cancel-job' }, start] : [{ kind: 'drop-lease' }, { kind: 'cancel-job' }, start];
}
