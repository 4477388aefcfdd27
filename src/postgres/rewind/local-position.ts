import { LSN_ZERO, type Lsn } from '../../base/lsn.js';
import type { ControlData, LocalPosition } from '../../ports/postgres.js';

/**
 * Position of a server that is down, by its control file (postgres.md §22.4).
 * @returns undefined for a server that was not shut down cleanly as a primary: its end is not known.
 */
export function positionOfStoppedServer(data: ControlData): LocalPosition | undefined {
  const wasStandby = data.clusterState === 'shut down in recovery' || data.clusterState === 'in archive recovery';
  if (wasStandby && data.minRecoveryEndLsn !== LSN_ZERO && data.minRecoveryEndTimeline !== 0) {
    return { timeline: data.minRecoveryEndTimeline, lsn: data.minRecoveryEndLsn, isInRecovery: true };
  }
  // In recovery without a minimum: it crashed as a primary, and has not got beyond its last checkpoint.
  if (wasStandby || data.clusterState === 'shut down') {
    return { timeline: data.checkpointTimeline, lsn: data.checkpointLsn, isInRecovery: false };
  }
  return undefined;
}

/** What a running server says; each is undefined when it could not be asked. */
export interface RunningPosition {
  /** By `IDENTIFY_SYSTEM` on a local replication connection. */
  readonly timeline: number | undefined;
  readonly replayLsn: Lsn | undefined;
}

/**
 * Position for the comparison with the leader's history. A server that runs but did not answer has no position now, unless
 * it is only starting: then its control file counts.
 */
export function localPosition(
  running: RunningPosition | undefined,
  options: { readonly isStarting: boolean; readonly controlData: ControlData | undefined },
): LocalPosition | undefined {
  if (running?.timeline !== undefined && running.replayLsn !== undefined) {
    return { timeline: running.timeline, lsn: running.replayLsn, isInRecovery: true };
  }
  if (running !== undefined && !options.isStarting) return undefined;
  return options.controlData && positionOfStoppedServer(options.controlData);
}
