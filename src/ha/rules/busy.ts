import { log } from '../decision.js';
import { isFencing, jobName } from '../job.js';
import { isBootstrapping } from '../memory.js';
import { hasLock, isPrimary, type KnownObservation } from '../observation.js';
import { ask, conclude, type Rule, rule } from '../rule.js';
import { canSomebodyTakeOver } from '../takeover.js';
import { isStopOverdue } from '../useless.js';
import { demoteActions } from './demote.js';

const hasLostLock = (o: KnownObservation): boolean => !hasLock(o) || o.facts.lock === 'lost';

/** A job runs (ha.md §22.3): keep the lock for it, or stop it when the lock is gone. */
export const busy: readonly Rule<KnownObservation>[] = [
  rule({
    id: 'busy/regain-lock',
    why: 'The key ran out while the members let this primary go on without store: it is still the leader.',
    match: (o) =>
      o.job !== undefined &&
      !isFencing(o.job.job) &&
      o.cluster.view.leader === undefined &&
      o.isLeaseValid &&
      o.failsafe.isLeading &&
      isPrimary(o) &&
      o.facts.acquire === undefined,
    decide: () => ask({ kind: 'acquire-lock' }),
  }),
  rule({
    id: 'busy/renew-lock',
    why: 'The lease must not end because the server is busy.',
    match: (o) => o.job !== undefined && hasLock(o) && o.facts.lock === undefined,
    decide: () => ask({ kind: 'renew-lock', withStatus: false }),
  }),
  rule({
    id: 'busy/crash-recovery-takes-too-long',
    why: 'Another member may be writable sooner than this one.',
    match: (o) => {
      if (o.job === undefined || o.job.job.kind !== 'crash-recovery' || hasLostLock(o)) return undefined;
      if (o.now - o.job.startedAt < o.config.primaryStartTimeoutMs) return undefined;
      return canSomebodyTakeOver(o, {});
    },
    decide: (takeover) => {
      if (takeover.kind === 'ask') return ask(takeover.question);
      return takeover.yes
        ? conclude('terminated crash recovery because of startup timeout', [
            ...takeover.log,
            log('info', 'Demoting self because crash recovery is taking too long'),
            ...demoteActions('immediate'),
          ])
        : conclude('updated leader lock during doing crash recovery in a single user mode', takeover.log);
    },
  }),
  rule({
    id: 'busy/stop-takes-too-long',
    why: 'A stop that hangs (a stuck archive_command, a disk) must not keep the cluster without a primary for ever.',
    match: (o) => {
      if (hasLostLock(o) || o.config.isPaused || !isStopOverdue(o)) return undefined;
      const takeover = canSomebodyTakeOver(o, {});
      return o.job !== undefined && (takeover.kind === 'ask' || takeover.yes) ? { job: o.job.job, takeover } : undefined;
    },
    decide: ({ job, takeover }) =>
      takeover.kind === 'ask'
        ? ask(takeover.question)
        : conclude(`terminated ${jobName(job)} because stopping PostgreSQL takes too long`, [
            ...takeover.log,
            log('error', `Demoting self because ${jobName(job)} is taking too long`),
            ...demoteActions('immediate'),
          ]),
  }),
  rule({
    id: 'busy/lock-kept',
    why: 'The job goes on under the lock.',
    match: (o) => (hasLostLock(o) ? undefined : o.job),
    decide: ({ job }) => conclude(`updated leader lock during ${jobName(job)}`),
  }),
  rule({
    id: 'busy/fencing',
    why: 'The server is on its way down; nothing may get in between.',
    match: (o) => (o.job !== undefined && isFencing(o.job.job) ? o.job : undefined),
    decide: ({ job }) => conclude(`${jobName(job)} in progress`, [{ kind: 'drop-lease' }]),
  }),
  rule({
    id: 'busy/lock-lost-before-promotion',
    why: 'A promotion is cancelled while pg_ctl has not been told.',
    match: (o, memory) =>
      o.job?.job.kind === 'promote' && o.job.isPrePromoteOpen && !isBootstrapping(memory) && !o.config.isPaused && !isPrimary(o),
    decide: () => conclude('lost leader before promote', [{ kind: 'drop-lease' }, { kind: 'cancel-job' }]),
  }),
  rule({
    id: 'busy/lock-lost-as-primary',
    why: 'Two primaries must never accept writes: whatever runs is killed, the server with it.',
    match: (o, memory) => {
      const isWritable = isPrimary(o) || o.postgres.role === 'primary' || o.postgres.role === 'promoted';
      return isWritable && !isBootstrapping(memory) && !o.config.isPaused ? o.job : undefined;
    },
    decide: ({ job }) =>
      conclude(`lost leader lock during ${jobName(job)}`, [
        log('info', `Demoting primary during ${jobName(job)}`),
        ...demoteActions('immediate-nolock'),
      ]),
  }),
  rule({
    id: 'busy/in-progress',
    why: 'One job at a time.',
    match: (o) => o.job,
    decide: ({ job }, o) =>
      conclude(
        `${jobName(job)} in progress`,
        o.cluster.view.leader === undefined ? [log('info', 'not healthy enough for leader race')] : [],
      ),
  }),
];
