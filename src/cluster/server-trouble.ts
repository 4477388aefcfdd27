import type { Milliseconds } from '../base/duration.js';

/**
 * What keeps a running server from its work although its process lives.
 * `no-new-connections`: a new client gets no answer; `wal-stuck`: processes wait for WAL to be written and none is;
 * `disk-hung`: a write below the data directory does not return; `disk-full`; `disk-failed`: it is refused.
 */
export type TroubleKind = 'no-new-connections' | 'wal-stuck' | 'disk-hung' | 'disk-full' | 'disk-failed';

/** An unbroken series of failed probes. One success ends it: slow is not dead. */
export interface ServerTrouble {
  readonly kind: TroubleKind;
  /** Monotonic time at which the first probe of the series began. */
  readonly since: Milliseconds;
  /** How many probes failed in a row. */
  readonly failures: number;
  readonly detail: string;
}
