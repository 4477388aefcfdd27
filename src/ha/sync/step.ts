import type { LogLevel } from '../../ports/log.js';
import type { Names } from './names.js';
import type { StandbyNames } from './standby-names.js';

/** The next change of `/sync` or of `synchronous_standby_names`; after each one everything is looked at anew. */
export type SyncStep =
  | {
      readonly kind: 'write-key';
      readonly leader: string;
      readonly voters: Names;
      readonly quorum: number;
      readonly before?: { readonly level: LogLevel; readonly message: string };
      readonly after?: string;
    }
  | { readonly kind: 'set-names'; readonly value: StandbyNames }
  /** A standby has to catch up. */
  | { readonly kind: 'wait' }
  | { readonly kind: 'hold'; readonly warning: string }
  | { readonly kind: 'done' };

export const DONE: SyncStep = { kind: 'done' };
export const WAIT: SyncStep = { kind: 'wait' };
