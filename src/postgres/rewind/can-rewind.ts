import type { Clock } from '../../ports/clock.js';
import type { ControlData } from '../../ports/postgres.js';
import { runCommand } from '../command.js';

/** pg_rewind finds changed blocks only when even hint bits were logged: by checksums or by wal_log_hints. */
export function hasRewindableBlocks(data: ControlData): boolean {
  return data.walLogHints || data.dataChecksumVersion !== 0;
}

/** Whether pg_rewind is there and can be run. */
export async function isRewindInstalled(pgRewind: string, clock: Clock): Promise<boolean> {
  const outcome = await runCommand([pgRewind, '--help'], { capture: true }, clock);
  return outcome.kind === 'exited' && outcome.exitCode === 0;
}
