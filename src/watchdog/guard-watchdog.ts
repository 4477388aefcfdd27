import { type Milliseconds, milliseconds } from '../base/duration.js';
import type { Timings } from '../cluster/dynamic-config.js';
import type { WatchdogSettings } from '../ports/settings.js';
import { type GuardedServer, GuardProcess } from './guard-process.js';
import { timerPlan, tooShort } from './plan.js';
import type { Timer, TimerOptions } from './timer.js';

export interface GuardWatchdogOptions extends TimerOptions {
  /** The guard program; undefined: none for this machine. */
  readonly program: string | undefined;
  /** Which server is guarded. Rejects when the data directory can't be told. */
  readonly locate: () => Promise<GuardedServer>;
  readonly postmaster: () => GuardedServer['postmaster'];
  /** Called when a guard of this agent stands: those of earlier agents may go. */
  readonly onArmed: () => void;
}

/** After a failed attempt this member stays out of races for so long: it would get the lock only to give it back. */
const REFUSAL_HOLDS_MS = 10_000;

/** A guard that ended is replaced at once, but not more often than this within the span: then something kills them. */
const MOST_REPLACEMENTS = 3;
const REPLACEMENT_SPAN_MS = 10_000;

/**
 * A companion process that kills PostgreSQL when it is not told of a renewed lease in time (our extension).
 *
 * States: *idle*, *armed* (a guard process stands). idle → armed by `activate`; armed → idle by `disable`, or when the process
 * ended and could not be replaced. Like `required`, it keeps the member from leading when it can't be armed. Invariant: the
 * deadline that a guard knows never lies behind the end of a lease, less the margin.
 */
export class GuardWatchdog implements Timer {
  private readonly o: GuardWatchdogOptions;
  private settings: WatchdogSettings;
  private timings: Timings;
  private guard: GuardProcess | undefined;
  private server: GuardedServer | undefined;
  /** Of the last renewal, with the margin of then; undefined: none since it was disarmed. */
  private deadline: number | undefined;
  private activating: Promise<boolean> | undefined;
  private isWanted = false;
  private replacements: readonly number[] = [];
  private refusedAt = Number.NEGATIVE_INFINITY;

  constructor(options: GuardWatchdogOptions) {
    this.o = options;
    this.settings = options.settings;
    this.timings = options.timings;
  }

  get isRunning(): boolean {
    return this.isArmed;
  }

  get isArmed(): boolean {
    return this.guard !== undefined;
  }

  get firesAt(): Milliseconds | undefined {
    return this.guard === undefined || this.deadline === undefined ? undefined : milliseconds(this.deadline);
  }

  isHealthy(): boolean {
    const isRefused = this.o.clock.monotonic() < this.refusedAt + REFUSAL_HOLDS_MS;
    return this.isArmed || (this.o.program !== undefined && this.plan.slackMs >= 0 && !isRefused);
  }

  activate(): Promise<boolean> {
    if (this.guard !== undefined) return Promise.resolve(true);
    this.isWanted = true;
    this.activating ??= this.arm().finally(() => {
      this.activating = undefined;
    });
    return this.activating;
  }

  keepAlive(leaseEnd: Milliseconds): void {
    this.deadline = leaseEnd - this.timings.ttlMs + this.plan.timeoutMs;
    if (this.guard !== undefined && this.plan.slackMs < 0) {
      this.o.log.warning(tooShort(this.timings));
      this.disable();
      this.o.onLost();
      return;
    }
    this.feed();
  }

  disable(): void {
    this.isWanted = false;
    this.guard?.dismiss();
    this.guard = undefined;
    this.deadline = undefined;
  }

  reconfigure(settings: WatchdogSettings, timings: Timings): void {
    this.settings = settings;
    this.timings = timings;
    this.refusedAt = Number.NEGATIVE_INFINITY;
  }

  private get plan(): ReturnType<typeof timerPlan> {
    return timerPlan(this.settings, this.timings);
  }

  private feed(): void {
    if (this.guard === undefined || this.server === undefined || this.deadline === undefined) return;
    this.server = { ...this.server, postmaster: this.o.postmaster() };
    this.guard.feed(this.deadline, this.server);
  }

  private async arm(): Promise<boolean> {
    const { log, program, clock } = this.o;
    if (program === undefined) return this.refuse(`there is no guard program for ${process.platform} ${process.arch}`);
    if (this.plan.slackMs < 0) return this.refuse(tooShort(this.timings));
    // The end of a bootstrap comes before the first lease; nobody else may take the lock of a cluster that has no data yet.
    this.deadline ??= clock.monotonic() + this.plan.timeoutMs;
    if (this.deadline <= clock.monotonic()) return this.refuse('the lease of the leader lock is as good as over');
    let guard: GuardProcess | undefined;
    try {
      this.server = await this.o.locate();
      guard = await this.startGuard(program, this.server, this.deadline);
    } catch (error) {
      return this.refuse(error instanceof Error ? error.message : String(error));
    }
    if (guard === undefined) return this.refuse(`${program} did not start`);
    if (!this.isWanted) {
      guard.dismiss();
      return false;
    }
    this.guard = guard;
    this.o.onArmed();
    // The lease may have been renewed while the guard started.
    this.feed();
    const seconds = Math.round(this.plan.timeoutMs / 100) / 10;
    log.info(`guard process ${guard.pid} armed: it kills PostgreSQL ${seconds} seconds after the last renewal of the leader lock`);
    return true;
  }

  private startGuard(program: string, server: GuardedServer, deadline: number): Promise<GuardProcess | undefined> {
    const { log, clock } = this.o;
    const events = {
      onEnd: (reason: string): void => {
        log.error(`the guard process ended unexpectedly (${reason})`);
        this.guard = undefined;
        this.replace();
      },
      onFired: (count: number): void =>
        log.critical(`the guard killed PostgreSQL (${count} processes): the leader lock was not renewed in time`),
    };
    return GuardProcess.start(program, server, deadline, clock, events);
  }

  /** Nobody may lead unguarded: either a new guard stands at once, or the next cycle, which comes at once, steps down. */
  private replace(): void {
    const { clock, onLost } = this.o;
    const now = clock.monotonic();
    this.replacements = [...this.replacements.filter((at) => at > now - REPLACEMENT_SPAN_MS), now];
    if (this.replacements.length > MOST_REPLACEMENTS) {
      onLost();
      return;
    }
    this.activate().then((isArmed) => {
      if (!isArmed) onLost();
    }, onLost);
  }

  private refuse(reason: string): false {
    this.refusedAt = this.o.clock.monotonic();
    this.o.log.error(`the guard of PostgreSQL could not be armed: ${reason}`);
    return false;
  }
}
