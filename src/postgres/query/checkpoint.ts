import type { Milliseconds } from '../../base/duration.js';
import type { Clock } from '../../ports/clock.js';
import type { Log } from '../../ports/log.js';
import { connect } from './connect.js';
import { ConnectionProblem, QueryFailed } from './errors.js';
import type { ConnectionParameters } from './session.js';

export interface CheckpointRequest {
  readonly target: ConnectionParameters;
  readonly majorVersion: number;
  readonly connectTimeoutMs: Milliseconds | undefined;
}

/** Runs CHECKPOINT on a connection of its own, for as long as the server takes. False when it failed. */
export async function runCheckpoint(request: CheckpointRequest, { clock, log }: { clock: Clock; log: Log }): Promise<boolean> {
  try {
    const session = await connect(request.target, {
      clock,
      connectTimeoutMs: request.connectTimeoutMs,
      queryTimeoutMs: 0,
      startupOptions: '-c statement_timeout=0 -c search_path=pg_catalog',
      applicationName: 'Patroni',
    });
    try {
      await session.query(request.majorVersion >= 190_000 ? 'CHECKPOINT (FLUSH_UNLOGGED)' : 'CHECKPOINT');
      return true;
    } finally {
      session.close();
    }
  } catch (error) {
    if (!(error instanceof ConnectionProblem || error instanceof QueryFailed)) throw error;
    log.warning(`CHECKPOINT failed: ${error.message}`);
    return false;
  }
}
