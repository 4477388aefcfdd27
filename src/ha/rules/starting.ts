import { isStarting } from '../../cluster/postgres-state.js';
import { log } from '../decision.js';
import type { Memory } from '../memory.js';
import { hasLock, type KnownObservation } from '../observation.js';
import { ask, conclude, type Rule, rule } from '../rule.js';
import { canSomebodyTakeOver } from '../takeover.js';
import { demoteActions } from './demote.js';
import { manualRequest } from './manual-request.js';

function isHolderStarting(o: KnownObservation): boolean {
  return isStarting(o.postgres.state) && o.postgres.isProcessRunning && !o.config.isPaused && hasLock(o);
}

function timeLeft(o: KnownObservation, memory: Memory): number {
  return (memory.startTimeoutMs ?? o.config.primaryStartTimeoutMs) - (o.now - o.postgres.stateSince);
}

/** The holder's server is starting (ha.md §12.6). Followers go on with the other tables. */
export const starting: readonly Rule<KnownObservation>[] = [
  rule({
    id: 'starting/paused-by-hand',
    why: 'In maintenance mode the operator starts servers; what runs and answers is running.',
    match: (o) => o.config.isPaused && o.postgres.isProcessRunning && o.postgres.status.kind === 'known' && o.postgres.state !== 'running',
    decide: () => ({ reason: '', actions: [{ kind: 'set-state', state: 'running' }], goOn: true }),
  }),
  rule({
    id: 'starting/renew-lock',
    why: 'A start may take minutes: the lock is kept meanwhile.',
    match: (o) => isHolderStarting(o) && o.facts.lock === undefined,
    decide: () => ask({ kind: 'renew-lock', withStatus: false }),
  }),
  rule({
    id: 'starting/lock-lost',
    why: 'The start could end as a second primary.',
    match: (o) => isHolderStarting(o) && o.facts.lock === 'lost',
    decide: () =>
      conclude('stopped PostgreSQL while starting up because leader key was lost', [
        log('info', 'Lost lock while starting up. Demoting self.'),
        ...demoteActions('immediate-nolock'),
      ]),
  }),
  rule({
    id: 'starting/timed-out',
    why: 'Clients wait; somebody else may be writable sooner.',
    match: (o, memory) => (isHolderStarting(o) && timeLeft(o, memory) <= 0 ? canSomebodyTakeOver(o, {}) : undefined),
    decide: (takeover) => {
      if (takeover.kind === 'ask') return ask(takeover.question);
      return takeover.yes
        ? conclude('stopped PostgreSQL because of startup timeout', [
            ...takeover.log,
            log('info', 'Demoting self because primary startup is taking too long'),
            ...demoteActions('immediate'),
          ])
        : conclude('primary start has timed out, but continuing to wait because failover is not possible', takeover.log);
    },
  }),
  rule({
    id: 'starting/manual-request',
    why: 'An operator may not want to wait.',
    match: (o, memory) => isHolderStarting(o) && manualRequest(o, memory),
    decide: (verdict) => verdict,
  }),
  rule({
    id: 'starting/wait',
    why: 'There is time left.',
    match: (o, memory) => (isHolderStarting(o) ? { left: timeLeft(o, memory) } : undefined),
    decide: ({ left }) => conclude(`PostgreSQL is still starting up, ${Math.round(left / 1000)} seconds until timeout`),
  }),
];
