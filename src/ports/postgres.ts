import type { Milliseconds } from '../base/duration.js';
import type { Lsn } from '../base/lsn.js';
import type { HistoryLine } from '../cluster/history.js';
import type { PostgresRole, PostgresState } from '../cluster/postgres-state.js';
import type { ServerTrouble } from '../cluster/server-trouble.js';

/** A server that can be followed, cloned from or rewound from. */
export interface Upstream {
  readonly name: string;
  /** `remote` stands outside of the cluster (standby cluster). */
  readonly kind: 'member' | 'remote';
  /** `postgres://host:port/db`; undefined: no streaming, archive recovery only. Several hosts are separated by commas. */
  readonly connUrl: string | undefined;
  /** Slot to use there instead of our own name's; null: none. Absent: own name's slot when slots are in use. */
  readonly slotName?: string | null;
  /** Settings of a standby cluster that go with this upstream. */
  readonly restoreCommand?: string;
  readonly archiveCleanupCommand?: string;
  readonly recoveryMinApplyDelay?: string;
  readonly createReplicaMethods?: readonly string[];
}

/** One row of `pg_stat_replication` in state streaming, by application name. */
export interface StreamingStandby {
  readonly applicationName: string;
  readonly syncState: string;
  readonly writeLsn: Lsn | undefined;
  readonly flushLsn: Lsn | undefined;
  readonly replayLsn: Lsn | undefined;
}

export interface ReplicationSlot {
  readonly name: string;
  readonly type: 'physical' | 'logical';
  readonly isActive: boolean;
  readonly xmin: string | undefined;
  readonly catalogXmin: string | undefined;
  readonly restartLsn: Lsn | undefined;
  readonly confirmedFlushLsn: Lsn | undefined;
  readonly database: string | undefined;
  readonly plugin: string | undefined;
  readonly walStatus: string | undefined;
  readonly isFailover: boolean;
  readonly isSynced: boolean;
}

/** The one-statement answer of a running server: all facts are of one moment (postgres.md §10.2). */
export interface ServerStatus {
  readonly isInRecovery: boolean;
  /** Primary: timeline of its WAL; in recovery: 0. */
  readonly primaryTimeline: number;
  /** Primary: flush position; in recovery: 0/0. */
  readonly walLsn: Lsn;
  readonly replayLsn: Lsn;
  /** Standby: received and written position, the larger. */
  readonly receiveLsn: Lsn;
  readonly isReplayPaused: boolean;
  /** Timeline that the WAL receiver streams; undefined until it has received a position. */
  readonly receivedTimeline: number | undefined;
  readonly replicationState: 'streaming' | 'in archive recovery' | undefined;
  readonly latestEndLsn: Lsn | undefined;
  readonly slots: readonly ReplicationSlot[];
  readonly synchronousCommit: string;
  readonly synchronousStandbyNames: string;
  readonly standbys: readonly StreamingStandby[];
  /** `pg_postmaster_start_time()` as `YYYY-MM-DD HH:MM:SS.ffffff+00:00`. */
  readonly postmasterStartTime: string;
  readonly serverVersion: number;
  readonly replayTimestamp: string | undefined;
  /** Every WAL sender, for the status document. */
  readonly walSenders: readonly WalSender[];
}

export interface WalSender {
  readonly usename: string;
  readonly application_name: string;
  readonly client_addr: string | null;
  readonly state: string;
  readonly sync_state: string;
  readonly sync_priority: number;
}

/** What can be told of the local server at one moment. Taking it never waits longer than its time-out. */
export interface PostgresObservation {
  readonly isProcessRunning: boolean;
  readonly state: PostgresState;
  /** Monotonic time of the last change of `state`. */
  readonly stateSince: Milliseconds;
  readonly role: PostgresRole;
  readonly dataDirectory:
    | { readonly kind: 'empty' }
    | { readonly kind: 'present' }
    /** `isSilent`: no answer in time, which is not yet a refusal: a disk may be slow for a moment. */
    | { readonly kind: 'inaccessible'; readonly error: string; readonly isSilent?: boolean };
  /** 150000 for 15; 0 unknown. */
  readonly majorVersion: number;
  /** Database system identifier; undefined while not known. */
  readonly systemId: string | undefined;
  /**
   * `unavailable`: the server runs, but did not answer (slow is not dead: decisions then rest on process and role);
   * `not-running`: there was nobody to ask.
   */
  readonly status:
    | { readonly kind: 'known'; readonly value: ServerStatus }
    | { readonly kind: 'unavailable'; readonly error: string }
    | { readonly kind: 'not-running' };
  /** Whether any callback was called in this life of the agent: the agent has taken the server over. */
  readonly isTakenOver: boolean;
  /** Parameters that wait for a restart. */
  readonly pendingRestart: Readonly<Record<string, { readonly old_value: string; readonly new_value: string }>>;
  /** A standby or recovery signal file (or recovery.conf) exists. */
  readonly hasRecoveryConfiguration: boolean;
  /** The upstream was taken away (`stopReceiving`) before this look: its positions are final. */
  readonly isCutOff?: boolean;
  /** What probes found that keeps a running server from its work; absent: nothing is probed. */
  readonly troubles?: readonly ServerTrouble[];
}

/** The fields of pg_controldata that are used, by meaning; undefined where the output lacks them. */
export interface ControlData {
  /** `in production`, `shut down`, `shut down in recovery`, `in archive recovery`, `in crash recovery`, `shutting down`. */
  readonly clusterState: string;
  readonly systemId: string;
  readonly checkpointLsn: Lsn;
  readonly checkpointTimeline: number;
  readonly checkpointRedoWalFile: string | undefined;
  readonly minRecoveryEndLsn: Lsn;
  readonly minRecoveryEndTimeline: number;
  readonly walLogHints: boolean;
  readonly dataChecksumVersion: number;
  /** The whole output, for the log. */
  readonly raw: Readonly<Record<string, string>>;
}

export type StopMode = 'fast' | 'immediate';

export interface StopOptions {
  readonly mode: StopMode;
  readonly checkpoint: boolean;
  /** undefined: no limit but the caller's. On expiry the stop escalates to immediate, then to SIGKILL of the whole tree. */
  readonly timeoutMs?: Milliseconds | undefined;
  /**
   * Monotonic time by which the server must get the signal, whatever the checkpoint or `before_stop` still do: until then it
   * takes writes. It moves with the lease. undefined: they may take their time.
   */
  readonly signalBy?: () => Milliseconds;
  /** No client can get a commit acknowledged any more: the watchdog may be disarmed. May be called more than once. */
  readonly onSafepoint?: () => void;
  /** pg_control says `shut down` while the postmaster may still archive: nothing more can be acknowledged. Called at most once. */
  readonly onShutdownCheckpoint?: (positions: ShutdownPositions) => Promise<void>;
  /** No `on_stop` callback (part of a restart or a change of role). */
  readonly quiet?: boolean;
}

/** Where a cleanly stopped primary ended: see postgres.md §11.3. `previous` precedes a WAL switch before the checkpoint. */
export interface ShutdownPositions {
  readonly checkpoint: Lsn;
  readonly previous: Lsn;
}

/** Taken while a process is spawned; whoever loses the lock cancels it or gets the process to kill (ha.md §22.4). */
export interface StartInterlock {
  readonly isCancelled: boolean;
}

export interface StartOptions {
  /** Wait at most so long for readiness; undefined: pg_ctl_timeout. */
  readonly timeoutMs?: Milliseconds | undefined;
  /** undefined: by the data directory. */
  readonly role?: PostgresRole | undefined;
  readonly interlock?: StartInterlock;
  /** No `on_start` callback. */
  readonly quiet?: boolean;
}

/** `pending`: the process runs but was not ready within the time-out. */
export type StartOutcome = 'ready' | 'failed' | 'pending';

export interface FollowOptions {
  readonly role: 'replica' | 'standby_leader';
  /** `reload` rewrites the settings of a running server; `restart` restarts it; a stopped server is started in both cases. */
  readonly how: 'reload' | 'restart';
  readonly timeoutMs?: Milliseconds | undefined;
  readonly interlock?: StartInterlock;
  /** No callback. */
  readonly quiet?: boolean;
}

/** Local position for the comparison with a leader's history (postgres.md §22.4). */
export interface LocalPosition {
  readonly timeline: number;
  readonly lsn: Lsn;
  readonly isInRecovery: boolean;
}

/** What a replication connection to the leader told of its timelines. */
export type LeaderTimelines =
  | { readonly kind: 'unreachable'; readonly error: string }
  | { readonly kind: 'in-recovery' }
  /** `lsn`: what the leader has flushed; nobody who follows it can be beyond. */
  | { readonly kind: 'known'; readonly timeline: number; readonly lsn: Lsn; readonly history: readonly HistoryLine[] };

export type RewindOutcome =
  | { readonly kind: 'done' }
  /** The leader is healthy and pg_rewind failed all the same. */
  | { readonly kind: 'failed' }
  /** Nothing was done, because leader and we are on timelines of one number. That what is here diverged all the same is the caller's word. */
  | { readonly kind: 'same-timeline' }
  /** The leader could not be used this time: try again. */
  | { readonly kind: 'not-now'; readonly reason: string };

/** `settings-settled`: the server has read its changed files, and it is known which settings wait for a restart. */
export type PostgresEvent = { readonly kind: 'process-ended' | 'connection-lost' | 'ready' | 'settings-settled' };

/** Arguments of `initialise`, the creation of a new cluster's first data directory. */
export type InitialiseOutcome = 'started' | 'failed';

/**
 * The member's one PostgreSQL server: what is told of it, and what can be done to it. Long operations are cancelled with
 * `cancel`; only one long operation runs at a time (the agent sees to that). Outcomes are values; what is thrown is unexpected.
 */
export interface Postgres {
  /** Looks at process, data directory and server. Moves `state` on when a start has ended, firing its callback. */
  observe(options: { readonly timeoutMs: Milliseconds; readonly withSynchronousState: boolean }): Promise<PostgresObservation>;
  subscribe(listener: (event: PostgresEvent) => void): () => void;

  /** Corrects what the agent believes: role changes without the server being touched, a crash that was noticed. */
  setRole(role: PostgresRole): void;
  setState(state: PostgresState): void;
  /** Fires the callback for the current role outside of a start (joining a running server, role change without restart). */
  callback(action: 'on_start' | 'on_role_change'): void;

  /** pg_controldata; undefined when it can't be read. */
  controlData(): Promise<ControlData | undefined>;
  /** Positions of a clean shutdown as a primary; undefined when it was none. */
  shutdownPositions(): Promise<ShutdownPositions | undefined>;
  /** The history file of `timeline`; the last line carries time and own name when it is the switch to `timeline`. */
  timelineHistory(timeline: number): Promise<readonly HistoryLine[]>;
  /** Timeline of a running standby by the replication protocol, for the comparison with others. */
  replicaTimeline(): Promise<number | undefined>;

  start(options: StartOptions): Promise<StartOutcome>;
  /** True when nothing runs any more. */
  stop(options: StopOptions): Promise<boolean>;
  restart(options: StartOptions): Promise<StartOutcome>;
  /** Kills a postmaster that a cancelled start spawned, whether or not it wrote its pid file. */
  killSpawned(): Promise<void>;
  reload(): Promise<boolean>;
  checkpoint(options: { readonly timeoutMs?: Milliseconds }): Promise<boolean>;
  resumeReplay(): Promise<void>;

  /** Runs `pre_promote`; true when it exits 0 or is not configured. */
  runPrePromote(): Promise<boolean>;
  /**
   * `pg_ctl promote`, then waits at most `timeoutMs` for pg_control to say so. `requested`: accepted, not yet confirmed.
   * The new timeline must not be below `leastTimeline`: a number that another member already used for a history that this
   * server never saw would make two different histories look like one.
   */
  promote(options: { readonly timeoutMs: Milliseconds; readonly leastTimeline: number }): Promise<'promoted' | 'requested' | 'failed'>;

  /** Writes the recovery settings for `upstream` (undefined: archive only) and applies them. */
  follow(upstream: Upstream | undefined, options: FollowOptions): Promise<StartOutcome>;
  /**
   * Takes the upstream away from the running standby and waits until its WAL receiver is gone: what it has is all that it will
   * have, and nobody's commit is acknowledged by it, until the next `follow`. False: that was not possible, or not yet.
   */
  stopReceiving(): Promise<boolean>;
  /** Whether the running standby's settings are those for `upstream`. */
  compareRecovery(upstream: Upstream | undefined): Promise<{ readonly change: boolean; readonly restart: boolean }>;

  /** initdb or the custom method, configuration files and start. */
  initialise(): Promise<InitialiseOutcome>;
  /** Roles and the post_bootstrap script. */
  runPostBootstrap(): Promise<boolean>;
  /** Creates the data directory from `source`; undefined: from backups, without a leader. The server is not started. */
  clone(source: Upstream | undefined, options: { readonly basebackupOnly: boolean }): Promise<boolean>;
  /** Why `source` can't be copied now, undefined when it answers a replication connection. */
  cloneObstacle(source: Upstream): Promise<string | undefined>;
  /** Whether a replica method works without a leader. */
  hasLeaderlessMethod(methods: readonly string[] | undefined): boolean;
  /** Renames the data directory to `….failed` after a failed bootstrap. */
  moveDataDirectoryAside(): Promise<void>;
  removeDataDirectory(): Promise<void>;

  /** use_pg_rewind is set, the tool is there and the data directory has hints or checksums. */
  canRewind(): Promise<boolean>;
  /** `half-rewound`: pg_rewind broke off on these data; they belong to no history. */
  localPosition(): Promise<LocalPosition | 'half-rewound' | undefined>;
  leaderTimelines(leader: Upstream): Promise<LeaderTimelines>;
  /** End of the checkpoint record at `lsn`, by pg_waldump; undefined when it can't be told. */
  checkpointRecordEnd(timeline: number, lsn: Lsn): Promise<Lsn | undefined>;
  rewind(leader: Upstream): Promise<RewindOutcome>;
  /** Recovery in single-user mode after an unclean shutdown. */
  singleUserRecovery(): Promise<boolean>;
  /** `archive_mode` is on and there is an `archive_command`. */
  isArchiving(): Promise<boolean>;
  /** Archives the WAL file with the shutdown checkpoint of the stopped server; false when that failed. */
  archiveShutdownCheckpoint(): Promise<boolean>;
  canSkipSingleUserRecovery(): Promise<boolean>;

  createPhysicalSlot(name: string): Promise<void>;
  /** False when the slot is active. */
  dropSlot(name: string): Promise<boolean>;
  advancePhysicalSlot(name: string, lsn: Lsn): Promise<void>;
  /** Sets `synchronous_standby_names` (undefined: removes it) and reloads. */
  setSynchronousStandbyNames(value: string | undefined): Promise<void>;

  /** Stops a running child (SIGTERM, then SIGKILL of its tree) and makes the current long operation give up. */
  cancel(): Promise<void>;
  /** Clears the cancellation before a new long operation. */
  resetCancellation(): void;
  /** Ends connections and watchers; the server is left as it is. */
  close(): Promise<void>;
}
