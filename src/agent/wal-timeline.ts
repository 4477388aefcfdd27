import type { Postgres, ServerStatus } from '../ports/postgres.js';
import type { AgentState, Received } from './state.js';

export function receivedOf({ receiveLsn, receivedTimeline, postmasterStartTime }: ServerStatus): Received | undefined {
  return receivedTimeline === undefined ? undefined : { receiveLsn, postmasterStartTime, timeline: receivedTimeline };
}

/**
 * The timeline of the last WAL that this server has, by which members judge each other in a race. A standby tells the one that it
 * replays; what it has received beyond that may be of a newer one, and only a receiver that still ran at that position says so.
 * @returns undefined: it can't be told.
 */
export async function walTimeline(state: AgentState, postgres: Postgres): Promise<number | undefined> {
  const { status } = state.postgres;
  if (status.kind !== 'known') return undefined;
  const { isInRecovery, primaryTimeline, receivedTimeline, receiveLsn, replayLsn, postmasterStartTime } = status.value;
  if (!isInRecovery) return primaryTimeline;
  if (receivedTimeline !== undefined) return receivedTimeline;
  const replayed = await postgres.replicaTimeline();
  if (receiveLsn <= replayLsn) return replayed;
  const { received } = state;
  const isOfThis = received !== undefined && received.postmasterStartTime === postmasterStartTime && received.receiveLsn >= receiveLsn;
  return isOfThis ? Math.max(received.timeline, replayed ?? 0) : undefined;
}
