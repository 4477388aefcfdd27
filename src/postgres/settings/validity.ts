import { parseBool, parseInteger, parseNumber, pythonText } from '../../base/python-values.js';
import { RECOVERY_PARAMETER_RULES } from './recovery-table.js';
import { type RuleTable, SERVER_PARAMETER_RULES } from './validity-table.js';

export interface Validated {
  /** undefined: the line is left out. */
  readonly value: string | undefined;
  readonly warning?: string;
}

type Rules = ReadonlyMap<string, string>;

function index(table: RuleTable): Rules {
  return new Map(table.flatMap(([rule, names]) => names.split(' ').map((name) => [name.toLowerCase(), rule] as const)));
}

const SERVER_RULES = index(SERVER_PARAMETER_RULES);
const RECOVERY_RULES = index(RECOVERY_PARAMETER_RULES);

export const RECOVERY_PARAMETER_NAMES: readonly string[] = [...RECOVERY_RULES.keys()];

export function isRecoveryParameter(name: string): boolean {
  return RECOVERY_RULES.has(name.toLowerCase());
}

/**
 * The text to write for a server parameter, moved into its range, or undefined when the server would refuse it: one bad value
 * in the shared configuration must not stop every server (postgres.md §13).
 * @param available Names that `postgres --describe-config` tells; undefined: not known, and nothing counts as unexpected.
 */
export function validateParameter(name: string, value: unknown, version: number, available: ReadonlySet<string> | undefined): Validated {
  if (value === null || value === undefined || isRecoveryParameter(name)) return { value: undefined };
  const spec = SERVER_RULES.get(name.toLowerCase());
  if (spec === undefined && name.includes('.')) return { value: pythonText(value) };
  return byRule(name, value, spec, version, available);
}

/** The same for the parameters of recovery, wherever they are written. */
export function validateRecoveryParameter(
  name: string,
  value: unknown,
  version: number,
  available: ReadonlySet<string> | undefined,
): Validated {
  if (value === null || value === undefined) return { value: undefined };
  const spec = RECOVERY_RULES.get(name.toLowerCase());
  if (spec !== undefined && version < 120_000 && ruleFor(spec, version) === undefined) return { value: pythonText(value) };
  return byRule(name, value, spec, version, available);
}

function byRule(
  name: string,
  value: unknown,
  spec: string | undefined,
  version: number,
  available: ReadonlySet<string> | undefined,
): Validated {
  const rule = spec === undefined ? undefined : ruleFor(spec, version);
  if (rule !== undefined) return apply(rule, name, value);
  const isKnown = available === undefined ? spec === undefined : available.has(name.toLowerCase()) || available.has(name);
  if (isKnown) return { value: pythonText(value) };
  return { value: undefined, warning: `Removing unexpected parameter=${name} value=${pythonText(value)} from the config` };
}

/** `9.6` is 90600, `14.5` 140005. */
function bound(text: string): number {
  const [major = 0, minor = 0] = text.split('.').map(Number);
  return major >= 10 ? major * 10_000 + minor : major * 10_000 + minor * 100;
}

function ruleFor(spec: string, version: number): string | undefined {
  for (const part of spec.split('; ')) {
    const from = / >=([0-9.]+)/.exec(part)?.[1];
    const till = / <([0-9.]+)/.exec(part)?.[1];
    if ((from === undefined || version >= bound(from)) && (till === undefined || version < bound(till))) {
      return part.replace(/ (?:>=|<)[0-9.]+/g, '');
    }
  }
  return undefined;
}

function apply(rule: string, name: string, value: unknown): Validated {
  const text = pythonText(value);
  const refused = (type: string): Validated => ({
    value: undefined,
    warning: `Removing ${type} parameter=${name} from the config due to the invalid value=${text}`,
  });
  const words = /\{(.*)\}/
    .exec(rule)?.[1]
    ?.split(', ')
    .map((word) => (word === '(empty)' ? '' : word));
  const isBoolean = parseBool(value) !== undefined;
  if (rule === 'S') return { value: text };
  if (rule === 'B') return isBoolean ? { value: text } : refused('bool');
  if (words !== undefined) {
    const isAccepted = words.includes(text.toLowerCase()) || (rule.startsWith('EB') && isBoolean);
    return isAccepted ? { value: text } : refused(rule.startsWith('EB') ? 'enumbool' : 'enum');
  }
  return inRange(rule, name, value) ?? refused(rule.startsWith('I') ? 'integer' : 'real');
}

function inRange(rule: string, name: string, value: unknown): Validated | undefined {
  const match = /^([IR])\[(.+)\.\.([^ \]]+)(?: (.+))?\]$/.exec(rule);
  if (!match) throw new TypeError(`rule of ${name}: ${rule}`);
  const [, kind, min = '', max = '', unit] = match;
  const text = pythonText(value);
  const number = kind === 'I' ? parseInteger(value, unit) : parseNumber(value, unit);
  if (number === undefined) return undefined;
  const limit = (word: string): number => (word === 'M' ? 2_147_483_647 : Number(word));
  const moved = (to: number, how: string): Validated => ({
    value: String(to),
    warning: `Value=${text} of parameter=${name} is too ${how} ${to}${unit ?? ''}`,
  });
  if (number < limit(min)) return moved(limit(min), 'low, increasing to');
  if (number > limit(max)) return moved(limit(max), 'big, decreasing to');
  return { value: text };
}
