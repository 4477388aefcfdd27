import { compareText } from '../../base/python-values.js';

/** Names of members, sorted, each once. They compare without case, because PostgreSQL compares application names so. */
export type Names = readonly string[];

const key = (name: string): string => name.toLowerCase();

export const NOBODY: Names = [];

/** On a collision the later spelling stays. */
export function names(...lists: readonly (readonly string[])[]): Names {
  const byKey = new Map<string, string>();
  for (const name of lists.flat()) byKey.set(key(name), name);
  return [...byKey.values()].sort(compareText);
}

export function has(set: Names, name: string): boolean {
  return set.some((each) => key(each) === key(name));
}

export function minus(set: Names, ...others: readonly Names[]): Names {
  return set.filter((name) => !others.some((other) => has(other, name)));
}

export function common(set: Names, other: Names): Names {
  return set.filter((name) => has(other, name));
}

export function isSame(set: Names, other: Names): boolean {
  return set.length === other.length && set.every((name) => has(other, name));
}

/** Every name of `set` is in `other`, and `other` has more. */
export function isProperPart(set: Names, other: Names): boolean {
  return set.length < other.length && set.every((name) => has(other, name));
}

/** As lists stand in Patroni's log lines: `['n2', 'n3']`. */
export function listed(set: Names): string {
  return `[${set.map((name) => `'${name}'`).join(', ')}]`;
}
