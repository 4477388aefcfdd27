import type { MemberMachine } from './machines.js';

/** A standby without WAL is left alone for so long: it may be waiting for a fault to end. */
const PATIENCE_MS = 30_000;

/**
 * The person whom docs/operations.md tells to make a new copy of a standby that needs WAL which no server has any more.
 * Nothing else is done by hand: a member that is stuck for another reason stays stuck, and is found.
 */
export class Operator {
  readonly #members: readonly MemberMachine[];
  readonly #log: (line: string) => void;
  readonly #starvingSince = new Map<string, number>();
  #copies = 0;
  #isLooking = false;

  constructor(members: readonly MemberMachine[], log: (line: string) => void) {
    this.#members = members;
    this.#log = log;
  }

  /** How many copies were ordered. */
  get copies(): number {
    return this.#copies;
  }

  async look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    await Promise.all(this.#members.map((member) => this.#lookAt(member)));
    this.#isLooking = false;
  }

  async #lookAt(member: MemberMachine): Promise<void> {
    const status = await member.status().catch(() => undefined);
    const isStarving =
      status?.['role'] === 'replica' &&
      status['state'] === 'running' &&
      status['replication_state'] === undefined &&
      member.logEnd().includes('has already been removed');
    if (!isStarving) {
      this.#starvingSince.delete(member.name);
      return;
    }
    const since = this.#starvingSince.get(member.name) ?? performance.now();
    this.#starvingSince.set(member.name, since);
    if (performance.now() - since < PATIENCE_MS) return;
    const answer = await member.post('/reinitialize', {}).catch((error: Error) => ({ status: 0, body: error.message }));
    this.#log(`  the WAL that ${member.name} needs is gone: reinitialize, ${answer.status} ${answer.body.trim()}`);
    if (answer.status !== 200) return;
    this.#copies += 1;
    this.#starvingSince.delete(member.name);
  }
}
