import { milliseconds } from '../../base/duration.js';
import { log } from '../decision.js';
import { isFencing } from '../job.js';
import { fencingMargin, isPrimary, mayBecomePrimary, type Observation } from '../observation.js';
import { ask, conclude, type Rule, rule } from '../rule.js';
import { demoteActions } from './demote.js';

/** A leader asks a store that does not answer again after this long. */
const RETRY_MS = 1000;

/** Time until this primary must begin to stop. */
const spareOf = (o: Observation): number => o.leaseLeftMs - fencingMargin(o.config.ttlMs);

/** The store gave no trustworthy answer (ha.md §4.4). Nothing is published in such a cycle. */
export const dcsUnreachable: readonly Rule[] = [
  rule({
    id: 'dcs-unreachable/paused',
    why: 'In maintenance mode nothing is stopped on the word of a store that does not answer.',
    match: (o) => o.config.isPaused,
    decide: () => conclude('DCS is not accessible'),
  }),
  rule({
    id: 'dcs-unreachable/already-fencing',
    why: 'The server is being taken down already.',
    match: (o) => o.job !== undefined && isFencing(o.job.job),
    decide: () => conclude('DCS is not accessible'),
  }),
  rule({
    id: 'dcs-unreachable/activate-watchdog',
    why: 'A timer that was lost while the store is silent is armed again; without store a leader needs it most.',
    match: (o: Observation) =>
      isPrimary(o) && o.isLeaseValid && o.job === undefined && o.watchdog.needsActivation && o.facts.isWatchdogActive === undefined,
    decide: () => ask({ kind: 'activate-watchdog' }),
  }),
  rule({
    id: 'dcs-unreachable/watchdog-failed',
    why: 'Nobody runs as primary without the timer that was asked for.',
    match: (o: Observation) => isPrimary(o) && o.facts.isWatchdogActive === false,
    decide: () =>
      conclude('Demoting self because watchdog could not be activated', [
        { kind: 'start-job', job: { kind: 'demote', mode: 'offline', request: undefined } },
      ]),
  }),
  rule({
    id: 'dcs-unreachable/ask-members',
    why: 'Failsafe mode: who knows that nobody else leads, and nobody will for ttl, may go on without store.',
    // A lease that ended is not taken up again: somebody else may have led meanwhile.
    match: (o: Observation) =>
      isPrimary(o) && o.config.failsafeMode && o.failsafe.members.has(o.me) && spareOf(o) > 0 && o.facts.failsafe === undefined,
    decide: () => ask({ kind: 'ask-failsafe' }),
  }),
  rule({
    id: 'dcs-unreachable/other-leader',
    why: 'A member that was asked leads itself: one of the two is one too many.',
    match: (o: Observation) => (isPrimary(o) && o.facts.failsafe?.kind === 'other-leader' ? o.facts.failsafe : undefined),
    decide: ({ name }) =>
      conclude('demoted self because DCS is not accessible and I was a leader', [
        log('error', `${name} is running as a leader, demoting self`),
        ...demoteActions('immediate-nolock'),
      ]),
  }),
  rule({
    id: 'dcs-unreachable/failsafe',
    why: 'Every member consented, and will not lead before the lease that was prolonged by that ends.',
    match: (o: Observation) => isPrimary(o) && o.facts.failsafe?.kind === 'confirmed' && o.isLeaseValid,
    decide: () => conclude('continue to run as a leader because failsafe mode is enabled and all members are accessible'),
  }),
  rule({
    id: 'dcs-unreachable/lease-holds',
    why: 'Nobody can take the lock before the lease ends: no answer is no reason to stop until there is just time for it.',
    match: (o: Observation) => {
      const spare = spareOf(o);
      return mayBecomePrimary(o) && spare > 0 ? { spare } : undefined;
    },
    decide: ({ spare }, o) =>
      conclude(
        `DCS is not accessible, continuing to run as leader because the lock is confirmed for ${Math.round(o.leaseLeftMs / 1000)} more seconds`,
        [],
        {
          wakeAt: milliseconds(o.now + Math.min(spare, RETRY_MS)),
        },
      ),
  }),
  rule({
    id: 'dcs-unreachable/primary',
    why: 'A primary that cannot confirm its lock may be the second one soon: stop before the lease ends.',
    match: mayBecomePrimary,
    decide: () =>
      conclude('demoted self because DCS is not accessible and I was a leader', [
        { kind: 'log', level: 'info', message: 'demoting self because DCS is not accessible and I was a leader' },
        { kind: 'cancel-job' },
        { kind: 'start-job', job: { kind: 'demote', mode: 'offline', request: undefined } },
      ]),
  }),
  rule({
    id: 'dcs-unreachable/standby',
    why: 'A standby goes on replicating; it can neither gain nor lose anything by acting.',
    match: () => true,
    decide: () => conclude('DCS is not accessible'),
  }),
];
