import assert from 'node:assert/strict';
import type { Memory } from '../../src/ha/memory.js';
import type { Scene } from '../support/builders.js';
import { play } from '../support/play.js';

/** One cycle of one member: what it is given and what must come out. */
export interface DecisionCase {
  /** Scenarios of ha.md §29 carry their number: `T3: …`. */
  readonly name: string;
  readonly given: Scene;
  readonly expect: {
    /** Rules that fire in the cycle; the last one ends it. */
    readonly rules: readonly string[];
    readonly reason: string;
    /** In short form (see play.ts), without questions, log lines and everyday upkeep. Default: none. */
    readonly actions?: readonly string[];
    readonly memory?: Partial<Memory>;
    /** Lines among those that are logged. */
    readonly log?: readonly string[];
    /** Rules that this scene is just beside of: they must not fire. */
    readonly beside?: readonly string[];
    /** Rows that let an inner table decide here. */
    readonly through?: readonly string[];
  };
}

export function verify({ given, expect }: DecisionCase): void {
  const { rules, last, actions, log } = play(given);
  assert.deepEqual(
    { reason: last.reason, actions },
    { reason: expect.reason, actions: expect.actions ?? [] },
    `rules: ${rules.join(', ')}`,
  );
  assert.equal(rules.at(-1), expect.rules.at(-1));
  for (const rule of expect.rules) assert.ok(rules.includes(rule), `${rule} did not fire: ${rules.join(', ')}`);
  for (const rule of expect.beside ?? []) assert.ok(!rules.includes(rule), `${rule} fired`);
  for (const line of expect.log ?? []) assert.ok(log.includes(line), `not logged: ${line}\nlogged: ${log.join('\n')}`);
  for (const [key, value] of Object.entries(expect.memory ?? {})) {
    assert.deepEqual(last.memory[key as keyof Memory], value, `memory.${key}`);
  }
}
