import { isPlainObject, parseBool, parseInteger, pythonRepr, pythonText } from '../base/python-values.js';

type Values = Readonly<Record<string, unknown>>;

/** One setting under several names: the first that is there counts, whatever its value. */
type Names = readonly [string, ...string[]];

/**
 * Reads the values of the dynamic configuration. One that is none of its kind counts as its default, as in Patroni (ha.md §1.4), and is
 * told in `problems`, which Patroni does not.
 */
export class DynamicValues {
  /** A sentence for each value that was read and could not be used. */
  readonly problems: string[] = [];
  private readonly values: Values;
  private readonly prefix: string;

  /** @param prefix what stands before the names in sentences, for a section. */
  constructor(values: Values, prefix = '') {
    this.values = values;
    this.prefix = prefix;
  }

  /** Absent counts as `absent`, unusable as false. */
  flag(name: string, absent = false): boolean {
    return this.read([name], parseBool, 'true or false', false) ?? absent;
  }

  /** @param shown what the sentence says is in force instead. */
  whole(names: string | Names, fallback: number, shown: string | number = fallback): number {
    return this.optionalWhole(names, fallback, shown) ?? fallback;
  }

  /** @returns undefined when it is absent, `fallback` when it is unusable. */
  optionalWhole(names: string | Names, fallback: number, shown: string | number = fallback): number | undefined {
    return this.read(typeof names === 'string' ? [names] : names, (value) => parseInteger(value), 'a whole number', fallback, shown);
  }

  /** @returns seconds. */
  time(name: string, fallback: number, shown: string): number {
    return this.read([name], (value) => parseInteger(value, 's'), 'a time', fallback, shown) ?? fallback;
  }

  synchronousMode(name: string): 'off' | 'on' | 'quorum' {
    const parse = (value: unknown): 'off' | 'on' | 'quorum' | undefined => {
      if (pythonText(value).toLowerCase() === 'quorum') return 'quorum';
      const isOn = parseBool(value);
      return isOn === undefined ? undefined : isOn ? 'on' : 'off';
    };
    return this.read([name], parse, 'true, false or quorum', 'off', 'false') ?? 'off';
  }

  map(name: string): Values {
    return this.read<Values>([name], (value) => (isPlainObject(value) ? value : undefined), 'a map', {}, 'an empty one') ?? {};
  }

  list(name: string): readonly unknown[] {
    return this.read<readonly unknown[]>([name], (value) => (Array.isArray(value) ? value : undefined), 'a list', [], 'an empty one') ?? [];
  }

  /** @returns undefined when no such setting is there. */
  private read<T>(
    names: Names,
    parse: (value: unknown) => T | undefined,
    allowed: string,
    instead: T,
    shown: unknown = instead,
  ): T | undefined {
    const name = names.find((each) => each in this.values);
    const value = name === undefined ? undefined : (this.values[name] ?? undefined);
    if (value === undefined) return undefined;
    const parsed = parse(value);
    if (parsed !== undefined) return parsed;
    this.problems.push(
      `dynamic configuration: ${this.prefix}${name}: ${pythonRepr(value)} is not ${allowed}; ${String(shown)} is in force`,
    );
    return instead;
  }
}
