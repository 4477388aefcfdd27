import { assertNever } from '../../base/assert.js';
import { seconds } from '../../base/duration.js';
import type { Job, JobEnd } from '../../ha/job.js';
import type { Upstream } from '../../ports/postgres.js';
import type { JobControl } from '../job-runner.js';
import { copyLogicalSlots } from './copy-logical-slots.js';
import { demote } from './demote.js';
import type { JobServices } from './services.js';

/** How long a stop before a new copy may take: the data are thrown away anyhow. */
const STOP_BEFORE_COPY_MS = seconds(10);
/** A standby that lacks WAL never becomes ready, and is stopped as well as one that does. */
const END_OF_RECOVERY_LIMIT_MS = seconds(10);
/** So long a standby without signal file is given to turn out as promoted, and so often it is looked at. */
const PROMOTION_SHOWS_MS = seconds(2);
const PROMOTION_LOOK_MS = 50;

/** Runs one job to its end. What is thrown is unexpected and counts as a failure. */
export function runJob(job: Job, s: JobServices, control: JobControl): Promise<JobEnd> {
  switch (job.kind) {
    case 'promote':
      return promote(s, control);
    case 'demote':
      return demote(job.mode, s, control);
    case 'start-primary':
      return startPrimary(job, s, control);
    case 'start-standby':
      return follow(job.kind, job.upstream, job, s, control);
    case 'restart-standby':
      return restartStandby(job, s, control);
    case 'restart':
      return restart(job, s, control);
    case 'crash-recovery':
      return crashRecovery(s);
    case 'end-archive-recovery':
      return endArchiveRecovery(s, control);
    case 'rewind':
      return rewind(job.leader, s);
    case 'reinitialize-diverged':
      return copy(job.kind, job.leader, job.basebackupOnly === true, s, control);
    case 'reinitialize':
      return reinitialize(job.fromLeader, s, control);
    case 'clone':
      return copy(job.kind, job.source, job.basebackupOnly === true, s, control);
    case 'bootstrap':
      return bootstrap(s, control);
    case 'copy-logical-slots':
      return copyLogicalSlots(job.leader, job.slots, s, control);
    case 'post-bootstrap':
      return s.postgres.runPostBootstrap().then((isDone): JobEnd => ({ kind: 'post-bootstrap', outcome: isDone ? 'done' : 'failed' }));
    default:
      return assertNever(job);
  }
}

async function promote(s: JobServices, control: JobControl): Promise<JobEnd> {
  const isAllowed = await s.postgres.runPrePromote();
  if (control.isCancelled || !mayPromote(s)) {
    s.log.info('PostgreSQL promote cancelled.');
    return { kind: 'promote', outcome: 'cancelled' };
  }
  if (!isAllowed && !s.config().isPaused) return { kind: 'promote', outcome: 'pre-promote-failed' };
  const timeline = await s.reserveTimeline();
  if (timeline === undefined) return { kind: 'promote', outcome: 'failed' };
  // The premise is checked again at the last moment: without a valid lease another member may be promoted already.
  if (control.isCancelled || !mayPromote(s)) return { kind: 'promote', outcome: 'cancelled' };
  control.closePrePromote();
  s.resetFirstCheckpoint();
  const outcome = await s.postgres.promote({ timeoutMs: s.config().loopWaitMs, leastTimeline: timeline });
  return { kind: 'promote', outcome };
}

/** The lock may have gone, or the cluster may have become a standby cluster, while a script ran. */
function mayPromote(s: JobServices): boolean {
  return s.holdsLock() && s.config().standbyCluster === undefined;
}

async function startPrimary(job: Extract<Job, { kind: 'start-primary' }>, s: JobServices, control: JobControl): Promise<JobEnd> {
  if (await mayStartAsPrimary(s))
    await s.postgres.start({ timeoutMs: job.timeoutMs, role: 'primary', interlock: whileLeading(s, control) });
  return { kind: job.kind };
}

/** Its commits must wait for whom `/sync` counts on, and its timer must run. */
async function mayStartAsPrimary(s: JobServices): Promise<boolean> {
  if (await s.beforeStartAsPrimary()) return isGuarded(s);
  s.log.warning('PostgreSQL is not started as primary: it is not known whom its commits must wait for');
  return false;
}

/** A server that becomes primary by its start needs the timer before it, as a promotion does. */
async function isGuarded(s: JobServices): Promise<boolean> {
  if (s.config().isPaused || s.watchdog.isRunning || (await s.watchdog.activate())) return true;
  s.log.error('not starting PostgreSQL as primary: the required watchdog could not be activated');
  return false;
}

/** A server without recovery configuration becomes a primary by its start: only under a lease of this very moment. */
function whileLeading(s: JobServices, control: JobControl): { readonly isCancelled: boolean } {
  return {
    get isCancelled() {
      return control.isCancelled || !(s.holdsLock() || s.config().isPaused);
    },
  };
}

async function restart(job: Extract<Job, { kind: 'restart' }>, s: JobServices, control: JobControl): Promise<JobEnd> {
  const { timeoutMs } = job;
  if (job.isStandby === true) await s.duty.without(() => s.postgres.restart({ timeoutMs, interlock: control }), control);
  // One that runs keeps its timer and what its commits wait for; what a stopped one remembers of that may be old.
  else if (job.isStopped !== true || (await mayStartAsPrimary(s)))
    await s.postgres.restart({ timeoutMs, interlock: whileLeading(s, control) });
  return { kind: job.kind };
}

async function follow(
  kind: 'start-standby' | 'restart-standby',
  upstream: Upstream | undefined,
  o: Pick<Extract<Job, { kind: 'start-standby' }>, 'role' | 'timeoutMs'>,
  s: JobServices,
  control: JobControl,
): Promise<JobEnd> {
  await s.postgres.follow(upstream, { role: o.role, how: 'restart', timeoutMs: o.timeoutMs, interlock: control });
  return { kind };
}

/** In maintenance mode an operator may promote the server at any moment, also after the look that this job rests on. */
async function restartStandby(
  { kind, upstream, role }: Extract<Job, { kind: 'restart-standby' }>,
  s: JobServices,
  control: JobControl,
): Promise<JobEnd> {
  if (s.config().isPaused && (await wasPromoted(s))) {
    s.log.info('PostgreSQL is not restarted: it was promoted meanwhile');
    return { kind };
  }
  return follow(kind, upstream, { role, timeoutMs: undefined }, s, control);
}

/** A promotion takes the signal file away some milliseconds before pg_control tells of it. */
async function wasPromoted(s: JobServices): Promise<boolean> {
  for (const until = s.clock.monotonic() + PROMOTION_SHOWS_MS; ; ) {
    if ((await s.postgres.controlData())?.clusterState === 'in production') return true;
    const look = await s.postgres.observe({ timeoutMs: PROMOTION_SHOWS_MS, withSynchronousState: false });
    if (look.hasRecoveryConfiguration || s.clock.monotonic() >= until) return false;
    await s.clock.sleep(PROMOTION_LOOK_MS);
  }
}

async function crashRecovery(s: JobServices): Promise<JobEnd> {
  await s.postgres.singleUserRecovery();
  return { kind: 'crash-recovery' };
}

/** How the start ends does not matter: the stop leaves `shut down in recovery`, wherever the replay had got to. */
async function endArchiveRecovery(s: JobServices, control: JobControl): Promise<JobEnd> {
  const timeoutMs = END_OF_RECOVERY_LIMIT_MS;
  await s.postgres.follow(undefined, { role: 'replica', how: 'restart', timeoutMs, interlock: control, quiet: true });
  await s.postgres.stop({ mode: 'fast', checkpoint: false });
  return { kind: 'end-archive-recovery' };
}

async function rewind(leader: Upstream, s: JobServices): Promise<JobEnd> {
  const isStopped = await s.postgres.stop({ mode: 'fast', checkpoint: false });
  if (!isStopped) {
    s.log.warning('Can not run pg_rewind because postgres is still running');
    return { kind: 'rewind', outcome: 'not-now' };
  }
  const outcome = await s.postgres.rewind(leader);
  if (outcome.kind === 'not-now') s.log.warning(`Can not use ${leader.name} for rewind: ${outcome.reason}`);
  if (outcome.kind === 'done' || outcome.kind === 'not-now') return { kind: 'rewind', outcome: outcome.kind };
  const policy = s.policy();
  const permission = policy.removeOnRewindFailure
    ? 'remove_data_directory_on_rewind_failure'
    : policy.removeOnDivergedTimelines
      ? 'remove_data_directory_on_diverged_timelines'
      : undefined;
  if (permission === undefined) return { kind: 'rewind', outcome: outcome.kind };
  s.log.warning(`${permission} is set. removing...`);
  await s.postgres.removeDataDirectory();
  return { kind: 'rewind', outcome: 'removed' };
}

async function reinitialize(fromLeader: boolean, s: JobServices, control: JobControl): Promise<JobEnd> {
  const end = await s.duty.without(() => copyAnew(fromLeader, s, control), control);
  return end ?? { kind: 'reinitialize' };
}

async function copyAnew(fromLeader: boolean, s: JobServices, control: JobControl): Promise<JobEnd> {
  const from = await s.freshCloneSource(fromLeader);
  if (from === undefined) {
    s.log.error('reinitialize gave up: the cluster has no leader to copy from');
    return { kind: 'reinitialize' };
  }
  // The data that are there may be the last copy, if the leader is gone without anybody's having noticed. Who takes everything from an
  // archive need not reach anybody.
  const obstacle = s.policy().traits.nostream ? undefined : await s.postgres.cloneObstacle(from.source);
  if (obstacle !== undefined) {
    s.log.error(`reinitialize gave up, the data directory is kept: can not copy from ${from.source.name}: ${obstacle}`);
    return { kind: 'reinitialize' };
  }
  return copy('reinitialize', from.source, from.basebackupOnly, s, control);
}

/** Makes the data directory a copy of `source` and starts it as a standby. */
async function copy(
  kind: 'clone' | 'reinitialize' | 'reinitialize-diverged',
  source: Upstream | undefined,
  basebackupOnly: boolean,
  s: JobServices,
  control: JobControl,
): Promise<JobEnd> {
  const isStopped = await s.postgres.stop({ mode: 'immediate', checkpoint: false, timeoutMs: STOP_BEFORE_COPY_MS });
  if (!isStopped) {
    s.log.error('the data directory is not replaced: PostgreSQL could not be stopped');
    return { kind };
  }
  const from = source === undefined ? '(without leader)' : `from ${source.name}`;
  if (!(await s.postgres.clone(source, { basebackupOnly }))) {
    s.log.error(`failed to bootstrap ${from}`);
    return { kind };
  }
  s.log.info(`bootstrapped ${from}`);
  if (!control.isCancelled) await s.postgres.follow(await s.freshUpstream(), { role: 'replica', how: 'restart', interlock: control });
  return { kind };
}

async function bootstrap(s: JobServices, control: JobControl): Promise<JobEnd> {
  if (s.config().standbyCluster === undefined) return { kind: 'bootstrap', outcome: await s.postgres.initialise() };
  const remote = await s.freshUpstream();
  if (remote === undefined || !(await s.postgres.clone(remote, { basebackupOnly: false }))) return { kind: 'bootstrap', outcome: 'failed' };
  // The callback is that of the finished bootstrap.
  const outcome = await s.postgres.follow(remote, { role: 'standby_leader', how: 'restart', interlock: control, quiet: true });
  return { kind: 'bootstrap', outcome: outcome === 'failed' ? 'failed' : 'standby-started' };
}
