import { isBootstrapping } from '../ha/memory.js';
import type { JobRunner } from './job-runner.js';
import { tryHandOver, whileLeaseLasts } from './jobs/demote.js';
import type { JobServices } from './jobs/services.js';
import type { AgentState } from './state.js';

export interface ShutdownOptions {
  /** False leaves PostgreSQL as it is. */
  readonly stopServer: boolean;
  /** Writes the member key a last time. */
  readonly publish: () => Promise<void>;
  /** Lets another attempt to initialise the cluster begin. */
  readonly deleteInitialize: () => Promise<void>;
}

/**
 * Ends a member in good order (ha.md §26): the server is stopped, and a leader's key is given away as soon as somebody
 * has everything, or when nothing runs any more. The lease is kept alive meanwhile: it must not end while WAL is still
 * being sent. In maintenance mode server and key are left alone.
 */
export async function shutdown(s: JobServices, jobs: JobRunner, state: AgentState, options: ShutdownOptions): Promise<void> {
  jobs.close();
  await jobs.cancel();
  if (!options.stopServer) return;
  if (isBootstrapping(state.memory)) return giveUpBootstrap(s, options);
  if (state.config.isPaused) {
    s.log.info('Leader key is not deleted and Postgresql is not stopped due paused state');
    s.watchdog.disable();
    return;
  }
  s.postgres.resetCancellation();
  const isLeader = s.holdsLock();
  let isReleased = false;
  const stop = (): Promise<boolean> =>
    s.postgres.stop({
      mode: 'fast',
      checkpoint: isLeader,
      timeoutMs: state.config.primaryStopTimeoutMs,
      onSafepoint: () => s.watchdog.disable(),
      ...(isLeader
        ? {
            signalBy: whileLeaseLasts(s),
            onShutdownCheckpoint: async (positions) => {
              isReleased = await tryHandOver(positions, s, { isCancelled: false });
            },
          }
        : {}),
    });
  const isStopped = await s.duty.without(stop, { isCancelled: false });
  if (!isStopped) {
    s.log.error(`PostgreSQL shutdown failed, leader key not removed.${s.watchdog.isArmed ? ' Leaving watchdog running.' : ''}`);
    return;
  }
  if (isLeader && !isReleased) await s.releaseLock((await s.postgres.shutdownPositions())?.previous);
  await options.publish();
}

/**
 * A cluster of which only a part was made would be adopted by the next start, without its roles; and while the key
 * `initialize` stands nobody makes another one. So it is set aside as after a bootstrap that failed.
 */
async function giveUpBootstrap(s: JobServices, { publish, deleteInitialize }: ShutdownOptions): Promise<void> {
  s.postgres.resetCancellation();
  const isStopped = await s.postgres.stop({ mode: 'immediate', checkpoint: false, timeoutMs: s.config().retryTimeoutMs });
  if (!isStopped) {
    s.log.error('PostgreSQL shutdown failed, the half of a bootstrap stays as it is');
    return;
  }
  s.watchdog.disable();
  s.log.info('the bootstrap was broken off: its data are set aside, and the initialize key is removed');
  await s.postgres.moveDataDirectoryAside();
  await deleteInitialize();
  await publish();
}
