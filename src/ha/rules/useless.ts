import { log } from '../decision.js';
import { hasLock, isPrimary, type KnownObservation } from '../observation.js';
import { ask, conclude, type Rule, rule } from '../rule.js';
import { canSomebodyTakeOver } from '../takeover.js';
import { provenTrouble } from '../useless.js';
import { demoteActions } from './demote.js';
import { manualRequest } from './manual-request.js';

/** A leader whose server was found useless for longer than it may be. */
function uselessLeader(o: KnownObservation) {
  return hasLock(o) && isPrimary(o) && !o.config.isPaused && o.config.standbyCluster === undefined ? provenTrouble(o) : undefined;
}

const lasting = (o: KnownObservation, since: number): string => `for ${Math.round((o.now - since) / 1000)} seconds`;

/**
 * The leader's process lives and does not do its work: the postmaster is stopped, the disk hangs, is full or refuses writes
 * (docs/useless-leader.md). Patroni holds the lock for ever then. Slow is not dead: only an unbroken series of failures that
 * lasts for `primary_useless_timeout` counts, and only a member that can take over gets the lock.
 */
export const useless: readonly Rule<KnownObservation>[] = [
  rule({
    id: 'useless/renew-lock',
    why: 'Whatever follows is decided under the lock.',
    match: (o) => (o.facts.lock === undefined ? uselessLeader(o) : undefined),
    decide: () => ask({ kind: 'renew-lock', withStatus: true }),
  }),
  rule({
    id: 'useless/manual-request',
    why: 'The operator is there already.',
    match: (o, memory) => (o.facts.lock === 'renewed' && uselessLeader(o) ? manualRequest(o, memory) : undefined),
    decide: (verdict) => verdict,
  }),
  rule({
    id: 'useless/hand-over',
    why: 'The lock must not be held for ever by a member that can’t take writes. The server is killed with its whole tree before the lock is released: the sessions of a stopped postmaster still write.',
    match: (o) => {
      const trouble = o.facts.lock === 'renewed' ? uselessLeader(o) : undefined;
      if (trouble === undefined) return undefined;
      const takeover = canSomebodyTakeOver(o, { needsRoom: trouble.kind === 'disk-full' });
      return takeover.kind === 'ask' || takeover.yes ? { trouble, takeover } : undefined;
    },
    decide: ({ trouble, takeover }, o) => {
      if (takeover.kind === 'ask') return ask(takeover.question);
      // A server that still answers can send what it has to its standbys before it stops.
      const mode = trouble.kind === 'disk-full' ? 'graceful' : 'immediate';
      const line = `Demoting self because PostgreSQL has been useless ${lasting(o, trouble.since)} (${trouble.kind}: ${trouble.detail})`;
      return conclude(`stopped PostgreSQL because it takes no writes (${trouble.kind})`, [
        ...takeover.log,
        log('error', line),
        ...demoteActions(mode),
      ]);
    },
  }),
  rule({
    id: 'useless/nobody-to-hand-over',
    why: 'Without a member that can do better, stopping would only add to the damage.',
    match: (o) => (o.facts.lock === 'renewed' ? uselessLeader(o) : undefined),
    decide: (trouble, o) => {
      const takeover = canSomebodyTakeOver(o, { needsRoom: trouble.kind === 'disk-full' });
      const line = `PostgreSQL has been useless ${lasting(o, trouble.since)} (${trouble.kind}: ${trouble.detail})`;
      return conclude(`PostgreSQL takes no writes (${trouble.kind}), but continuing because failover is not possible`, [
        ...(takeover.kind === 'known' ? takeover.log : []),
        log('error', line),
      ]);
    },
  }),
];
