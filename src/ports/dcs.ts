import type { Milliseconds } from '../base/duration.js';
import type { Timings } from '../cluster/dynamic-config.js';
import type { ClusterView, Leader, Member } from '../cluster/view.js';

/**
 * No trustworthy answer from the store: every endpoint failed, the budget is used up, or the answer can't be used.
 * For a lock operation it means *unknown*, never "lost" (dcs.md §5.1 «RISK»). The message names store, limit and attempts.
 */
export class DcsUnavailable extends Error {
  override readonly name = 'DcsUnavailable';
}

/** The store's section can't be used. The message names the setting, its value unless that is a secret, and what is allowed. */
export class DcsSettingError extends Error {
  override readonly name = 'DcsSettingError';
}

/** How long a call may take, all its retries and fail-overs included, and who may give it up. */
export interface CallOptions {
  readonly timeoutMs: Milliseconds;
  readonly signal?: AbortSignal;
}

/** What was seen to change in the store. */
export type DcsEvent =
  | { readonly kind: 'leader-changed' }
  | { readonly kind: 'config-changed' }
  | { readonly kind: 'status-changed' }
  | { readonly kind: 'failover-changed' }
  /** `isMembership`: a member came, went or has other tags; else it only published something new. */
  | { readonly kind: 'members-changed'; readonly isMembership: boolean }
  | { readonly kind: 'sync-changed' }
  /** The watch broke or began anew: what was missed is unknown. */
  | { readonly kind: 'reconnected' };

/**
 * The leader lock and the cluster's keys. One instance belongs to one member, has one session or lease, and is used by
 * one agent. Values are the text of the key (dcs.md §3). Writes answer `false` when the store refused (a lost
 * compare-and-set, a missing permission), and throw `DcsUnavailable` when the outcome is unknown.
 */
export interface Dcs {
  /** For messages: `etcd3`. */
  readonly kind: string;

  /** How long a lock that was acquired or renewed just now lasts, from before the call, where the store grants less than the ttl. */
  readonly grantedLeaseMs?: number;

  /** Connects, and obtains the session when the member is to hold keys. Repeats until it works or `signal` aborts. */
  start(signal?: AbortSignal): Promise<void>;

  /** Reads the cluster. A cluster without any key is the empty view. @throws DcsUnavailable */
  load(options: CallOptions): Promise<ClusterView>;

  /** Creates the leader key for this member if nobody has it. @throws DcsUnavailable when it may or may not have been created. */
  acquireLeaderLock(options: CallOptions): Promise<'acquired' | 'held-by-other'>;

  /**
   * Prolongs the leader lock if this member still owns it; a vanished key is re-created only if still absent.
   * @param leader the leader of the view that this cycle works on.
   * @param options `mayCreate` false: a vanished key is lost. Whoever held no lease meanwhile can't know who else led since.
   * @returns `lost` when the store said that the lock is not ours.
   * @throws DcsUnavailable when no endpoint gave an answer within the budget; the lock may or may not be prolonged.
   */
  renewLeaderLock(leader: Leader | undefined, options: CallOptions & { readonly mayCreate?: boolean }): Promise<'renewed' | 'lost'>;

  /** Sets the leader key at the end of a bootstrap, whatever it holds where the store allows that. */
  takeLeaderLock(options: CallOptions): Promise<boolean>;

  /** Deletes the leader key if it is this member's. */
  releaseLeaderLock(leader: Leader | undefined, options: CallOptions): Promise<boolean>;

  /** Writes `members/<me>` under the session; `known` is the key as last read, to skip an equal write. */
  touchMember(value: string, known: Member | undefined, options: CallOptions): Promise<boolean>;

  /** Creates (`create`) or overwrites `/initialize`. */
  writeInitialize(value: string, mode: 'create' | 'overwrite', options: CallOptions): Promise<boolean>;
  deleteInitialize(options: CallOptions): Promise<boolean>;

  /** Plain writes of the leader. */
  writeStatus(value: string, options: CallOptions): Promise<boolean>;
  writeLegacyOptime(value: string, options: CallOptions): Promise<boolean>;
  writeFailsafe(value: string, options: CallOptions): Promise<boolean>;
  writeHistory(value: string, options: CallOptions): Promise<boolean>;
  /** The number of the timeline that a promotion is about to begin: nobody may use it again, whatever becomes of it. */
  writeTimeline(value: string, options: CallOptions): Promise<boolean>;

  /** With a version: compare-and-set, false when it lost. Without: overwrite. */
  writeConfig(value: string, version: string | undefined, options: CallOptions): Promise<boolean>;
  writeFailover(value: string, version: string | undefined, options: CallOptions): Promise<boolean>;
  /**
   * @param version undefined: the key must not exist. A late overwrite would put an old promise in the place of a newer one.
   * @returns the new version of the key, or undefined when the compare-and-set lost.
   */
  writeSync(value: string, version: string | undefined, options: CallOptions): Promise<string | undefined>;
  deleteSync(version: string | undefined, options: CallOptions): Promise<boolean>;

  /** Deletes everything of the cluster (patronictl remove). */
  deleteCluster(options: CallOptions): Promise<boolean>;

  /** Calls `listener` for each change that the store pushes, own writes excluded; returns the unsubscription. */
  subscribe(listener: (event: DcsEvent) => void): () => void;

  /** Applies changed timings and credentials. A changed ttl takes effect with the next renewal. */
  configure(timings: Timings, settings: Readonly<Record<string, unknown>>): Promise<void>;

  /** Ends watches and connections. Keys stay and expire with their lease. */
  close(): Promise<void>;
}
