import type { Clock } from '../../ports/clock.js';
import type { Log } from '../../ports/log.js';
import type { ShutdownPositions, StopOptions } from '../../ports/postgres.js';
import { clientBackends } from './client-backends.js';
import type { Postmaster } from './postmaster-file.js';
import type { ProcessTable } from './process-table.js';
import type { ServerProcess } from './server-process.js';

/** Pause between two looks at backends and pg_control, in milliseconds: a switchover waits for them. */
const LOOK_MS = 50;

/** How long our own session may outlive the signal before it counts as one that hangs. */
const OWN_SESSION_MS = 3000;

export interface StopParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly server: ServerProcess;
  readonly table: ProcessTable;
  readonly clusterName: string;
  /** Our own connection still stands. */
  readonly isSessionOpen: () => boolean;
  readonly closeSession: () => void;
  /** `Database cluster state`, cheaply. */
  readonly clusterState: () => Promise<string | undefined>;
  readonly shutdownPositions: () => Promise<ShutdownPositions | undefined>;
}

/**
 * From the signal to the end of the process (postgres.md §5.2, steps 6 to 12).
 *
 * `onSafepoint` disarms the watchdog, `onShutdownCheckpoint` may release the leader lock: each is called only when no backend
 * can get a commit acknowledged any more, and when pg_control says exactly `shut down`.
 * @returns false when the process may not be signalled.
 */
export async function stopPostmaster(postmaster: Postmaster, options: StopOptions, parts: StopParts): Promise<boolean> {
  const { clock, log, server } = parts;
  const outcome = postmaster.isSingleUser ? 'not-permitted' : server.signal(postmaster, options.mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
  if (outcome === 'not-permitted') {
    const what = postmaster.isSingleUser ? 'single-user server is running' : 'not permitted to signal it';
    log.warning(`Cannot stop server; ${what} (PID: ${postmaster.pid})`);
    return false;
  }
  const timeoutMs = options.timeoutMs;
  const deadline = timeoutMs === undefined ? Number.POSITIVE_INFINITY : clock.monotonic() + timeoutMs;
  if (outcome === 'sent') {
    const isSessionBroken = await waitForOwnSession(postmaster, deadline, parts);
    if (options.onSafepoint) await reportSafepoint(postmaster, isSessionBroken, deadline, options.onSafepoint, parts);
    let graceMs: number | undefined = timeoutMs;
    if (options.onShutdownCheckpoint && options.mode === 'fast') {
      const isInTime = await waitForShutdownCheckpoint(postmaster, deadline, options, parts);
      if (!isInTime) graceMs = 0;
    }
    await waitOrKill(postmaster, options.mode, deadline, graceMs, parts);
  }
  options.onSafepoint?.();
  return true;
}

/** The end of our own session proves that the postmaster has acted on the signal. */
async function waitForOwnSession(postmaster: Postmaster, deadline: number, parts: StopParts): Promise<boolean> {
  const { clock, server } = parts;
  const limit = Math.min(deadline, clock.monotonic() + OWN_SESSION_MS);
  const wasOpen = parts.isSessionOpen();
  while (parts.isSessionOpen() && server.isAlive(postmaster) && clock.monotonic() < limit) await clock.sleep(LOOK_MS / 5);
  const isBroken = wasOpen && !parts.isSessionOpen();
  parts.closeSession();
  return isBroken;
}

async function reportSafepoint(
  postmaster: Postmaster,
  isSessionBroken: boolean,
  deadline: number,
  onSafepoint: () => void,
  parts: StopParts,
): Promise<void> {
  const { clock, server, table, clusterName, log } = parts;
  // Without this proof "no backends" may only mean that the postmaster has not got round to the signal yet.
  let isProven = isSessionBroken;
  while (server.isAlive(postmaster)) {
    const clients = clientBackends(table, postmaster.pid, clusterName);
    if (clients.length === 0) {
      if (isProven) onSafepoint();
      return;
    }
    isProven = true;
    if (clock.monotonic() >= deadline) {
      log.warning(`${clients.length} client backends are still alive at the end of the stop time-out`);
      return;
    }
    await clock.sleep(LOOK_MS);
  }
}

/** False when `deadline` passed before pg_control told of a shutdown. */
async function waitForShutdownCheckpoint(
  postmaster: Postmaster,
  deadline: number,
  options: StopOptions,
  parts: StopParts,
): Promise<boolean> {
  const { clock, server } = parts;
  for (;;) {
    const isAlive = server.isAlive(postmaster);
    const state = await parts.clusterState();
    if (state === 'shut down') {
      const positions = await parts.shutdownPositions();
      if (positions !== undefined) {
        await options.onShutdownCheckpoint?.(positions);
        options.onSafepoint?.();
      }
      return true;
    }
    // The state was read after the process had ended: nothing will change any more.
    if (!isAlive || state?.startsWith('shut down')) return true;
    if (clock.monotonic() >= deadline) return false;
    await clock.sleep(LOOK_MS);
  }
}

async function waitOrKill(
  postmaster: Postmaster,
  mode: StopOptions['mode'],
  deadline: number,
  graceMs: number | undefined,
  parts: StopParts,
): Promise<void> {
  const { clock, log, server } = parts;
  const left = deadline === Number.POSITIVE_INFINITY ? undefined : Math.max(0, deadline - clock.monotonic());
  if (await server.waitForEnd(postmaster, left)) return;
  log.warning('Timeout during postmaster stop, aborting Postgres.');
  if (mode === 'fast') {
    server.signal(postmaster, 'SIGQUIT');
    if (await server.waitForEnd(postmaster, graceMs)) return;
  }
  log.warning('Sending SIGKILL to Postmaster and its children');
  const killed = await server.killTree(postmaster);
  if (killed === 'killed') log.error('PostgreSQL was killed, but some of its processes still wait for the disk');
  if (killed === 'refused') await server.waitForEnd(postmaster, undefined);
}
