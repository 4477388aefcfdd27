import { allRules } from '../rule-ids.js';
import type { Evaluate, Mutation } from './mutation.js';

/** Exchanges rows and methods for the time of one run. @returns what puts the real ones back. */
export function apply(mutation: Mutation | undefined): () => void {
  const undo: (() => void)[] = [];
  for (const [id, replace] of Object.entries(mutation?.rules ?? {})) {
    const rows = allRules().filter((rule) => rule.id === id);
    if (rows.length === 0) throw new Error(`no rule is called ${id}`);
    for (const row of rows) {
      const open: { evaluate: Evaluate } = row;
      const { evaluate } = row;
      open.evaluate = replace(evaluate);
      undo.push(() => {
        open.evaluate = evaluate;
      });
    }
  }
  for (const { of, name, replace } of mutation?.methods ?? []) {
    const original: unknown = Reflect.get(of, name);
    if (typeof original !== 'function') throw new Error(`no method is called ${name}`);
    Reflect.set(of, name, function (this: object, ...args: readonly unknown[]) {
      return replace((...given) => Reflect.apply(original, this, given), this, args);
    });
    undo.push(() => void Reflect.set(of, name, original));
  }
  return () => {
    for (const restore of undo) restore();
  };
}
