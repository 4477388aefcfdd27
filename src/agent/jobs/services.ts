import type { Milliseconds } from '../../base/duration.js';
import type { Lsn } from '../../base/lsn.js';
import type { GlobalConfig } from '../../cluster/dynamic-config.js';
import type { LocalPolicy } from '../../ha/observation.js';
import type { CloneSource } from '../../ha/upstream.js';
import type { Clock } from '../../ports/clock.js';
import type { Log } from '../../ports/log.js';
import type { LogicalSlots } from '../../ports/logical-slots.js';
import type { Postgres, Upstream } from '../../ports/postgres.js';
import type { Watchdog } from '../../ports/watchdog.js';
import type { SyncDuty } from '../sync-duty.js';

/** What jobs get from the agent. Each call uses the state of the moment, not of the job's start. */
export interface JobServices {
  readonly clock: Clock;
  readonly log: Log;
  readonly postgres: Postgres;
  readonly logicalSlots: LogicalSlots;
  readonly watchdog: Watchdog;
  readonly duty: Pick<SyncDuty, 'without'>;
  config(): GlobalConfig;
  policy(): LocalPolicy;
  /** Monotonic time at which the own lease ends or an armed watchdog fires, whatever is sooner. */
  leaseEnd(): Milliseconds;
  dropLease(): void;
  /** Writes the position that a successor is measured by, gives the key away and publishes the member. */
  releaseLock(lastLsn: Lsn | undefined): Promise<void>;
  /** Whether a member that may take over has received `target`; asks the members. `nobody`: none of them can take over at all. */
  successorWith(target: Lsn): Promise<'found' | 'not-yet' | 'nobody'>;
  /** Reads the store; the upstream of now, undefined when nobody leads or the store does not answer. */
  freshUpstream(): Promise<Upstream | undefined>;
  /** Whom to copy from: undefined when nobody leads. */
  freshCloneSource(fromLeader: boolean): Promise<CloneSource | undefined>;
  /** Waits until the store shows another leader than this member, at most so long. */
  awaitOtherLeader(timeoutMs: number): Promise<void>;
  holdsLock(): boolean;
  /** Synchronous replication is set up before the server comes back as primary. False: it must not be started now. */
  beforeStartAsPrimary(): Promise<boolean>;
  /**
   * Reserves a timeline in the store that nobody in the cluster can have used, for the promotion of this server.
   * @returns undefined when the store did not confirm it: then nobody may promote.
   */
  reserveTimeline(): Promise<number | undefined>;
  /** This server has a new timeline whose first checkpoint is due. */
  resetFirstCheckpoint(): void;
  /** Advances of logical slots that are under way or ordered are void. */
  forgetLogicalSlots(): void;
}
