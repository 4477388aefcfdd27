import { compareText } from '../../base/python-values.js';

/** Parameters by name; names compare without case and keep the spelling of the first time. */
export class Parameters {
  private readonly entries = new Map<string, readonly [name: string, value: unknown]>();

  constructor(source: Iterable<readonly [string, unknown]> | Readonly<Record<string, unknown>> = {}) {
    const pairs = Symbol.iterator in source ? source : Object.entries(source);
    for (const [name, value] of pairs as Iterable<readonly [string, unknown]>) this.set(name, value);
  }

  get(name: string): unknown {
    return this.entries.get(name.toLowerCase())?.[1];
  }

  has(name: string): boolean {
    return this.entries.has(name.toLowerCase());
  }

  set(name: string, value: unknown): void {
    const key = name.toLowerCase();
    this.entries.set(key, [this.entries.get(key)?.[0] ?? name, value]);
  }

  delete(name: string): unknown {
    const value = this.get(name);
    this.entries.delete(name.toLowerCase());
    return value;
  }

  [Symbol.iterator](): Iterator<readonly [name: string, value: unknown]> {
    return this.entries.values();
  }

  sorted(): readonly (readonly [name: string, value: unknown])[] {
    return [...this.entries.values()].sort(([a], [b]) => compareText(a, b));
  }
}
