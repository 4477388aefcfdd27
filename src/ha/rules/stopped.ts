import { type Milliseconds, milliseconds } from '../../base/duration.js';
import { log } from '../decision.js';
import { isRewindExecuted, type Memory } from '../memory.js';
import { hasLock, type KnownObservation } from '../observation.js';
import { armed } from '../rewind.js';
import { ask, conclude, delegate, type Rule, rule, type Verdict } from '../rule.js';
import { canSomebodyTakeOver } from '../takeover.js';
import { remoteMember, upstreamOf } from '../upstream.js';
import { crashesWith, isCrashLoop } from '../useless.js';
import { demoteActions } from './demote.js';
import { divergence } from './divergence.js';

const UNCLEAN = ['in production', 'shutting down', 'in crash recovery'];
const RESTARTABLE = [...UNCLEAN, 'shut down'];
/** From 15 on a backup_label means a restored backup, which the normal start handles. */
const BACKUP_LABEL_MATTERS_FROM = 150_000;

/** Until it went this agent saw it follow another: what pg_control says of a primary is of a time before that. */
const wasStandby = (o: KnownObservation): boolean => o.postgres.role === 'replica' && o.postgres.hasRecoveryConfiguration;

const isStopped = (o: KnownObservation): boolean => !o.postgres.isProcessRunning;
const isHolder = (o: KnownObservation): boolean => hasLock(o) && o.facts.lock !== 'lost';

function controlState(o: KnownObservation): string | undefined {
  const control = o.facts.controlData;
  return control === undefined || control === 'unreadable' ? undefined : control.clusterState;
}

/** When a server whose start failed may be started again; undefined: at once. */
function nextStart(o: KnownObservation, memory: Memory): Milliseconds | undefined {
  if (memory.startFailedAt === undefined) return undefined;
  const at = milliseconds(memory.startFailedAt + o.config.loopWaitMs);
  return at > o.now ? at : undefined;
}

function startStandby(
  o: KnownObservation,
  reason: string,
  role: 'replica' | 'standby_leader',
  upstream: ReturnType<typeof upstreamOf>,
  rest: Partial<Memory> = {},
): Verdict {
  const timeoutMs = isHolder(o) ? o.config.primaryStartTimeoutMs : undefined;
  return conclude(reason, [{ kind: 'disarm-watchdog' }, { kind: 'start-job', job: { kind: 'start-standby', upstream, role, timeoutMs } }], {
    remember: { isRecovering: true, isDownByAgent: false, ...rest },
  });
}

/** The server does not run (ha.md §12.1, §12.2). A crashed server without lock is never started read-write. */
export const stopped: readonly Rule<KnownObservation>[] = [
  rule({
    id: 'stopped/paused-holder',
    why: 'In maintenance mode nobody starts the server, and the lock blocks others.',
    match: (o) => isStopped(o) && o.config.isPaused && hasLock(o),
    decide: () =>
      conclude('removed leader lock because postgres is not running', [
        { kind: 'set-state', state: 'stopped' },
        { kind: 'release-lock', lastLsn: undefined, publish: false },
      ]),
  }),
  rule({
    id: 'stopped/paused',
    why: 'In maintenance mode nobody starts the server, but to end what a switchover or a rewind began.',
    match: (o, memory) => isStopped(o) && o.config.isPaused && (memory.rewind === 'failed' || !memory.isDownByAgent),
    decide: () => conclude('postgres is not running', [{ kind: 'set-state', state: 'stopped' }]),
  }),
  rule({
    id: 'stopped/noticed',
    why: 'The process is gone though nobody stopped it.',
    match: (o) => isStopped(o) && (o.postgres.state === 'running' || o.postgres.state === 'starting'),
    decide: (_, o, memory) => ({
      reason: '',
      actions: [log('warning', 'Postgresql is not running.'), { kind: 'set-state', state: 'crashed' }],
      goOn: true,
      ...(hasLock(o) && o.postgres.role === 'primary' ? { remember: { crashes: crashesWith(memory, o) } } : {}),
    }),
  }),
  rule({
    id: 'stopped/renew-lock',
    why: 'The lock tells whether this server may come back as primary.',
    match: (o) => isStopped(o) && hasLock(o) && o.facts.lock === undefined,
    decide: () => ask({ kind: 'renew-lock', withStatus: false }),
  }),
  rule({
    id: 'stopped/fail-over-after-crash',
    why: 'primary_start_timeout is 0: the operator prefers another member to crash recovery.',
    match: (o) => (isStopped(o) && isHolder(o) && o.config.primaryStartTimeoutMs === 0 ? canSomebodyTakeOver(o, {}) : undefined),
    decide: (takeover, o, memory) => {
      if (takeover.kind === 'ask') return ask(takeover.question);
      if (takeover.yes) {
        return conclude(
          'stopped PostgreSQL to fail over after a crash',
          [...takeover.log, { kind: 'disarm-watchdog' }, log('info', 'Primary crashed. Failing over.'), ...demoteActions('immediate')],
          { remember: { rewind: armed(memory, o) } },
        );
      }
      const start = startStandby(o, 'starting as readonly because i had the session lock', 'replica', undefined, { rewind: 'initial' });
      return { ...start, actions: [...takeover.log, ...start.actions] };
    },
  }),
  rule({
    id: 'stopped/crash-loop',
    why: 'The third crash within primary_useless_timeout: another start would end like the ones before.',
    match: (o, memory) => {
      if (!isStopped(o) || !isHolder(o) || o.config.isPaused || o.postgres.state !== 'crashed' || !isCrashLoop(memory, o)) return undefined;
      const takeover = canSomebodyTakeOver(o, {});
      return takeover.kind === 'ask' || takeover.yes ? takeover : undefined;
    },
    decide: (takeover, o, memory) =>
      takeover.kind === 'ask'
        ? ask(takeover.question)
        : conclude(
            'stopped PostgreSQL to fail over after repeated crashes',
            [
              ...takeover.log,
              { kind: 'disarm-watchdog' },
              log('error', `Primary crashed ${memory.crashes.length} times. Failing over.`),
              ...demoteActions('immediate'),
            ],
            { remember: { rewind: armed(memory, o), crashes: [] } },
          ),
  }),
  rule({
    id: 'stopped/read-control-data',
    why: 'pg_control tells how the server ended.',
    match: (o) => isStopped(o) && o.facts.controlData === undefined,
    decide: () => ask({ kind: 'read-control-data' }),
  }),
  rule({
    id: 'stopped/restart-crashed-primary',
    why: 'With the lock in hand the quickest way back is the same server on the same timeline.',
    match: (o) => {
      const isPrimaryData = o.postgres.state === 'crashed' && o.postgres.role === 'primary' && !o.postgres.hasRecoveryConfiguration;
      return (
        isStopped(o) && isHolder(o) && o.config.standbyCluster === undefined && isPrimaryData && RESTARTABLE.includes(controlState(o) ?? '')
      );
    },
    decide: (_, o) =>
      conclude(
        'starting primary after failure',
        [{ kind: 'start-job', job: { kind: 'start-primary', timeoutMs: o.config.primaryStartTimeoutMs } }],
        {
          remember: { isRecovering: true },
        },
      ),
  }),
  rule({
    id: 'stopped/read-can-rewind',
    why: 'Recovery in single-user mode pays only when somebody can use its result.',
    match: (o, memory) =>
      isStopped(o) &&
      !wasStandby(o) &&
      UNCLEAN.includes(controlState(o) ?? '') &&
      memory.crashRecoveryStartedAt === undefined &&
      (o.facts.canRewind === undefined ||
        (o.postgres.majorVersion >= BACKUP_LABEL_MATTERS_FROM && o.facts.canSkipSingleUserRecovery === undefined)),
    decide: () => ask({ kind: 'read-can-rewind' }, { kind: 'read-backup-label' }),
  }),
  rule({
    id: 'stopped/crash-recovery',
    why: 'A clean end of the old timeline, without ever being writable for clients.',
    match: (o, memory) => {
      const isUnclean =
        isStopped(o) && !wasStandby(o) && UNCLEAN.includes(controlState(o) ?? '') && memory.crashRecoveryStartedAt === undefined;
      const isUseful = o.cluster.view.leader === undefined || o.facts.canRewind === true;
      return isUnclean && isUseful && o.facts.canSkipSingleUserRecovery !== true;
    },
    decide: (_, o) =>
      conclude(
        'doing crash recovery in a single user mode',
        [{ kind: 'disarm-watchdog' }, { kind: 'start-job', job: { kind: 'crash-recovery' } }],
        {
          remember: { crashRecoveryStartedAt: o.now },
        },
      ),
  }),
  rule({
    id: 'stopped/start-with-lock-failed-just-now',
    why: 'A server that can’t start would be started again and again, as fast as it fails.',
    match: (o, memory) => isStopped(o) && isHolder(o) && nextStart(o, memory),
    decide: (wakeAt) => conclude('failed to start postgres', [], { wakeAt }),
  }),
  rule({
    id: 'stopped/read-only-with-lock',
    why: 'Start as a standby of nobody, then promote: a new timeline for whatever happened before.',
    match: (o) => isStopped(o) && isHolder(o) && o.config.standbyCluster === undefined,
    decide: (_, o) => startStandby(o, 'starting as readonly because i had the session lock', 'replica', undefined, { rewind: 'initial' }),
  }),
  rule({
    id: 'stopped/arm-divergence-check',
    why: 'Whoever was down may have missed a promotion.',
    match: (o, memory) =>
      isStopped(o) &&
      !isRewindExecuted(memory) &&
      o.facts.localPosition === undefined &&
      memory.rewind !== 'check' &&
      memory.rewind !== 'need' &&
      memory.rewind !== 'not-need' &&
      armed(memory, o) === 'check',
    decide: () => ({ reason: '', actions: [], goOn: true, remember: { rewind: 'check' } }),
  }),
  rule({
    id: 'stopped/divergence',
    why: 'See the table of divergence.',
    match: (o, memory) => (isStopped(o) && !isRewindExecuted(memory) ? delegate(divergence, o, memory) : undefined),
    decide: (verdict) => verdict,
  }),
  rule({
    id: 'stopped/start-failed-just-now',
    why: 'As the row above for a leader; a rewind that is due comes first, because it may be the cure.',
    match: (o, memory) => isStopped(o) && nextStart(o, memory),
    decide: (wakeAt) => conclude('failed to start postgres', [], { wakeAt }),
  }),
  rule({
    id: 'stopped/standby-leader',
    why: 'The leader of a standby cluster follows from outside.',
    match: (o) => isStopped(o) && isHolder(o),
    decide: (_, o) => startStandby(o, 'starting as a standby leader because i had the session lock', 'standby_leader', upstreamOf(o)),
  }),
  rule({
    id: 'stopped/leaderless-standby-cluster',
    why: 'Without a standby leader the server outside is the only source.',
    match: (o) => isStopped(o) && o.config.standbyCluster !== undefined && o.cluster.view.leader === undefined,
    decide: (_, o) => startStandby(o, 'trying to follow a remote member because standby cluster is unhealthy', 'replica', remoteMember(o)),
  }),
  rule({
    id: 'stopped/standby',
    why: 'Start as a standby of whoever leads.',
    match: (o) => isStopped(o),
    decide: (_, o) => startStandby(o, 'starting as a secondary', 'replica', upstreamOf(o)),
  }),
];
