import type { Milliseconds } from '../../base/duration.js';
import type { PostgresRole, PostgresState } from '../../cluster/postgres-state.js';
import type { Clock } from '../../ports/clock.js';

export type StartCallback = 'on_start' | 'on_restart';

/** What the agent remembers of its server between two looks. Entries of the states: postgres.md §1.1. */
export class InstanceState {
  private readonly clock: Clock;
  private currentState: PostgresState = 'stopped';
  private since: Milliseconds;
  role: PostgresRole = 'uninitialized';
  /** The upstream was taken away from the running standby, and its WAL receiver is gone. */
  isCutOff = false;
  /** The callback of the start that is under way; `none` when it is part of something that has its own. */
  private pending: StartCallback | 'none' | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
    this.since = clock.monotonic();
  }

  get state(): PostgresState {
    return this.currentState;
  }

  /** Monotonic time of the last change. */
  get stateSince(): Milliseconds {
    return this.since;
  }

  setState(state: PostgresState): void {
    this.currentState = state;
    this.since = this.clock.monotonic();
  }

  setPendingCallback(callback: StartCallback | 'none'): void {
    this.pending = callback;
  }

  /** The callback to fire now that the server is ready, once: `on_start` unless something else was planned. */
  takePendingCallback(): StartCallback | undefined {
    const pending = this.pending ?? 'on_start';
    this.pending = undefined;
    return pending === 'none' ? undefined : pending;
  }
}
