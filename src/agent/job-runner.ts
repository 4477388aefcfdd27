import { milliseconds } from '../base/duration.js';
import { isFencing, type Job, type JobEnd, jobName, makesPrimary } from '../ha/job.js';
import type { Observation } from '../ha/observation.js';
import type { Clock } from '../ports/clock.js';
import type { Log } from '../ports/log.js';
import type { Postgres } from '../ports/postgres.js';

/** How long a cancelled job may take to give up before the next one starts all the same (children get 10 s, then SIGKILL). */
const CANCEL_MS = 15_000;

/** What a running job may ask about itself. */
export interface JobControl {
  readonly isCancelled: boolean;
  /** From now on pg_ctl may have been told: the promotion can't be cancelled any more. */
  closePrePromote(): void;
}

export type JobBody = (job: Job, control: JobControl) => Promise<JobEnd>;

interface Running {
  readonly job: Job;
  readonly startedAt: ReturnType<Clock['monotonic']>;
  isPrePromoteOpen: boolean;
  isCancelled: boolean;
  readonly ended: Promise<void>;
}

/** The one slot for long work. States: idle, running, cancelled (running until it notices). */
export class JobRunner {
  private readonly clock: Clock;
  private readonly log: Log;
  private readonly postgres: Postgres;
  private readonly body: JobBody;
  private readonly onEnd: () => void;
  private running: Running | undefined;
  private ends: JobEnd[] = [];
  private isClosed = false;
  private madePrimaryAt = Number.NEGATIVE_INFINITY;

  constructor(options: { clock: Clock; log: Log; postgres: Postgres; body: JobBody; onEnd: () => void }) {
    this.clock = options.clock;
    this.log = options.log;
    this.postgres = options.postgres;
    this.body = options.body;
    this.onEnd = options.onEnd;
  }

  get current(): Observation['job'] {
    if (this.running === undefined) return undefined;
    const { job, startedAt, isPrePromoteOpen } = this.running;
    return { job, startedAt, isPrePromoteOpen };
  }

  /** When a job may have made the server a primary last, by the monotonic clock: it runs now, or it ended then. */
  get lastMadePrimaryAt(): number {
    const { running } = this;
    return running !== undefined && makesPrimary(running.job) ? Number.POSITIVE_INFINITY : this.madePrimaryAt;
  }

  /** The jobs that ended since this was asked last. */
  takeEnded(): readonly JobEnd[] {
    const ends = this.ends;
    this.ends = [];
    return ends;
  }

  /** The agent is shutting down: from now on nothing is started but what brings a primary down. */
  close(): void {
    this.isClosed = true;
  }

  /** Starts a job. @returns the refusal when another one runs. */
  start(job: Job): string | undefined {
    if (this.isClosed && !isFencing(job)) return `Failed to run ${jobName(job)}, the agent is shutting down`;
    if (this.running !== undefined) return `Failed to run ${jobName(job)}, ${jobName(this.running.job)} is already in progress`;
    this.postgres.resetCancellation();
    const running: Running = {
      job,
      startedAt: milliseconds(this.clock.monotonic()),
      isPrePromoteOpen: job.kind === 'promote',
      isCancelled: false,
      ended: Promise.resolve().then(() => this.run(running)),
    };
    this.running = running;
    return undefined;
  }

  /** Ends the running job, with every process that it started. A fencing job is not ended but awaited. */
  async cancel(): Promise<void> {
    const running = this.running;
    if (running === undefined) return;
    if (!isFencing(running.job)) {
      this.log.warning(`Cancelling long running task ${jobName(running.job)}`);
      running.isCancelled = true;
      await this.postgres.cancel();
      if (startsServer(running.job)) await this.postgres.killSpawned();
    }
    await Promise.race([running.ended, this.clock.sleep(CANCEL_MS)]);
    if (this.running === running) {
      this.log.error(`task ${jobName(running.job)} did not end within ${CANCEL_MS / 1000} s of being cancelled`);
      this.running = undefined;
    }
  }

  /** Resolves when the job that runs now has ended. */
  async idle(): Promise<void> {
    await this.running?.ended;
  }

  private async run(running: Running): Promise<void> {
    try {
      const end = await this.body(running.job, {
        get isCancelled() {
          return running.isCancelled;
        },
        closePrePromote: () => {
          running.isPrePromoteOpen = false;
        },
      });
      this.ends.push(end);
    } catch (error) {
      this.log.error(`Exception during execution of long running task ${jobName(running.job)}`, error);
      this.ends.push(failure(running.job));
    } finally {
      if (makesPrimary(running.job)) this.madePrimaryAt = this.clock.monotonic();
      if (this.running === running) this.running = undefined;
      this.onEnd();
    }
  }
}

function startsServer(job: Job): boolean {
  return ['start-primary', 'restart', 'start-standby', 'restart-standby', 'copy-logical-slots'].includes(job.kind);
}

/** How a job that threw counts. */
function failure(job: Job): JobEnd {
  switch (job.kind) {
    case 'promote':
      return { kind: 'promote', outcome: 'failed' };
    case 'rewind':
      return { kind: 'rewind', outcome: 'not-now' };
    case 'bootstrap':
      return { kind: 'bootstrap', outcome: 'failed' };
    case 'post-bootstrap':
      return { kind: 'post-bootstrap', outcome: 'failed' };
    case 'copy-logical-slots':
      return { kind: 'copy-logical-slots', outcome: 'not-now' };
    case 'demote':
    case 'start-primary':
    case 'start-standby':
    case 'restart-standby':
    case 'restart':
    case 'crash-recovery':
    case 'end-archive-recovery':
    case 'reinitialize-diverged':
    case 'reinitialize':
    case 'clone':
      return { kind: job.kind };
  }
}
