/** One fault of a plan: what happens, to whom, and from where it draws its details. */
export interface PlannedFault {
  /** From the beginning of the faults. */
  readonly atMs: number;
  readonly name: string;
  /** Index of the member. */
  readonly member: number;
  readonly seed: number;
}

export type TimingSeconds = readonly [ttl: number, loopWait: number, retryTimeout: number];

/** Everything that a run is made of. A seed draws one; a failing one can be cut down piece by piece. */
export interface Plan {
  readonly seed: number;
  readonly members: number;
  readonly timings: TimingSeconds;
  readonly tags: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly config: Readonly<Record<string, unknown>>;
  readonly usesRewind: boolean;
  readonly watchdog?: 'off' | 'automatic' | 'required';
  /** A new upstream takes effect by a restart only. */
  readonly needsRestartToFollow?: boolean;
  /** So many attempts to create the cluster fail. */
  readonly failingInitdbs?: number;
  /** Length of the time with faults. */
  readonly faultsMs: number;
  readonly faults: readonly PlannedFault[];
  /** Whether a switchover in the healed world ends the run. */
  readonly endsWithSwitchover: boolean;
}
