/**
 * The value conversions on which Patroni's configuration, store and REST formats rest.
 * Source of the behaviour: dcs.md §1.2–1.4 and configuration.md §1.2 of the contract (Patroni 4.1).
 */

/** Python's `str(x)`: `True`, `False`, `None`, decimal numbers, the text itself; containers in a type-sensitive form. */
export function pythonText(value: unknown): string {
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  return pythonRepr(value);
}

/** Python's `repr(x)` of plain data, as it shows in messages: `['a', 'b']`, `{'a': 1}`. */
export function pythonRepr(value: unknown): string {
  if (typeof value === 'string') {
    const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
    const body = value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
    return quote + (quote === "'" ? body.replaceAll("'", "\\'") : body) + quote;
  }
  if (Array.isArray(value)) return `[${value.map(pythonRepr).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .map(([k, v]) => `${pythonRepr(k)}: ${pythonRepr(v)}`)
      .join(', ')}}`;
  }
  return pythonText(value);
}

/** Whether a Python program would take `value` for true in a condition. */
export function isTruthy(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === 0n || value === '') return false;
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === 'object') return Object.keys(value as object).length > 0;
  return true;
}

/** `on true yes 1` and `off false no 0` in any case; undefined for everything else. */
export function parseBool(value: unknown): boolean | undefined {
  const text = pythonText(value).toLowerCase();
  if (text === 'on' || text === 'true' || text === 'yes' || text === '1') return true;
  if (text === 'off' || text === 'false' || text === 'no' || text === '0') return false;
  return undefined;
}

const MEMORY = ['B', 'kB', 'MB', 'GB', 'TB'] as const;
const MEMORY_FACTOR: Readonly<Record<string, number>> = { B: 1, kB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 };
const TIME_FACTOR: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 };
const SMALLER_TIME: Readonly<Record<string, string>> = { ms: 'us', s: 'ms', min: 's', h: 'min', d: 'h' };

/**
 * `value` in `unit`, as a factor of `base` (which may carry a multiplier: `8kB`).
 * The result is first rounded to a whole multiple of the next smaller unit, as PostgreSQL does.
 */
function convertUnit(value: number, unit: string, base: string): number | undefined {
  const baseMatch = /^([0-9]*)([A-Za-z]+)$/.exec(base);
  if (!baseMatch) return undefined;
  const multiplier = baseMatch[1] ? Number(baseMatch[1]) : 1;
  const baseUnit = baseMatch[2] ?? '';
  const factors =
    unit in MEMORY_FACTOR && baseUnit in MEMORY_FACTOR
      ? MEMORY_FACTOR
      : unit in TIME_FACTOR && baseUnit in TIME_FACTOR
        ? TIME_FACTOR
        : undefined;
  const factor = factors?.[unit];
  const baseFactor = factors?.[baseUnit];
  if (factor === undefined || baseFactor === undefined) return undefined;
  const converted = (value * factor) / (baseFactor * multiplier);
  const smaller = factors === MEMORY_FACTOR ? MEMORY[MEMORY.indexOf(unit as (typeof MEMORY)[number]) - 1] : SMALLER_TIME[unit];
  const smallerFactor = smaller === undefined ? undefined : factors?.[smaller];
  if (smallerFactor === undefined) return converted;
  const step = smallerFactor / (baseFactor * multiplier);
  return roundHalfEven(converted / step) * step;
}

/** Rounds to the nearest integer, ties to even, as Python's `round`. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

const FLOAT = /^[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?/;

/** Number and unit at the start of a text; integers by C's `strtol` base 0 (`0x1F`, `010`, `12`). */
function splitNumber(text: string): { value: number; unit: string; integer: boolean } | undefined {
  const integer = /^[-+]?0[xX][0-9a-fA-F]+/.exec(text) ?? /^[-+]?0[0-7]*/.exec(text) ?? /^[-+]?(?:0|[1-9][0-9]*)/.exec(text);
  const rest = integer ? text.slice(integer[0].length) : text;
  if ((!integer && text.startsWith('.')) || (integer && /^[.eE]/.test(rest))) {
    const float = FLOAT.exec(text);
    if (!float) return undefined;
    return { value: Number(float[0]), unit: text.slice(float[0].length).trim(), integer: false };
  }
  if (!integer) return undefined;
  return { value: parseStrtol(integer[0]), unit: rest.trim(), integer: true };
}

function parseStrtol(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1;
  const digits = text.replace(/^[-+]/, '');
  if (/^0[xX]/.test(digits)) return sign * Number.parseInt(digits.slice(2), 16);
  if (/^0[0-7]+$/.test(digits)) return sign * Number.parseInt(digits, 8);
  return sign * Number(digits);
}

/**
 * An integer with an optional unit. Memory units `B kB MB GB TB`, time units `us ms s min h d`, case-sensitive; a unit
 * needs `base`. Booleans are no integers.
 * @returns undefined when the value is not such a number.
 */
export function parseInteger(value: unknown, base?: string): number | undefined {
  const real = parseNumber(value, base);
  // `1e999` is no integer: nothing could be counted with it.
  return real === undefined || !Number.isFinite(real) ? undefined : roundHalfEven(real);
}

/** As `parseInteger`, without the final rounding. */
export function parseNumber(value: unknown, base?: string): number | undefined {
  if (typeof value === 'boolean' || value === null || value === undefined) return undefined;
  const split = splitNumber(pythonText(value).trim());
  if (!split || Number.isNaN(split.value)) return undefined;
  if (split.unit === '') return split.value;
  return base === undefined ? undefined : convertUnit(split.value, split.unit, base);
}

/** A 64-bit integer without loss (positions and identifiers): decimal text, a number or a bigint. */
export function parseBigInteger(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? BigInt(roundHalfEven(value)) : undefined;
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  if (/^[-+]?[1-9][0-9]*$/.test(text) || text === '0') return BigInt(text.replace(/^\+/, ''));
  const small = parseInteger(text);
  return small === undefined ? undefined : BigInt(small);
}

/**
 * Whether two documents are the same to Patroni: equal keys, objects compared inside, everything else by Python text
 * (`2` equals `"2"`, `true` differs from `"true"`).
 */
export function deepEqualByText(a: unknown, b: unknown): boolean {
  if (isPlainObject(a) && isPlainObject(b)) {
    const keys = Object.keys(a);
    if (keys.length !== Object.keys(b).length) return false;
    return keys.every((key) => key in b && deepEqualByText(a[key], b[key]));
  }
  if (isPlainObject(a) || isPlainObject(b)) return false;
  return pythonText(a) === pythonText(b);
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The order of Python's `sorted` on text: by code point, not by UTF-16 unit. */
export function compareText(a: string, b: string): number {
  const left = [...a];
  const right = [...b];
  for (let i = 0; i < left.length && i < right.length; i++) {
    const difference = (left[i]?.codePointAt(0) ?? 0) - (right[i]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
