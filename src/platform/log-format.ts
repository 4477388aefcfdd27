import { stringifyJson } from '../base/json.js';
import { pythonRepr } from '../base/python-values.js';
import type { LogSettings } from '../ports/settings.js';
import { localTimestamp, pad, strftime } from './strftime.js';

/** One thing to log, before it has a form. `level`: the number of Python's logging. */
export interface LogRecord {
  readonly wallMs: number;
  readonly level: number;
  readonly name: string;
  readonly message: string;
  /** Stack trace as text. */
  readonly trace: string | undefined;
}

export interface LogFormatter {
  /** The record as one or more lines, with the final newline. */
  format(record: LogRecord): string;
  /** What is wrong with the settings, for the log itself. */
  readonly warnings: readonly string[];
}

const LEVEL_NAMES: Readonly<Record<number, string>> = { 10: 'DEBUG', 20: 'INFO', 30: 'WARNING', 40: 'ERROR', 50: 'CRITICAL' };
const DEFAULT_FORMAT = '%(asctime)s %(levelname)s: %(message)s';
const DEFAULT_FIELDS: readonly (readonly [string, string])[] = [
  ['asctime', 'asctime'],
  ['levelname', 'levelname'],
  ['message', 'message'],
];
const PLACEHOLDER = /%(?:%|\((\w+)\)([-+ #0]*)(\d*)(?:\.(\d+))?([a-zA-Z]))/g;

/** The formatter that the settings ask for (configuration.md §5.1). `startMs`: wall time of the process start. */
export function createFormatter(settings: LogSettings, startMs: number): LogFormatter {
  return settings.type === 'json' ? jsonFormatter(settings, startMs) : plainFormatter(settings, startMs);
}

function plainFormatter(settings: LogSettings, startMs: number): LogFormatter {
  const { format, dateformat } = settings;
  const warnings = typeof format === 'string' ? [] : ['Expected log format to be a string when log type is plain, but got "list"'];
  const template = typeof format === 'string' ? format : DEFAULT_FORMAT;
  return {
    warnings,
    format: (record) => {
      const line = template.replace(
        PLACEHOLDER,
        (whole, name: string | undefined, flags: string, width: string, precision: string, type: string) =>
          name === undefined ? '%' : printf(field(record, name, dateformat, startMs), whole, flags, width, precision, type),
      );
      return record.trace === undefined ? `${line}\n` : `${line}\n${record.trace}\n`;
    },
  };
}

function jsonFormatter(settings: LogSettings, startMs: number): LogFormatter {
  const warnings: string[] = [];
  const fields = jsonFields(settings.format, warnings);
  return {
    warnings,
    format: (record) => {
      const object: Record<string, unknown> = {};
      for (const [name, shown] of fields) object[shown] = field(record, name, settings.dateformat, startMs) ?? null;
      if (record.trace !== undefined) object['exc_info'] = record.trace;
      return `${stringifyJson({ ...object, ...settings.staticFields }, 'spaced')}\n`;
    },
  };
}

/** Name of the field and the name under which it is written. */
function jsonFields(format: unknown, warnings: string[]): readonly (readonly [string, string])[] {
  const fields: (readonly [string, string])[] = [];
  if (typeof format === 'string') {
    for (const [, name] of format.matchAll(PLACEHOLDER)) if (name !== undefined) fields.push([name, name]);
  } else if (Array.isArray(format)) {
    for (const item of format as readonly unknown[]) {
      if (typeof item === 'string') fields.push([item, item]);
      else if (typeof item === 'object' && item !== null && !Array.isArray(item)) {
        for (const [name, shown] of Object.entries(item)) {
          if (typeof shown === 'string') fields.push([name, shown]);
          else warnings.push(`Expected renamed log field to be a string, but got "${pythonRepr(shown)}"`);
        }
      } else warnings.push(`Expected each item of log format to be a string or dictionary, but got "${pythonRepr(item)}"`);
    }
  } else warnings.push(`Expected log format to be a string or a list, but got "${typeof format}"`);
  return fields.length === 0 ? DEFAULT_FIELDS : fields;
}

/** A field of Python's `LogRecord`. There is one thread and no source position, so those fields are constants. */
function field(record: LogRecord, name: string, dateformat: string | undefined, startMs: number): string | number | undefined {
  const ms = Math.floor(record.wallMs);
  switch (name) {
    case 'asctime':
      return dateformat === undefined ? `${localTimestamp(ms)},${pad(ms % 1000, 3)}` : strftime(dateformat, ms);
    case 'created':
      return record.wallMs / 1000;
    case 'levelname':
      return LEVEL_NAMES[record.level] ?? `Level ${record.level}`;
    case 'levelno':
      return record.level;
    case 'message':
      return record.message;
    case 'msecs':
      return ms % 1000;
    case 'name':
      return record.name;
    case 'module':
      return record.name.slice(record.name.lastIndexOf('.') + 1);
    case 'process':
    case 'thread':
      return process.pid;
    case 'processName':
      return 'MainProcess';
    case 'threadName':
      return 'MainThread';
    case 'relativeCreated':
      return record.wallMs - startMs;
    case 'lineno':
      return 0;
    case 'filename':
    case 'pathname':
    case 'funcName':
      return '';
    default:
      return undefined;
  }
}

function printf(value: string | number | undefined, whole: string, flags: string, width: string, precision: string, type: string): string {
  if (value === undefined) return whole;
  let text: string;
  if (type === 'f' && typeof value === 'number') text = value.toFixed(precision === undefined ? 6 : Number(precision));
  else if ((type === 'd' || type === 'i') && typeof value === 'number') text = String(Math.trunc(value));
  else {
    text = String(value);
    if (precision !== undefined && type === 's') text = text.slice(0, Number(precision));
  }
  const size = Number(width || 0);
  if (flags.includes('-')) return text.padEnd(size);
  return text.padStart(size, flags.includes('0') && typeof value === 'number' ? '0' : ' ');
}

/** The stack of an error and of its causes; for anything else its text. */
export function traceText(error: unknown): string {
  const parts: string[] = [];
  let current: unknown = error;
  // A cause that leads back to itself must not go on for ever.
  for (let depth = 0; depth < 5 && current !== undefined; depth++) {
    parts.push(current instanceof Error ? (current.stack ?? `${current.name}: ${current.message}`) : String(current));
    current = current instanceof Error ? current.cause : undefined;
  }
  return parts.join('\nCaused by: ');
}

export function errorText(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
