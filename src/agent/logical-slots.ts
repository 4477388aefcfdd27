import { formatLsn, type Lsn } from '../base/lsn.js';
import type { LeaderXmins, LogicalSlotKnowledge } from '../ha/slots-knowledge.js';
import type { Log } from '../ports/log.js';
import type { AdvanceOutcome, LogicalSlotDefinition, LogicalSlots } from '../ports/logical-slots.js';
import type { Upstream } from '../ports/postgres.js';

export interface AdvanceTarget {
  readonly name: string;
  readonly database: string;
  readonly lsn: Lsn;
}

/**
 * Work on logical slots beside the cycles: each kind of it at most once at a time, so that a slow database keeps nobody
 * waiting. What comes out is knowledge of the next cycle.
 */
export class LogicalSlotKeeper {
  private readonly slots: LogicalSlots;
  private readonly log: Log;
  private readonly wake: () => void;
  private readonly running = new Map<string, AbortController>();
  private readonly pending = new Map<string, Map<string, Lsn>>();
  private broken: ReadonlySet<string> = new Set();
  private leader: LeaderXmins | undefined;

  /** @param wake there is something new to decide on. */
  constructor(slots: LogicalSlots, log: Log, wake: () => void) {
    this.slots = slots;
    this.log = log;
    this.wake = wake;
  }

  known(): LogicalSlotKnowledge {
    return { isFeedbackEnforced: this.slots.isFeedbackEnforced, broken: this.broken, leader: this.leader };
  }

  create(definitions: readonly LogicalSlotDefinition[]): void {
    this.once('create', async () => {
      for (const slot of definitions) {
        try {
          await this.slots.create(slot);
          this.log.info(`logical replication slot '${slot.name}' is there (database ${slot.database}, plugin ${slot.plugin})`);
        } catch (error) {
          this.log.error(`Failed to create logical replication slot '${slot.name}' plugin='${slot.plugin}': ${text(error)}`);
        }
      }
    });
  }

  /** A slot gets its latest target; those of a database are moved in one session. */
  advance(targets: readonly AdvanceTarget[]): void {
    for (const { name, database, lsn } of targets) {
      if (this.broken.has(name)) continue;
      const ofDatabase = this.pending.get(database) ?? new Map<string, Lsn>();
      this.pending.set(database, ofDatabase.set(name, lsn));
    }
    for (const database of this.pending.keys()) this.once(`advance ${database}`, (signal) => this.advanceIn(database, signal));
  }

  /** Asks the leader up to where it keeps catalog rows for this member, and remembers the answer. */
  check(leader: Upstream, physical: string, names: readonly string[]): void {
    this.once('check', async (signal) => {
      const answer = await this.slots.leaderSlots(leader, physical, names);
      if (answer === undefined || signal.aborted) return;
      if (answer.physical === undefined) this.log.warning(`Physical slot ${physical} does not exist on the primary`);
      this.leader = { name: leader.name, physical: answer.physical?.catalogXmin, logical: answer.logical };
    });
  }

  async enforceFeedback(isOn: boolean): Promise<void> {
    try {
      await this.slots.enforceFeedback(isOn);
    } catch (error) {
      this.log.error(`hot_standby_feedback could not be set: ${text(error)}`);
    }
  }

  /** Slots are about to be replaced, or the server becomes a primary: what was ordered or known of a standby is void. */
  forget(): void {
    for (const abort of this.running.values()) abort.abort();
    this.pending.clear();
    this.broken = new Set();
    this.leader = undefined;
  }

  private async advanceIn(database: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const targets = this.pending.get(database);
      this.pending.delete(database);
      if (targets === undefined || signal.aborted) return;
      const list = [...targets].map(([name, lsn]) => ({ name, lsn }));
      const outcomes = await this.slots.advance(database, list, signal);
      if (signal.aborted) return;
      for (const { name, lsn } of list) this.judge(name, lsn, outcomes.get(name));
    }
  }

  private judge(name: string, lsn: Lsn, outcome: AdvanceOutcome | undefined): void {
    if (outcome !== 'broken') return;
    this.log.warning(`logical replication slot '${name}' can't be moved to ${formatLsn(lsn)} any more: it will be copied again`);
    this.broken = new Set([...this.broken, name]);
    this.wake();
  }

  private once(what: string, work: (signal: AbortSignal) => Promise<void>): void {
    if (this.running.has(what)) return;
    const abort = new AbortController();
    this.running.set(what, abort);
    const end = (): void => void this.running.delete(what);
    work(abort.signal).then(end, (error: unknown) => {
      end();
      this.log.error('Exception when changing replication slots', error);
    });
  }
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
