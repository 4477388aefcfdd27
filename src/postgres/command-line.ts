import { isPlainObject, isTruthy, pythonText } from '../base/python-values.js';
import type { ToolOptions } from '../ports/settings.js';

/**
 * Splits a configured command into words as a POSIX shell quotes them, without expanding anything: `'…'` is literal, in
 * `"…"` a backslash escapes `"` and `\`, outside of quotes it escapes any character.
 * @returns undefined when a quote is not closed or a backslash ends the text.
 */
export function splitWords(text: string): readonly string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const c = text.charAt(at);
    if (quote === '' && /\s/.test(c)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (c === quote) {
      quote = '';
    } else if (quote === '' && (c === "'" || c === '"')) {
      quote = c;
      word ??= '';
    } else if (c === '\\' && quote !== "'") {
      if (++at >= text.length) return undefined;
      const next = text.charAt(at);
      word = (word ?? '') + (quote === '"' && next !== '"' && next !== '\\' ? c + next : next);
    } else {
      word = (word ?? '') + c;
    }
  }
  if (quote !== '') return undefined;
  if (word !== undefined) words.push(word);
  return words;
}

/** A value that is one quoted word loses its quotes; every other value stays as it is. */
function unquote(text: string): string {
  const words = splitWords(text);
  return words?.length === 1 ? (words[0] ?? text) : text;
}

export interface ParsedOptions {
  /** `--name` and `--name=value`, in configured order. */
  readonly arguments: readonly string[];
  readonly errors: readonly string[];
}

/** Why an option must not be passed; undefined when it may. `value` is undefined for an option without value. */
export type OptionCheck = (name: string, value: string | undefined) => string | undefined;

/**
 * The command-line options that the user configured for `tool`, without those that the agent sets itself.
 * Names are compared up to a `=`, so that `pgdata=/x` in a list is refused like `{pgdata: /x}`.
 * @see configuration.md §2.5.1
 */
export function toolOptions(tool: string, options: ToolOptions, refused: readonly string[], check?: OptionCheck): ParsedOptions {
  const result: string[] = [];
  const errors: string[] = [];
  const add = (name: string, value: string | undefined): void => {
    const [bareName = ''] = name.split('=', 1);
    const problem = refused.includes(bareName) ? `${bareName} option for ${tool} is not allowed` : check?.(bareName, value);
    if (problem !== undefined) errors.push(problem);
    else result.push(value === undefined ? `--${name}` : `--${name}=${unquote(value)}`);
  };
  if (isList(options)) {
    for (const item of options) addListItem(tool, item, add, errors);
  } else if (isPlainObject(options)) {
    for (const [name, value] of Object.entries(options)) {
      if (name !== '' && isTruthy(value)) add(name, value === true ? undefined : pythonText(value));
    }
  } else {
    errors.push(`${tool} options must be list or dict`);
  }
  return { arguments: result, errors };
}

function isList(options: unknown): options is readonly unknown[] {
  return Array.isArray(options);
}

function addListItem(tool: string, item: unknown, add: (name: string, value: string | undefined) => void, errors: string[]): void {
  if (typeof item === 'string') {
    add(item, undefined);
    return;
  }
  if (!isPlainObject(item)) {
    errors.push(`Error when parsing ${tool} option ${pythonText(item)}: value should be string value or a single key-value pair`);
    return;
  }
  const entries = Object.entries(item);
  const [name, value] = entries[0] ?? [];
  if (entries.length === 1 && name !== undefined && typeof value === 'string') add(name, value);
  else {
    errors.push(
      `Error when parsing ${tool} key-value option ${pythonText(item)}: only one key-value is allowed and value should be a string`,
    );
  }
}

/**
 * `--key=value` for a method's own keys, in configured order.
 * @param overrides take the place of keys of the same name, or follow at the end.
 */
export function methodArguments(
  section: Readonly<Record<string, unknown>>,
  without: readonly string[],
  overrides: Readonly<Record<string, string>> = {},
): readonly string[] {
  const values = new Map<string, string>();
  for (const [key, value] of Object.entries(section)) if (!without.includes(key)) values.set(key, pythonText(value));
  for (const [key, value] of Object.entries(overrides)) values.set(key, value);
  return [...values].map(([key, value]) => `--${key}=${value}`);
}
