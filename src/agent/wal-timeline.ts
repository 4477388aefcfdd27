import type { Postgres, ServerStatus } from '../ports/postgres.js';
import type { AgentState, Received } from './state.js';

export function receivedOf({ receiveLsn, receivedTimeline, postmasterStartTime }: ServerStatus): Received | undefined {
  return receivedTimeline === undefined ? undefined : { receiveLsn, postmasterStartTime, timeline: receivedTimeline };
}

export interface WalTimeline {
  readonly timeline: number | undefined;
  /** It is that of the last WAL that the server has; else something newer may have been received. */
  readonly isClear: boolean;
}

const clear = (timeline: number | undefined): WalTimeline => ({ timeline, isClear: timeline !== undefined });

/**
 * The timeline of the last WAL that this server has, by which members judge each other in a race. A standby tells the one that it
 * replays; what it has received beyond that may be of a newer one, and only a receiver that still ran at that position says so.
 */
export async function walTimeline(state: AgentState, postgres: Postgres): Promise<WalTimeline> {
  const { status } = state.postgres;
  if (status.kind !== 'known') return clear(undefined);
  const { isInRecovery, primaryTimeline, receivedTimeline, receiveLsn, replayLsn, postmasterStartTime } = status.value;
  if (!isInRecovery) return clear(primaryTimeline);
  if (receivedTimeline !== undefined) return clear(receivedTimeline);
  const replayed = await postgres.replicaTimeline();
  if (receiveLsn <= replayLsn) return clear(replayed);
  const { received } = state;
  const isOfThis = received !== undefined && received.postmasterStartTime === postmasterStartTime && received.receiveLsn >= receiveLsn;
  return isOfThis ? clear(Math.max(received.timeline, replayed ?? 0)) : { timeline: replayed, isClear: false };
}
