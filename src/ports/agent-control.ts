import type { Lsn } from '../base/lsn.js';
import type { GlobalConfig } from '../cluster/dynamic-config.js';
import type { Tags } from '../cluster/tags.js';
import type { ClusterView } from '../cluster/view.js';
import type { FailsafePing } from './peers.js';
import type { PostgresObservation } from './postgres.js';

/**
 * What the REST API sees of the agent and may ask of it. Snapshots are kept up to date by the agent on every event: no
 * request costs an SQL query, and no answer is older than the last state change that the agent knows of.
 */
export interface AgentControl {
  readonly name: string;
  readonly scope: string;
  snapshot(): AgentSnapshot;
  /**
   * A picture whose server facts (positions, timeline, WAL senders) were taken at most `maxAgeMs` ago; 0: after this call.
   * Whoever compares positions asks for it: `/patroni` (members measure each other by it «RISK»), `/readiness`,
   * `/metrics`, and health checks with `lag`. Calls at the same time share one query. Bounded; never throws.
   */
  refresh(maxAgeMs: number): Promise<AgentSnapshot>;

  /** A fresh read of the store. @throws DcsUnavailable */
  loadCluster(): Promise<ClusterView>;
  writeConfig(value: string, version: string | undefined): Promise<boolean>;
  writeFailover(value: string, version: string | undefined): Promise<boolean>;
  /** Asks the member's REST API, as the leader race does; the reasons why it can't take over, if any. */
  limitationOf(memberName: string, apiUrl: string): Promise<string | undefined>;
  /** Ends the wait between two cycles. */
  wake(): void;

  /** Restarts PostgreSQL now. Resolves when that is finished, with the text for the answer. */
  restart(request: RestartRequest): Promise<{ readonly isDone: boolean; readonly message: string }>;
  /** False when another one is scheduled already. */
  scheduleRestart(request: ScheduledRestart): Promise<boolean>;
  /** False when none was scheduled. */
  deleteScheduledRestart(): Promise<boolean>;
  /** Starts to build the data directory anew; the refusal as text, or undefined when it was started. */
  reinitialize(options: { readonly force: boolean; readonly fromLeader: boolean }): Promise<string | undefined>;
  /** Reads the local configuration again at the start of the next cycle. */
  requestReload(): void;
  /** A primary without store asks whether it may go on. `lsn`: our position. */
  acceptFailsafe(ping: FailsafePing): FailsafeAcceptance;
}

/** Consent binds: for ttl this member does not become leader. */
export type FailsafeAcceptance =
  | { readonly kind: 'accepted'; readonly lsn: Lsn | undefined }
  | { readonly kind: 'running-as-leader' }
  | { readonly kind: 'refused'; readonly reason: string };

/** Conditions and time-out of a restart (ha.md §22.5). */
export interface RestartRequest {
  readonly role?: string;
  readonly postgres_version?: string;
  readonly timeout?: number;
  /** Present: only when a restart is pending. */
  readonly restart_pending?: unknown;
}

export interface ScheduledRestart extends RestartRequest {
  /** ISO 8601 with offset. */
  readonly schedule: string;
}

/** One consistent picture of the agent. All times in epoch milliseconds unless said. */
export interface AgentSnapshot {
  readonly postgres: PostgresObservation;
  /** Primary: own timeline; standby: by the replication protocol. */
  readonly timeline: number | undefined;
  /** The view of the last cycle; undefined while the store does not answer, or when it is older than ttl. */
  readonly view: ClusterView | undefined;
  readonly config: GlobalConfig;
  /** The last valid dynamic configuration, raw. */
  readonly rawConfig: Readonly<Record<string, unknown>>;
  /** Own lease by own clock: only this makes `/primary` answer 200. */
  readonly isLeader: boolean;
  readonly isFailsafeActive: boolean;
  /** The last known `/failsafe`; undefined when it was no object. */
  readonly failsafe: ReadonlyMap<string, string> | undefined;
  /** Epoch seconds of the last successful load; 0: never. */
  readonly dcsLastSeen: number;
  /** The effective tags, filtered as published. */
  readonly tags: Tags;
  readonly scheduledRestart: ScheduledRestart | undefined;
  readonly isWatchdogFailed: boolean;
  /** Milliseconds until the next cycle is due; negative: overdue. */
  readonly nextCycleInMs: number;
  readonly logQueue: { readonly size: number; readonly lost: number };
}
