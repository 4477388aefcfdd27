import type { GlobalConfig } from '../cluster/dynamic-config.js';
import type { ClusterView } from '../cluster/view.js';
import { INITIAL_MEMORY, type Memory } from '../ha/memory.js';
import type { SlotRetention } from '../ha/slots-publish.js';
import type { ScheduledRestart } from '../ports/agent-control.js';
import type { PostgresObservation, ServerStatus } from '../ports/postgres.js';

/** What the WAL receiver had written at a look, and to which timeline it belongs. */
export type Received = Pick<ServerStatus, 'receiveLsn' | 'postmasterStartTime'> & { readonly timeline: number };

/** What the agent knows between its cycles. Written by the cycle and by the few requests that change it, nowhere else. */
export interface AgentState {
  memory: Memory;
  /** Of the last load; undefined while the store does not answer. */
  view: ClusterView | undefined;
  /** Monotonic time of that load. */
  viewAt: number;
  /** The last view that had a leader, or the first one. */
  oldView: ClusterView | undefined;
  config: GlobalConfig;
  rawConfig: Readonly<Record<string, unknown>>;
  /** modifyVersion of the `/config` that `rawConfig` came from; undefined: not from the store. */
  configVersion: string | undefined;
  postgres: PostgresObservation;
  /** Monotonic time at which `postgres` began to be taken. */
  postgresAt: number;
  timeline: number | undefined;
  /** Of the last look that found a WAL receiver at work. */
  received: Received | undefined;
  /** The timeline was asked for, and could not be told: what was published once must not be taken for it. */
  isTimelineUnclear: boolean;
  /** Epoch seconds. */
  dcsLastSeen: number;
  firstCheckpoint: 'unknown' | 'running' | 'done';
  slotRetention: SlotRetention;
  scheduledRestart: ScheduledRestart | undefined;
  /** Postmaster start time when the restart was scheduled: a restart in between makes it void. */
  scheduledAfterStart: string | undefined;
  /** Last written status and member documents, to skip equal writes. */
  lastStatus: string | undefined;
  nextRun: number;
  /** How many planned ends of the server are under way, for which this standby asked not to be synchronous. */
  renouncing: number;
}

export function initialState(
  config: GlobalConfig,
  rawConfig: Readonly<Record<string, unknown>>,
  postgres: PostgresObservation,
): AgentState {
  return {
    memory: INITIAL_MEMORY,
    view: undefined,
    viewAt: 0,
    oldView: undefined,
    config,
    rawConfig,
    configVersion: undefined,
    postgres,
    postgresAt: 0,
    timeline: undefined,
    received: undefined,
    isTimelineUnclear: false,
    dcsLastSeen: 0,
    firstCheckpoint: 'unknown',
    slotRetention: new Map(),
    scheduledRestart: undefined,
    scheduledAfterStart: undefined,
    lastStatus: undefined,
    nextRun: 0,
    renouncing: 0,
  };
}
