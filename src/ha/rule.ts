import type { Milliseconds } from '../base/duration.js';
import type { Action, Decision, Question } from './decision.js';
import type { Memory } from './memory.js';
import type { Observation } from './observation.js';

/** What a rule says when it fires. */
export interface Verdict {
  readonly reason: string;
  readonly actions: readonly Action[];
  readonly remember?: Partial<Memory>;
  readonly wakeAt?: Milliseconds;
  readonly wakeOnMembers?: boolean;
  /** Not the end of the cycle: do the actions, then decide again. */
  readonly goOn?: boolean;
  /** The row of an inner table that really fired. */
  readonly via?: string;
}

/** One row of a decision table: when `match` gives something, `decide` says what follows. */
export interface Rule<O extends Observation = Observation> {
  readonly id: string;
  readonly why: string;
  readonly evaluate: (o: O, memory: Memory) => Verdict | undefined;
}

/** Builds a row. `match` returns the evidence, or undefined to let the next row try. */
export function rule<O extends Observation, E>(definition: {
  readonly id: string;
  readonly why: string;
  readonly match: (o: O, memory: Memory) => E | undefined | false;
  readonly decide: (evidence: E, o: O, memory: Memory) => Verdict;
}): Rule<O> {
  return {
    id: definition.id,
    why: definition.why,
    evaluate: (o, memory) => {
      const evidence = definition.match(o, memory);
      return evidence === undefined || evidence === false ? undefined : definition.decide(evidence, o, memory);
    },
  };
}

/** A verdict that asks for facts first. */
export function ask(...questions: readonly Question[]): Verdict {
  return { reason: '', actions: questions, goOn: true };
}

/** The end of a cycle. */
export function conclude(reason: string, actions: readonly Action[] = [], rest: Omit<Verdict, 'reason' | 'actions'> = {}): Verdict {
  return { reason, actions, ...rest };
}

/** The first row that fires, or undefined when none does. */
export function firstMatch<O extends Observation>(table: readonly Rule<O>[], o: O, memory: Memory): Decision | undefined {
  for (const row of table) {
    const verdict = row.evaluate(o, memory);
    if (verdict !== undefined) return toDecision(verdict.via ?? row.id, verdict, memory);
  }
  return undefined;
}

function toDecision(id: string, verdict: Verdict, memory: Memory): Decision {
  const { reason, actions, remember, wakeAt, wakeOnMembers, goOn } = verdict;
  return {
    rule: id,
    reason,
    isFinal: goOn !== true,
    actions,
    memory: remember === undefined ? memory : { ...memory, ...remember },
    ...(wakeAt === undefined ? {} : { wakeAt }),
    ...(wakeOnMembers === undefined ? {} : { wakeOnMembers }),
  };
}

/** Lets an inner table decide on behalf of a row; undefined when none of its rows fires. */
export function delegate<O extends Observation>(table: readonly Rule<O>[], o: O, memory: Memory): Verdict | undefined {
  for (const row of table) {
    const verdict = row.evaluate(o, memory);
    if (verdict !== undefined) return { ...verdict, via: verdict.via ?? row.id };
  }
  return undefined;
}
