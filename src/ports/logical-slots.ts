import type { Lsn } from '../base/lsn.js';
import type { Upstream } from './postgres.js';

/** A logical slot by what makes it that slot. */
export interface LogicalSlotDefinition {
  readonly name: string;
  readonly database: string;
  readonly plugin: string;
}

/** A logical slot of the leader as it lies on its disk. */
export interface SlotCopy extends LogicalSlotDefinition {
  /** Content of the file `state`. */
  readonly state: Uint8Array;
  /** WAL files that it needs and that this member lacked; they lie ready beside the others. */
  readonly wal: readonly string[];
}

/** What a leader told of its slots. `catalog_xmin` is a transaction id as text. */
export interface LeaderSlots {
  /** undefined: there is no such physical slot. */
  readonly physical: { readonly catalogXmin: string | undefined } | undefined;
  readonly logical: ReadonlyMap<string, string>;
}

/** How moving one slot on ended. `broken`: its WAL is gone or it was invalidated; only a new copy helps. */
export type AdvanceOutcome = 'advanced' | 'failed' | 'broken';

/** What can be done for logical slots of the local server. All of it takes time: it belongs beside the cycle or into a job. */
export interface LogicalSlots {
  /** Creates the slot in its database unless there is one of that name. @throws Error when the server refused or is away. */
  create(slot: LogicalSlotDefinition): Promise<void>;
  /** Moves slots of one database on, in a session of its own, one after the other until `signal` is aborted. */
  advance(
    database: string,
    targets: readonly { readonly name: string; readonly lsn: Lsn }[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, AdvanceOutcome>>;
  /**
   * Reads slots of a leader, with the WAL that they need and this member never had. Slots that it lacks, or whose WAL can't be
   * had, are left out; undefined: it is in recovery or gave no answer (which is logged).
   */
  read(leader: Upstream, names: readonly string[]): Promise<readonly SlotCopy[] | undefined>;
  /** catalog_xmin of the physical slot and of logical ones there; undefined as with `read`. */
  leaderSlots(leader: Upstream, physical: string, names: readonly string[]): Promise<LeaderSlots | undefined>;
  /** How many slots the running server has room for; undefined: unknown. */
  room(): Promise<number | undefined>;
  /** Puts copies in place of what is there. The server must be stopped. @throws Error when the disk refuses. */
  write(copies: readonly SlotCopy[]): Promise<void>;
  /** Takes slots away again. The server must be stopped. */
  remove(names: readonly string[]): Promise<void>;
  /** Whether hot_standby_feedback is forced on. */
  readonly isFeedbackEnforced: boolean;
  enforceFeedback(isOn: boolean): Promise<void>;
}
