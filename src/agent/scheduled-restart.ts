import { parseScheduledAt } from '../cluster/failover-request.js';
import type { KnownObservation } from '../ha/observation.js';
import type { Clock } from '../ports/clock.js';
import type { Log } from '../ports/log.js';
import type { AgentController } from './control.js';
import type { JobRunner } from './job-runner.js';
import { restartObstacle } from './restart-conditions.js';
import type { AgentState } from './state.js';

export interface ScheduledRestartParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly state: AgentState;
  readonly jobs: JobRunner;
  readonly controller: AgentController;
  readonly wake: () => void;
}

/** Starts the scheduled restart when it is due and its conditions hold; forgets one that is void or stale (ha.md §22.5). */
export function applyScheduledRestart(o: KnownObservation, { clock, log, state, jobs, controller, wake }: ScheduledRestartParts): void {
  const wanted = state.scheduledRestart;
  if (wanted === undefined || o.config.isPaused || jobs.current !== undefined || o.postgres.status.kind !== 'known') return;
  const forget = (): void => {
    state.scheduledRestart = undefined;
  };
  const startedAt = o.postgres.status.value.postmasterStartTime;
  if (startedAt !== state.scheduledAfterStart) {
    log.info(`Cancelling scheduled restart: postgres restart has already happened at ${startedAt}`);
    forget();
    return;
  }
  const due = parseScheduledAt(wanted.schedule);
  const inMs = due === undefined ? 0 : due.at - o.wallNow;
  if (inMs > 0) {
    if (inMs < o.config.loopWaitMs) clock.after(inMs, wake);
    return;
  }
  forget();
  const obstacle = restartObstacle(wanted, o);
  if (inMs < -1.5 * o.config.loopWaitMs) log.warning(`Found a stale restart value, cleaning up: ${wanted.schedule}`);
  else if (obstacle !== undefined) log.warning(`Scheduled restart: not proceeding with the restart: ${obstacle}`);
  else {
    controller.beginRestart(wanted.timeout);
    log.info(`restart initiated (scheduled at ${wanted.schedule})`);
  }
}
