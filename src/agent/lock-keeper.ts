import { type Milliseconds, milliseconds } from '../base/duration.js';
import type { Leader } from '../cluster/view.js';
import type { Clock } from '../ports/clock.js';
import { type Dcs, DcsUnavailable } from '../ports/dcs.js';
import type { Log } from '../ports/log.js';
import type { Watchdog } from '../ports/watchdog.js';

/** After this share of loop_wait without a renewal by the cycle, the keeper renews by itself. */
const OVERDUE = 1.25;
/** Wait after an attempt that got no answer. */
const RETRY_MS = 500;
/** Without a finished cycle for so many ttls the keeper stops: a member that can't decide must not lead for ever. */
const UNATTENDED_TTLS = 3;

export interface LockKeeperOptions {
  readonly clock: Clock;
  readonly dcs: Dcs;
  readonly watchdog: Watchdog;
  readonly log: Log;
  readonly timings: () => { readonly ttlMs: number; readonly loopWaitMs: Milliseconds; readonly retryTimeoutMs: Milliseconds };
  /** Time for one renewal: never so long that there is no time left to stop when it fails. */
  readonly budget: () => Milliseconds;
  /** The lock was got or confirmed. */
  readonly onHeld: () => void;
  /** The own lease ended by own clock while it was held. */
  readonly onExpired: () => void;
  /** The store said, between two cycles, that the lock is not ours. */
  readonly onLost: () => void;
}

/**
 * The leader lock and its lease, by own clock.
 *
 * States: *free* (`expiresAt` 0), *held* (until `expiresAt`). Entry to held: acquired, taken or renewed, with the lease
 * counted from **before** the request, so that it ends here no later than in the store. Exit: dropped, released, withdrawn,
 * expired. Withdrawn is free with a deadline (`fenceAt`): the decision loop gets the key back or stops the server by then. A held lease may be extended by the word of all members (failsafe mode); one that ended may not. Invariant: one store operation on the lock at a time. While held, the lock is renewed on a schedule of its
 * own whenever the cycle is late, so that no slow work costs the lease.
 */
export class LockKeeper {
  private readonly o: LockKeeperOptions;
  private expiresAt = 0;
  /** Without a lease by then a primary has to stop, whatever the decision loop is waiting for. */
  private fenceAt = 0;
  /** The two terms that `expiresAt` is the later of. */
  private term = { byStore: 0, byFailsafe: 0 };
  private acquiring = 0;
  private leader: Leader | undefined;
  private queue: Promise<unknown> = Promise.resolve();
  private cancelTimer: (() => void) | undefined;
  private cancelExpiry: (() => void) | undefined;
  private cycleEndedAt = 0;
  private releasedAt = Number.NEGATIVE_INFINITY;

  constructor(options: LockKeeperOptions) {
    this.o = options;
  }

  get isHeld(): boolean {
    return this.expiresAt > this.o.clock.monotonic();
  }

  /** Monotonic end of the own lease; 0 when free. */
  get leaseEnd(): Milliseconds {
    return milliseconds(this.expiresAt);
  }

  /** The lease rests on the word of the other members: the store has not confirmed it since. */
  get isByFailsafe(): boolean {
    return this.term.byFailsafe > this.o.clock.monotonic();
  }

  /** This member asks the store for the lock, and may have it already. */
  get isAcquiring(): boolean {
    return this.acquiring > 0;
  }

  /** When the server has to be stopped if nothing renews the lease: an armed watchdog fires before the lease ends. */
  get stopBy(): Milliseconds {
    return milliseconds(Math.min(this.expiresAt, this.o.watchdog.firesAt ?? Number.POSITIVE_INFINITY));
  }

  /** @throws DcsUnavailable */
  async acquire(): Promise<'acquired' | 'held-by-other'> {
    this.acquiring += 1;
    try {
      return await this.exclusively(async () => {
        const startedAt = this.o.clock.monotonic();
        const outcome = await this.o.dcs.acquireLeaderLock({ timeoutMs: this.o.timings().retryTimeoutMs });
        if (outcome === 'acquired') this.hold(startedAt);
        else this.withdraw();
        return outcome;
      });
    } finally {
      this.acquiring -= 1;
    }
  }

  /** Sets the key at the end of a bootstrap. @throws DcsUnavailable */
  take(): Promise<boolean> {
    return this.exclusively(async () => {
      const startedAt = this.o.clock.monotonic();
      const isTaken = await this.o.dcs.takeLeaderLock({ timeoutMs: this.o.timings().retryTimeoutMs });
      if (isTaken) this.hold(startedAt);
      return isTaken;
    });
  }

  /**
   * @param leader of the view that the caller judged, read at `viewAt`. A view from before the last release is void: the
   * key was given away since, and renewing would take it back.
   * @throws DcsUnavailable
   */
  renew(leader: Leader | undefined, viewAt: number): Promise<'renewed' | 'lost'> {
    return this.exclusively(async () => (viewAt <= this.releasedAt ? 'lost' : this.renewNow(leader)));
  }

  /** Deletes the key if it is ours. The lease ends first: from then on nobody is told that this member leads. */
  release(leader: Leader | undefined): Promise<boolean> {
    this.drop();
    this.releasedAt = this.o.clock.monotonic();
    return this.exclusively(async () => {
      try {
        return await this.o.dcs.releaseLeaderLock(leader, { timeoutMs: this.o.timings().retryTimeoutMs });
      } catch (error) {
        if (!(error instanceof DcsUnavailable)) throw error;
        this.o.log.warning(`leader key not released: ${error.message}`);
        return false;
      } finally {
        this.releasedAt = this.o.clock.monotonic();
      }
    });
  }

  /** Ends the own belief to be leader, whatever the store says. */
  drop(): void {
    this.expiresAt = 0;
    this.fenceAt = 0;
    this.term = { byStore: 0, byFailsafe: 0 };
    this.cancelTimer?.();
    this.cancelExpiry?.();
  }

  /** The store says that the lock is not ours. What is done about it is decided by the loop, which may be slow: it has a deadline. */
  withdraw(): void {
    const { fenceAt } = this;
    this.drop();
    if (fenceAt === 0) return;
    const { clock, timings } = this.o;
    this.fenceAt = Math.min(fenceAt, clock.monotonic() + timings().retryTimeoutMs);
    this.cancelExpiry = clock.after(this.fenceAt - clock.monotonic(), () => this.expire());
  }

  /**
   * Extends the lease without store, by the word of every member (failsafe mode).
   * @param startedAt when they began to be asked.
   * @returns false when the lease had ended meanwhile: somebody else may have led since.
   */
  extend(startedAt: number): boolean {
    if (!this.isHeld) return false;
    this.hold(startedAt, 'byFailsafe');
    return true;
  }

  /** The store shows no owner of the lock. A lease by the word of the members goes on, any other ends. */
  keyGone(): void {
    if (this.isByFailsafe) {
      this.term = { ...this.term, byStore: 0 };
      this.expiresAt = this.term.byFailsafe;
      this.fenceAt = this.expiresAt;
    } else this.withdraw();
  }

  /** Tells that a cycle has ended: somebody is attending to this member. */
  noteCycle(leader: Leader | undefined): void {
    this.cycleEndedAt = this.o.clock.monotonic();
    // A cycle without store knows no leader: the last known one is what a renewal between two cycles goes by.
    if (leader !== undefined) this.leader = leader;
  }

  private async renewNow(leader: Leader | undefined): Promise<'renewed' | 'lost'> {
    const startedAt = this.o.clock.monotonic();
    // Without a lease the key may have been another's and be gone again: taking it back would pass over what that one wrote.
    const outcome = await this.o.dcs.renewLeaderLock(leader, { timeoutMs: this.o.budget(), mayCreate: this.isHeld });
    if (outcome === 'renewed') this.hold(startedAt);
    else this.withdraw();
    return outcome;
  }

  private hold(startedAt: number, by: 'byStore' | 'byFailsafe' = 'byStore'): void {
    const { clock, watchdog, dcs } = this.o;
    const { ttlMs, loopWaitMs } = this.o.timings();
    const granted = by === 'byStore' ? (dcs.grantedLeaseMs ?? ttlMs) : ttlMs;
    const until = startedAt + Math.min(ttlMs, granted);
    // An answer of the store that is younger than the members' word replaces it; an older one must not shorten it.
    if (by === 'byStore') this.term = { byStore: until, byFailsafe: until >= this.term.byFailsafe ? 0 : this.term.byFailsafe };
    else if (until > this.term.byStore) this.term = { ...this.term, byFailsafe: until };
    this.expiresAt = Math.max(this.term.byStore, this.term.byFailsafe);
    this.fenceAt = this.expiresAt;
    watchdog.keepAlive(milliseconds(this.expiresAt));
    this.o.onHeld();
    this.cancelTimer?.();
    this.cancelExpiry?.();
    this.cancelTimer = clock.after(loopWaitMs * OVERDUE, () => this.renewOverdue());
    this.cancelExpiry = clock.after(this.expiresAt - clock.monotonic(), () => this.expire());
  }

  private expire(): void {
    if (this.fenceAt === 0) return;
    const left = this.fenceAt - this.o.clock.monotonic();
    if (left > 0) {
      // Timers may fire a fraction early; a lease whose end nobody watches any more would never fence.
      this.cancelExpiry = this.o.clock.after(Math.max(left, 1), () => this.expire());
      return;
    }
    this.drop();
    this.o.onExpired();
  }

  private renewOverdue(): void {
    const { clock, log } = this.o;
    if (!this.isHeld || this.leader === undefined) return;
    if (clock.monotonic() - this.cycleEndedAt > UNATTENDED_TTLS * this.o.timings().ttlMs) {
      log.error('leader lock is not renewed any more: the decision loop has not ended a cycle for too long');
      return;
    }
    this.exclusively(() => this.renewNow(this.leader)).then(
      (outcome) => {
        if (outcome === 'lost') this.o.onLost();
      },
      (error: unknown) => {
        if (!(error instanceof DcsUnavailable)) log.error('unexpected error while the leader lock was renewed', error);
        if (this.isHeld) this.cancelTimer = clock.after(RETRY_MS, () => this.renewOverdue());
      },
    );
  }

  private exclusively<T>(work: () => Promise<T>): Promise<T> {
    const next = this.queue.then(work, work);
    this.queue = next.catch(() => undefined);
    return next;
  }
}
