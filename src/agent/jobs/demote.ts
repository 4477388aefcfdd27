import { type Milliseconds, milliseconds } from '../../base/duration.js';
import { formatLsn } from '../../base/lsn.js';
import type { DemoteMode, JobEnd } from '../../ha/job.js';
import { fencingMargin } from '../../ha/observation.js';
import type { ShutdownPositions, StopOptions } from '../../ports/postgres.js';
import type { JobControl } from '../job-runner.js';
import type { JobServices } from './services.js';

/** Between two questions whether a successor has the shutdown checkpoint. */
const HAND_OVER_POLL_MS = 40;
/** How long a stopped leader waits for a successor that has everything, before it simply releases the key. */
const HAND_OVER_MS = 5000;
/** After giving the key away: time for another member to take it, before this one looks around. */
const SUCCESSOR_MS = 2000;
/** An immediate stop that takes longer is ended by SIGKILL of the whole tree; sooner when the lease is over already. */
const IMMEDIATE_STOP_MS = { immediate: 5000, 'immediate-nolock': 1000 };
/** `before_stop` gets so long before an immediate stop, and this part of what is left of the lease without store. */
const BEFORE_IMMEDIATE_STOP_MS = { immediate: 2000, 'immediate-nolock': 500 };
const BEFORE_OFFLINE_STOP_SHARE = 1 / 2;
/** One WAL file: minutes are for an archive far away. */
const ARCHIVE_MS = 300_000;
/** A fast stop without store gets at least this long. */
const LEAST_OFFLINE_STOP_MS = 1000;

/**
 * Takes the primary down (ha.md §11). Writes end with the first signal; the key is given away only when pg_control says
 * that nothing more can be acknowledged and somebody has all of it, or when the process is gone.
 */
export async function demote(mode: DemoteMode, s: JobServices, control: JobControl): Promise<JobEnd> {
  s.log.info(`Demoting self (${mode})`);
  const isGraceful = mode === 'graceful';
  const isOfCluster = mode === 'demote-cluster';
  // With an archive the other cluster may need the last segment from there, so the key waits for the archiver.
  const isArchiving = isOfCluster && (await s.postgres.isArchiving());
  let isReleased = false;
  const handOver = async (positions: ShutdownPositions): Promise<void> => {
    isReleased = await tryHandOver(positions, s, control, isOfCluster ? positions.checkpoint : positions.previous);
  };
  const isStopped = await s.postgres.stop({
    ...signalBy(mode, s),
    mode: isGraceful || isOfCluster || mode === 'offline' ? 'fast' : 'immediate',
    checkpoint: isGraceful,
    // Read when the signal is sent: what `before_stop` took of a lease is gone.
    get timeoutMs() {
      return stopTimeout(mode, s);
    },
    onSafepoint: () => s.watchdog.disable(),
    ...(isGraceful || (isOfCluster && !isArchiving) ? { onShutdownCheckpoint: handOver } : {}),
  });
  if (!isStopped) {
    s.log.error('PostgreSQL could not be stopped, leader key not removed');
    return { kind: 'demote' };
  }
  if (control.isCancelled) return { kind: 'demote' };
  s.postgres.setRole('demoted');
  // A later promotion begins with names of its own, not with stale ones.
  await s.postgres.setSynchronousStandbyNames(undefined);
  if (mode === 'graceful' || mode === 'immediate') {
    const positions = isGraceful && !isReleased ? await s.postgres.shutdownPositions() : undefined;
    if (!isReleased) await s.releaseLock(positions?.previous);
    await s.awaitOtherLeader(SUCCESSOR_MS);
  } else if (isOfCluster) await endAsPrimary(isReleased, isArchiving, s);
  else s.dropLease();
  // Without store nobody can be followed: read-only service from what there is.
  if (mode === 'offline' && !control.isCancelled) await s.postgres.follow(undefined, { role: 'replica', how: 'restart' });
  return { kind: 'demote' };
}

/** The rest of becoming a standby cluster. The server is started by the next cycle, which compares its history first. */
async function endAsPrimary(isReleased: boolean, isArchiving: boolean, s: JobServices): Promise<void> {
  const positions = await s.postgres.shutdownPositions();
  if (positions === undefined) s.log.warning('PostgreSQL was not shut down cleanly: the other cluster may lack the end of its WAL');
  else {
    const end = formatLsn(positions.checkpoint);
    s.log.info(`the WAL of this cluster ends at ${end}: only a server that has received it has everything that was acknowledged`);
  }
  if (!isArchiving) s.log.info('Not archiving latest checkpoint WAL file. Archiving is not configured.');
  else if (!(await archiveLast(s))) s.log.error('Failed to archive WAL file with the shutdown checkpoint');
  if (isReleased) await s.awaitOtherLeader(SUCCESSOR_MS);
}

/** The cluster has neither primary nor standby leader meanwhile, so a command that hangs is ended. */
async function archiveLast(s: JobServices): Promise<boolean> {
  const stopWaiting = s.clock.after(ARCHIVE_MS, () => {
    s.postgres.cancel().catch((error: unknown) => s.log.error('archive_command could not be ended', error));
  });
  try {
    return await s.postgres.archiveShutdownCheckpoint();
  } finally {
    stopWaiting();
  }
}

function stopTimeout(mode: DemoteMode, s: JobServices): ReturnType<typeof milliseconds> | undefined {
  if (mode === 'graceful' || mode === 'demote-cluster') return s.config().primaryStopTimeoutMs;
  if (mode === 'offline') return milliseconds(Math.max(s.leaseEnd() - s.clock.monotonic(), LEAST_OFFLINE_STOP_MS));
  return milliseconds(IMMEDIATE_STOP_MS[mode]);
}

/** The server takes writes until it gets the signal, so checkpoint and `before_stop` have to end with the lease (ha.md §11). */
function signalBy(mode: DemoteMode, s: JobServices): { signalBy: NonNullable<StopOptions['signalBy']> } {
  if (mode === 'graceful' || mode === 'demote-cluster') return { signalBy: whileLeaseLasts(s) };
  const now = s.clock.monotonic();
  const share = mode === 'offline' ? (s.leaseEnd() - now) * BEFORE_OFFLINE_STOP_SHARE : BEFORE_IMMEDIATE_STOP_MS[mode];
  return { signalBy: () => milliseconds(now + share) };
}

/** Until a primary without store would have to begin to stop. */
export function whileLeaseLasts(s: Pick<JobServices, 'leaseEnd' | 'config'>): () => Milliseconds {
  return () => milliseconds(s.leaseEnd() - fencingMargin(s.config().ttlMs));
}

/**
 * Gives the key away while the postmaster still archives, as soon as a successor has the shutdown checkpoint.
 * @param published the position by which others are measured from then on.
 */
export async function tryHandOver(
  positions: ShutdownPositions,
  s: JobServices,
  control: Pick<JobControl, 'isCancelled'>,
  published = positions.previous,
): Promise<boolean> {
  const until = s.clock.monotonic() + HAND_OVER_MS;
  while (!control.isCancelled && s.clock.monotonic() < until) {
    const successor = await s.successorWith(positions.checkpoint);
    if (successor === 'nobody') return false;
    if (successor === 'found') {
      s.postgres.setRole('demoted');
      await s.releaseLock(published);
      return true;
    }
    await s.clock.sleep(HAND_OVER_POLL_MS);
  }
  return false;
}
