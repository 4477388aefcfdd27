import { type Milliseconds, seconds } from '../base/duration.js';

/** Time-out of looking at the server in a cycle: a slow server must not cost the lease. */
export function observeTimeout(retryTimeoutMs: number): Milliseconds {
  return seconds(Math.max(1, Math.min(retryTimeoutMs / 2000, 5)));
}
