import type { Decision } from './decision.js';
import { hasLock, type Observation } from './observation.js';

/**
 * Disarms a watchdog that could only do harm: in maintenance mode nothing is reset or killed (ha.md §16), and a standby that
 * neither leads nor is being promoted acknowledges nothing.
 */
export function withDisarmedWatchdog(decision: Decision, o: Observation): Decision {
  const isDue = decision.isFinal && o.watchdog.isArmed === true && (o.config.isPaused || isIdleStandby(o, decision));
  return isDue ? { ...decision, actions: [{ kind: 'disarm-watchdog' }, ...decision.actions] } : decision;
}

function isIdleStandby(o: Observation, decision: Decision): boolean {
  const { status, role } = o.postgres;
  const isStandby = status.kind === 'known' && status.value.isInRecovery && role !== 'primary' && role !== 'promoted';
  const isLeading = o.isLeaseValid || (o.cluster.kind === 'known' && hasLock({ ...o, cluster: o.cluster }));
  const isPromoting =
    o.job?.job.kind === 'promote' || decision.actions.some((action) => action.kind === 'start-job' && action.job.kind === 'promote');
  return isStandby && !isLeading && !isPromoting;
}
