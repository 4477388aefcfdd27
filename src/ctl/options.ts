import { type Command, Option } from 'commander';
import type { CtlContext } from './context.js';
import { UsageError } from './errors.js';
import { FORMATS, type Format } from './output/rows.js';
import { ROLES, type Role } from './selection.js';

/** Options of all commands under commander's names; each command has the ones that it declares. */
export interface Given {
  readonly group?: number;
  readonly role?: Role;
  readonly force?: boolean;
  readonly format?: Format;
  readonly extended?: boolean;
  readonly timestamp?: boolean;
  readonly W?: boolean;
  readonly watch?: number;
  readonly any?: boolean;
  readonly scheduled?: string;
  readonly pgVersion?: string;
  readonly pending?: boolean;
  readonly timeout?: string;
  readonly fromLeader?: boolean;
  readonly wait?: boolean;
  readonly leader?: string;
  readonly primary?: string;
  readonly candidate?: string;
  readonly member?: string;
  readonly quiet?: boolean;
  readonly set?: readonly string[];
  readonly pg?: readonly string[];
  readonly apply?: string;
  readonly replace?: string;
  readonly file?: string;
  readonly command?: string;
  readonly password?: boolean;
  readonly username?: string;
  readonly dbname?: string;
  readonly delimiter?: string;
  readonly host?: string;
  readonly port?: number;
  readonly restoreCommand?: string;
  readonly primarySlotName?: string;
}

export function watchOf(o: Given): { group: number | undefined; watch: number | undefined } {
  return { group: o.group, watch: o.watch ?? (o.W ? 2 : undefined) };
}

export function number(flags: string, description: string): Option {
  const isInteger = flags.includes('INTEGER');
  const shown = flagNames(flags).join(' / ');
  return new Option(flags, description).argParser((text) => {
    if (isInteger ? /^[-+]?[0-9]+$/.test(text) : text.trim() !== '' && Number.isFinite(Number(text))) return Number(text);
    throw new UsageError(`Invalid value for ${shown}: '${text}' is not a valid ${isInteger ? 'integer' : 'float'}.`);
  });
}

function choice(flags: string, description: string, words: readonly string[]): Option {
  // The other way round than numbers are shown: so it is with Patroni.
  const shown = flagNames(flags).reverse().join(' / ');
  return new Option(flags, description).argParser((text) => {
    if (words.includes(text)) return text;
    throw new UsageError(`Invalid value for ${shown}: '${text}' is not one of ${words.map((w) => `'${w}'`).join(', ')}.`);
  });
}

export const formatOption = (): Option => choice('-f, --format <FORMAT>', `Output format (${FORMATS.join(', ')})`, FORMATS);
export const roleOption = (): Option => choice('-r, --role <ROLE>', `Role (${ROLES.join(', ')})`, ROLES);

/** `-w, --watch <FLOAT>` as `'-w'` and `'--watch'`. */
function flagNames(flags: string): string[] {
  return flags
    .replace(/ <.*/, '')
    .split(', ')
    .map((name) => `'${name}'`);
}

/** An option that may stand several times. */
export function many(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text, before: readonly string[] | undefined) => [...(before ?? []), text]);
}

/** Opens the store and the rest of the world; called only when a command really runs. */
export type Open = () => Promise<CtlContext>;
/** Adds a command; `hasGroup` false: without `--group`. */
export type Register = (name: string, description: string, hasGroup?: boolean) => Command;
