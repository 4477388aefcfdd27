import { type Names, NOBODY, names } from './names.js';

/** Stands in the setting where commits must wait although nobody is there to confirm them. No member may have this name. */
export const PLACEHOLDER = '__patroni_strict_sync_replica_placeholder__';

/** What `synchronous_standby_names` says: a commit waits for `number` of `members`. */
export interface StandbyNames {
  readonly type: 'off' | 'priority' | 'quorum';
  readonly number: number;
  /** Without the placeholder; `*` reads as it, since it names nobody in particular. */
  readonly members: Names;
}

export const NO_STANDBY_NAMES: StandbyNames = { type: 'off', number: 0, members: NOBODY };

type Token = { readonly kind: 'word' | 'name' | 'number' | 'sign'; readonly text: string };

const TOKENS = /\s+|([A-Za-z_][A-Za-z_0-9$]*)|"((?:[^"]|"")+)"|(\d+)|([*,()])/gy;

function tokensOf(value: string): Token[] | undefined {
  const tokens: Token[] = [];
  TOKENS.lastIndex = 0;
  while (TOKENS.lastIndex < value.length) {
    const match = TOKENS.exec(value);
    if (match === null) return undefined;
    const [, word, quoted, number, sign] = match;
    if (word !== undefined) tokens.push({ kind: 'word', text: word });
    else if (quoted !== undefined) tokens.push({ kind: 'name', text: quoted.replaceAll('""', '"') });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number });
    else if (sign !== undefined) tokens.push({ kind: 'sign', text: sign });
  }
  return tokens;
}

/** Reads the setting as PostgreSQL does (postgres.md §24.1). @returns undefined for what it would not accept. */
export function parseStandbyNames(value: string): StandbyNames | undefined {
  const tokens = tokensOf(value);
  if (tokens === undefined) return undefined;
  if (tokens.length === 0) return NO_STANDBY_NAMES;
  const [first, second] = tokens;
  const isWord = (word: string): boolean => first?.kind === 'word' && first.text.toUpperCase() === word && second?.kind === 'number';
  const method = isWord('ANY') || isWord('FIRST') ? 1 : 0;
  if (tokens[method]?.kind === 'number') {
    const isEnclosed = tokens[method + 1]?.text === '(' && tokens.at(-1)?.text === ')';
    const members = isEnclosed ? membersOf(tokens.slice(method + 2, -1)) : undefined;
    const number = Number(tokens[method]?.text);
    return members === undefined ? undefined : { type: isWord('ANY') ? 'quorum' : 'priority', number, members };
  }
  const members = membersOf(tokens);
  return members === undefined ? undefined : { type: 'priority', number: 1, members };
}

/** Names and commas in turn. */
function membersOf(tokens: readonly Token[]): Names | undefined {
  if (tokens.length % 2 === 0) return undefined;
  const found: string[] = [];
  for (const [at, { kind, text }] of tokens.entries()) {
    if (at % 2 === 1 ? text !== ',' || kind !== 'sign' : kind === 'number' || (kind === 'sign' && text !== '*')) return undefined;
    if (at % 2 === 0) found.push(kind === 'sign' ? PLACEHOLDER : text);
  }
  const members = names(found);
  return members.length === 1 && tokens[0]?.kind !== 'sign' && members[0] === PLACEHOLDER ? NOBODY : members;
}

const isPlain = (name: string): boolean => /^[A-Za-z_][A-Za-z_0-9$]*$/.test(name) && !/^(first|any)$/i.test(name);
const quoted = (name: string): string => (isPlain(name) ? name : `"${name.replaceAll('"', '""')}"`);

/** The text of the setting; undefined: no setting at all (postgres.md §24.2). */
export function formatStandbyNames({ type, number, members }: StandbyNames, majorVersion: number): string | undefined {
  const isHeld = members.length === 0 && number >= 1;
  const list = isHeld ? [PLACEHOLDER] : members.map(quoted);
  const [first] = list;
  if (first === undefined) return undefined;
  if (majorVersion < 90_600) return first;
  if (type === 'quorum') return `${majorVersion >= 100_000 ? 'ANY ' : ''}${number} (${list.join(',')})`;
  return list.length > 1 ? `${number} (${list.join(',')})` : first;
}
