import { isPlainObject, isTruthy, parseBool, parseInteger, pythonText } from '../base/python-values.js';

/** Reads members of a section that the schema has checked; what is absent or empty takes the fallback. */
export class SectionReader {
  private readonly raw: Readonly<Record<string, unknown>>;

  constructor(raw: unknown) {
    this.raw = isPlainObject(raw) ? raw : {};
  }

  text(key: string): string | undefined {
    const value = this.raw[key];
    return value === undefined || value === null || value === '' || typeof value === 'object' ? undefined : pythonText(value);
  }

  bool(key: string, fallback = false): boolean {
    const value = this.raw[key];
    return value === undefined ? fallback : (parseBool(value) ?? fallback);
  }

  integer(key: string, fallback: number, base?: string): number {
    return parseInteger(this.raw[key], base) ?? fallback;
  }

  map(key: string): Readonly<Record<string, unknown>> {
    const value = this.raw[key];
    return isPlainObject(value) ? value : {};
  }

  textMap(key: string): Readonly<Record<string, string>> {
    return Object.fromEntries(
      Object.entries(this.map(key))
        .filter(([, value]) => value !== null)
        .map(([name, value]) => [name, pythonText(value)]),
    );
  }

  /** undefined when there is no list or an empty one. */
  texts(key: string): readonly string[] | undefined {
    const value = this.raw[key];
    if (!Array.isArray(value) || value.length === 0) return undefined;
    return value.filter((item) => item !== null && typeof item !== 'object').map(pythonText);
  }

  section(key: string): SectionReader {
    return new SectionReader(this.raw[key]);
  }

  has(key: string): boolean {
    return isTruthy(this.raw[key]);
  }

  get(key: string): unknown {
    return this.raw[key];
  }
}
