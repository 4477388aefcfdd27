import type { Clock } from '../ports/clock.js';
import type { Log } from '../ports/log.js';

/** A copy of terabytes tells its progress each second; that often it would drown everything else. */
const PROGRESS_EVERY_MS = 30_000;

/**
 * Hands the lines of a long-running tool on to the log, with the tool's name in front (unless it says it itself). Progress
 * (`12/345 kB (3%)`) is logged at most every 30 seconds, and when it is complete.
 */
export function toolOutput(tool: string, log: Log, clock: Clock): (line: string) => void {
  let nextProgress = 0;
  return (line) => {
    const text = line.trim();
    const percent = /\((\d+)%\)/.exec(text)?.[1];
    if (percent !== undefined && percent !== '100') {
      if (clock.monotonic() < nextProgress) return;
      nextProgress = clock.monotonic() + PROGRESS_EVERY_MS;
    }
    log.info(text.startsWith(`${tool}: `) ? text : `${tool}: ${text}`);
  };
}
