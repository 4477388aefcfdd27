import { isPlainObject, parseBool, parseInteger, parseNumber, pythonRepr, pythonText } from '../base/python-values.js';
import { splitHostPort } from './host-port.js';

/** What one setting may be: once as the running daemon can use it, once as `--validate-config` wants it. */
export interface SettingType {
  /** For messages: `an integer from 0 to 4096`. */
  readonly allowed: string;
  /** Whether the daemon can use the value as it is or by a conversion that Patroni does, too. */
  readonly accepts: (value: unknown) => boolean;
  /** Patroni's message of `--validate-config`, undefined for a valid value (configuration.md §6). */
  readonly strict: (value: unknown) => string | undefined;
  /** `--validate-config` looks at the elements with this one. */
  readonly element?: SettingType;
  /** `--validate-config` prints the message of each when none fits. */
  readonly alternatives?: readonly SettingType[];
  /** `--validate-config` also probes: a server that must answer, or an address that must be free. */
  readonly probe?: 'reachable' | 'listen';
}

export const WRONG_VALUE = "didn't pass validation: Wrong value";

/** Patroni prints the detail of these failures in Python notation, quotes included. */
export function failed(detail: string): string {
  return `didn't pass validation: ${pythonRepr(detail)}`;
}

const CONTAINS_WRONG_VALUE = failed('contains a wrong value');

const isInteger = (value: unknown): boolean => typeof value === 'bigint' || typeof value === 'boolean' || Number.isInteger(value);

/** Text; numbers are taken by their text, since nobody quotes a numeric password. */
export const text: SettingType = {
  allowed: 'is not a string',
  accepts: (value) => typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint',
  strict: (value) => (typeof value === 'string' ? undefined : 'is not a string'),
};

export const bool: SettingType = {
  allowed: 'is not a boolean (true or false)',
  accepts: (value) => parseBool(value) !== undefined,
  strict: (value) => (typeof value === 'boolean' ? undefined : 'is not a boolean'),
};

export const map: SettingType = {
  allowed: 'is not a dictionary',
  accepts: isPlainObject,
  strict: (value) => (isPlainObject(value) ? undefined : 'is not a dictionary'),
};

export const anything: SettingType = { allowed: '', accepts: () => true, strict: () => undefined };

/** An integer in a range; `daemon` is the range that the daemon accepts where it differs (it raises the rest by itself). */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER, daemon: { min?: number; base?: string } = {}): SettingType {
  const low = daemon.min ?? min;
  const accepts = (value: unknown): boolean => {
    const number = parseInteger(value, daemon.base);
    return number !== undefined && number >= low && number <= max;
  };
  const strict = (value: unknown): string | undefined => {
    if (!isInteger(value)) return 'is not an integer';
    return Number(value) >= min && Number(value) <= max ? undefined : WRONG_VALUE;
  };
  return { allowed: `is not an integer${range(low, max)}`, accepts, strict };
}

/** Anything that reads as an integer, with a unit where there is a base, in a range. */
export function numeric(min: number, max = Number.MAX_SAFE_INTEGER, daemon: { min?: number; base?: string } = {}): SettingType {
  const within =
    (low: number) =>
    (value: unknown): boolean => {
      const number = parseInteger(value, daemon.base);
      return number !== undefined && number >= low && number <= max;
    };
  const strict = within(min);
  const low = daemon.min ?? min;
  return {
    allowed: `is not an integer${range(low, max)}`,
    accepts: within(low),
    strict: (value) => (strict(value) ? undefined : WRONG_VALUE),
  };
}

/** A number with a fraction, above or from `min`. */
export function real(min: number, isExclusive: boolean): SettingType {
  const isGood = (value: unknown): boolean => {
    const number = parseNumber(value);
    return number !== undefined && (isExclusive ? number > min : number >= min);
  };
  return {
    allowed: `is not a number ${isExclusive ? 'above' : 'from'} ${min}`,
    accepts: isGood,
    strict: (value) => (isGood(value) ? undefined : WRONG_VALUE),
  };
}

/** One of some words. `more`: what the daemon accepts besides. */
export function word(
  words: readonly string[],
  more: { readonly anyCase?: boolean; readonly daemon?: readonly unknown[] } = {},
): SettingType {
  const strictly = (value: unknown): boolean => words.includes(more.anyCase === true ? pythonText(value).toLowerCase() : (value as string));
  return {
    allowed: `is none of ${words.join(', ')}`,
    accepts: (value) =>
      words.some((w) => w.toLowerCase() === pythonText(value).toLowerCase()) ||
      (more.daemon ?? []).includes(typeof value === 'string' ? value.toLowerCase() : value),
    // An unquoted `off` is the boolean.
    strict: (value) => (strictly(value) || (value === false && more.daemon?.includes(false) === true) ? undefined : WRONG_VALUE),
  };
}

/** A list, for `--validate-config` not an empty one. */
export function list(element: SettingType): SettingType {
  return {
    allowed: 'is not a list',
    accepts: (value) => Array.isArray(value) && value.every((item) => item === null || element.accepts(item)),
    strict: (value) => (!Array.isArray(value) ? 'is not a list' : value.length === 0 ? 'is an empty list' : undefined),
    element,
  };
}

/** The first of several types that fits. */
export function either(...types: readonly SettingType[]): SettingType {
  return {
    allowed: types.map((type, i) => (i === 0 ? type.allowed : type.allowed.replace(/^is not /, ''))).join(' or '),
    accepts: (value) => types.some((type) => type.accepts(value)),
    strict: (value) => {
      const messages = types.map((type) => type.strict(value));
      return messages.includes(undefined) ? undefined : messages[0];
    },
    alternatives: types,
  };
}

export const textOrMap: SettingType = { ...either(text, map), accepts: (value) => text.accepts(value) || map.accepts(value) };
/** Options of a tool: a list of words and pairs, or a map. */
export const toolOptions: SettingType = {
  ...list(textOrMap),
  allowed: 'is not a list or a dictionary',
  accepts: (v) => Array.isArray(v) || isPlainObject(v),
};

const isHostPort = (value: unknown, defaultPort?: number): boolean => {
  const split = text.accepts(value) ? splitHostPort(pythonText(value), defaultPort) : undefined;
  return split !== undefined && split.port <= 65_535;
};

const LOCAL_HOSTS = ['127.0.0.1', '0.0.0.0', '*', '::1', 'localhost'];

/** `host[:port]` of a server that must answer when the configuration is validated. */
export const hostPort: SettingType = {
  allowed: 'is not host:port',
  accepts: (value) => isHostPort(value, 1),
  strict: (value) => (typeof value !== 'string' ? 'is not a string' : isHostPort(value, 1) ? undefined : CONTAINS_WRONG_VALUE),
  probe: 'reachable',
};

/** The same, where a path may follow: ZooKeeper's connect string ends in one. */
export const hostPortPath: SettingType = {
  ...hostPort,
  allowed: 'is not host:port[/path]',
  accepts: (value) => hostPort.accepts(withoutPath(value)),
  strict: (value) => hostPort.strict(withoutPath(value)),
};

/** The server of a connect string, whose path begins at the first slash. */
export function withoutPath(value: unknown): unknown {
  return typeof value === 'string' ? value.replace(/\/.*$/, '') : value;
}

/** An address of this member. */
export const listenAddress: SettingType = {
  allowed: 'is not host:port',
  accepts: (value) => isHostPort(value, 5432),
  strict: (value) => (typeof value !== 'string' ? 'is not a string' : isHostPort(value, 5432) ? undefined : CONTAINS_WRONG_VALUE),
  probe: 'listen',
};

/** An address under which other members reach this one. */
export const connectAddress: SettingType = {
  allowed: 'is not host:port',
  accepts: (value) => isHostPort(value, 5432),
  strict: (value) => {
    if (typeof value !== 'string') return 'is not a string';
    const split = splitHostPort(value, 1);
    if (split === undefined) return CONTAINS_WRONG_VALUE;
    if (LOCAL_HOSTS.includes(split.host)) return failed(`must not contain ${LOCAL_HOSTS.map((h) => `"${h}"`).join(', ')}`);
    return undefined;
  },
};

function range(min: number, max: number): string {
  const hasMax = max !== Number.MAX_SAFE_INTEGER;
  if (min === -Number.MAX_SAFE_INTEGER) return hasMax ? ` up to ${max}` : '';
  return hasMax ? ` from ${min} to ${max}` : ` from ${min}`;
}
