import type { AgentPorts } from '../../agent/environment.js';
import type { Memory } from '../../ha/memory.js';
import type { KnownObservation } from '../../ha/observation.js';
import type { Verdict } from '../../ha/rule.js';
import type { Plan } from '../plan.js';

/** The store behind the network, for defects that write past its rules. */
export interface StoreAccess {
  /** The key of the leader lock becomes this member's, whoever had it. */
  steal(): void;
  /** The key goes, whoever has it. */
  deleteLock(): void;
}

export type Evaluate = (o: KnownObservation, memory: Memory) => Verdict | undefined;

/**
 * A deliberate defect: it breaks one promise on which safety or liveness rests, and a checker must notice. The product
 * knows nothing of it: ports are wrapped, rows of the rule tables and methods of classes are exchanged for one run.
 */
export interface Mutation {
  readonly name: string;
  /** What is broken, for the table in docs/simulator.md. */
  readonly what: string;
  readonly ports?: (ports: AgentPorts, store: StoreAccess) => AgentPorts;
  /** By rule id: what decides instead. `evaluate` is the real row. */
  readonly rules?: Readonly<Record<string, (evaluate: Evaluate) => Evaluate>>;
  readonly methods?: readonly MethodPatch[];
  /** Settings in which the defect can show at all. */
  readonly plan?: Partial<Plan>;
  /** Faults that make it show sooner: they come ten times as often. */
  readonly favoured?: readonly string[];
}

/** A method of a class that is exchanged while the mutation is in force. */
export interface MethodPatch {
  /** The prototype. */
  readonly of: object;
  readonly name: string;
  /** @param original bound to `self`. */
  readonly replace: (original: (...args: readonly unknown[]) => unknown, self: object, args: readonly unknown[]) => unknown;
}

/** A row that never fires. */
export const never = (): Evaluate => () => undefined;
