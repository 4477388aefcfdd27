/** What the agent's keeper of logical slots found out beside the cycles. */
export interface LogicalSlotKnowledge {
  readonly isFeedbackEnforced: boolean;
  /** Slots of a standby that can't be moved on any more (WAL gone, invalidated): to be copied again. */
  readonly broken: ReadonlySet<string>;
  /** The last answer of a leader about its `catalog_xmin`. */
  readonly leader: LeaderXmins | undefined;
}

export interface LeaderXmins {
  readonly name: string;
  /** Of the physical slot through which this member is fed; undefined: no such slot, or no feedback has arrived there. */
  readonly physical: string | undefined;
  readonly logical: ReadonlyMap<string, string>;
}

export const NO_LOGICAL_SLOTS: LogicalSlotKnowledge = { isFeedbackEnforced: false, broken: new Set(), leader: undefined };

/** Which logical slots of a standby can't be relied on yet. */
export interface SlotReadiness {
  /** Start time of the server that this is about: after each start everything is to be checked again. */
  readonly serverStart: string | undefined;
  /** Slot name → its catalog_xmin on the leader, remembered when feedback of this server was in force there. */
  readonly unready: ReadonlyMap<string, string | undefined>;
}

export const ALL_READY: SlotReadiness = { serverStart: undefined, unready: new Map() };
