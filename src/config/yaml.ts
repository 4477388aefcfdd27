import {
  binaryTag,
  defineScalarTag,
  dump,
  FAILSAFE_SCHEMA,
  load,
  mergeTag,
  NOT_RESOLVED,
  omapTag,
  pairsTag,
  setTag,
  YAMLException,
} from 'js-yaml';
import { compareText } from '../base/python-values.js';

/*
 * YAML as PyYAML's safe loader reads it (YAML 1.1 with that loader's own resolvers). The type patterns are those of the
 * YAML 1.1 type repository, except that `y` and `n` stay text. Dates stay text too: nothing in our settings is a date, and
 * text is what reaches PostgreSQL in the end.
 */

const INTEGER = /^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/;
const FLOAT =
  /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;
const TRUE = new Set(['yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON']);
const FALSE = new Set(['no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF']);
const NULL = new Set(['', '~', 'null', 'Null', 'NULL']);
const TIMESTAMP = /^(?:\d{4}-\d\d-\d\d|\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?)$/;

/** Beyond 2^53 the digits are kept as a bigint: a `number` would silently change them. */
function readInteger(source: string): number | bigint {
  const negative = source.startsWith('-');
  const text = source.replace(/^[-+]/, '').replaceAll('_', '');
  let value: bigint;
  if (text.includes(':')) value = text.split(':').reduce((sum, part) => sum * 60n + BigInt(part), 0n);
  else if (/^0[0-7]+$/.test(text)) value = BigInt(`0o${text.slice(1)}`);
  else value = BigInt(text === '' || text === '0b' || text === '0x' ? '0' : text);
  if (negative) value = -value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function readFloat(source: string): number {
  const sign = source.startsWith('-') ? -1 : 1;
  const text = source.replace(/^[-+]/, '').replaceAll('_', '').toLowerCase();
  if (text === '.inf') return sign * Number.POSITIVE_INFINITY;
  if (text === '.nan') return Number.NaN;
  if (text.includes(':')) return sign * text.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
  return sign * Number(text);
}

const nullTag = defineScalarTag<null>('tag:yaml.org,2002:null', {
  implicit: true,
  resolve: (source) => (NULL.has(source) ? null : NOT_RESOLVED),
  identify: (data) => data === null || data === undefined,
  represent: () => 'null',
});
const boolTag = defineScalarTag<boolean>('tag:yaml.org,2002:bool', {
  implicit: true,
  resolve: (source) => (TRUE.has(source) ? true : FALSE.has(source) ? false : NOT_RESOLVED),
  identify: (data) => typeof data === 'boolean',
  represent: (data) => (data === true ? 'true' : 'false'),
});
const intTag = defineScalarTag<number | bigint>('tag:yaml.org,2002:int', {
  implicit: true,
  resolve: (source) => (INTEGER.test(source) ? readInteger(source) : NOT_RESOLVED),
  identify: (data) => typeof data === 'bigint' || Number.isInteger(data),
  represent: (data) => String(Number.isInteger(data) ? BigInt(data) : data),
});
const floatTag = defineScalarTag<number>('tag:yaml.org,2002:float', {
  implicit: true,
  resolve: (source) => (FLOAT.test(source) ? readFloat(source) : NOT_RESOLVED),
  identify: (data) => typeof data === 'number' && !Number.isInteger(data),
  represent: writeFloat,
});
/** A plain `=` is an error to the safe loader. When dumping, its pattern makes such text quoted. */
const valueTag = defineScalarTag<never>('tag:yaml.org,2002:value', {
  implicit: true,
  implicitFirstChars: ['='],
  resolve: (source) => {
    if (source !== '=') return NOT_RESOLVED;
    throw new YAMLException("a plain '=' has no value; quote it");
  },
  identify: () => false,
});
const READ = FAILSAFE_SCHEMA.withTags(nullTag, boolTag, intTag, floatTag, valueTag, mergeTag, binaryTag, omapTag, pairsTag, setTag);

/** Text that PyYAML would take for a date or for `=` must be quoted, although we read it as text. */
const quotedTextTag = defineScalarTag<string>('tag:yaml.org,2002:timestamp', {
  implicit: true,
  resolve: (source) => (TIMESTAMP.test(source) || source === '=' ? source : NOT_RESOLVED),
  identify: () => false,
});
const WRITE = FAILSAFE_SCHEMA.withTags(nullTag, boolTag, intTag, floatTag, quotedTextTag, mergeTag);

/** PyYAML reads an exponent only after a point and with a sign: `1.0e+22`. */
function writeFloat(value: number): string {
  if (Number.isNaN(value)) return '.nan';
  if (!Number.isFinite(value)) return value > 0 ? '.inf' : '-.inf';
  const [mantissa = '', exponent] = String(value).split('e');
  if (exponent === undefined) return mantissa;
  return `${mantissa.includes('.') ? mantissa : `${mantissa}.0`}e${exponent.startsWith('-') ? exponent : `+${exponent.replace('+', '')}`}`;
}

/** Deep enough for settings; an alias bomb ends here instead of in memory. */
const MAX_ALIASES = 1000;

/**
 * The value of the one document in `text`; null when there is none. The last of equal keys wins.
 * @throws SyntaxError for text that is not YAML, has several documents, unknown tags or a plain `=`.
 */
export function parseYaml(text: string): unknown {
  // js-yaml refuses a stream without a document; PyYAML gives None.
  if (/^(?:\s*(?:#[^\n]*)?(?:\r?\n|$))*$/.test(text)) return null;
  try {
    return load(text, { schema: READ, json: true, maxAliases: MAX_ALIASES });
  } catch (error) {
    // Not as the cause: the exception carries the whole source, passwords included.
    if (error instanceof YAMLException) throw new SyntaxError(describe(error));
    throw error;
  }
}

/** Reason and place without the source lines, which may hold a password. */
function describe(error: YAMLException): string {
  const mark = error.mark;
  const reason = error.reason ?? 'not YAML';
  return mark === undefined || mark === null ? reason : `${reason} (line ${mark.line + 1}, column ${mark.column + 1})`;
}

/** Block style (or flow style), keys sorted by code point, sequences not indented below their key (configuration.md §1.1). */
export function dumpYaml(value: unknown, options: { readonly lineWidth?: number; readonly isFlow?: boolean } = {}): string {
  return dump(value, {
    schema: WRITE,
    indent: 2,
    seqNoIndent: true,
    lineWidth: options.lineWidth ?? 80,
    noRefs: true,
    ...(options.isFlow === true ? { flowLevel: 0 } : {}),
    sortKeys: (a: unknown, b: unknown) => compareText(String(a), String(b)),
  });
}
