/** Keywords of libpq that a user's entry may carry, with the variable that stands for each. */
export const LIBPQ_VARIABLES: Readonly<Record<string, string>> = {
  host: 'PGHOST',
  port: 'PGPORT',
  dbname: 'PGDATABASE',
  user: 'PGUSER',
  password: 'PGPASSWORD',
  sslmode: 'PGSSLMODE',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
  sslrootcert: 'PGSSLROOTCERT',
  sslcrl: 'PGSSLCRL',
  sslcrldir: 'PGSSLCRLDIR',
  gssencmode: 'PGGSSENCMODE',
  channel_binding: 'PGCHANNELBINDING',
  sslnegotiation: 'PGSSLNEGOTIATION',
};

/**
 * The keywords of a connection string in either form of libpq: `host=a user='b c'` and `postgres://user@host:1/db?…`.
 * @returns undefined for text that is neither.
 */
export function parseDsn(text: string): Readonly<Record<string, string>> | undefined {
  return /^postgres(?:ql)?:\/\//.test(text) ? parseUrl(text) : parsePairs(text);
}

/** One `keyword = value`; a value is bare or in single quotes, with backslash escapes. */
const PAIR = /\s*(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?=\s|$)/y;

function parsePairs(text: string): Readonly<Record<string, string>> | undefined {
  const result: Record<string, string> = {};
  PAIR.lastIndex = 0;
  const end = text.trimEnd().length;
  while (PAIR.lastIndex < end) {
    const match = PAIR.exec(text);
    const [, key, quoted, bare] = match ?? [];
    if (key === undefined) return undefined;
    result[key] = (quoted ?? bare ?? '').replace(/\\(.)/g, '$1');
  }
  return result;
}

function parseUrl(text: string): Readonly<Record<string, string>> | undefined {
  // Several hosts are not a URL to the platform's parser, so the parts are taken by hand.
  const match = /^postgres(?:ql)?:\/\/(?:([^:@/?]*)(?::([^@/?]*))?@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/.exec(text);
  if (match === null) return undefined;
  const [, user, password, hosts = '', dbname, query = ''] = match;
  const entries: [string, string | undefined][] = [
    ['user', user],
    ['password', password],
    ...hostEntries(hosts),
    ['dbname', dbname],
    ...query
      .split('&')
      .filter(Boolean)
      .map((pair): [string, string] => [pair.split('=')[0] ?? '', pair.slice(pair.indexOf('=') + 1)]),
  ];
  try {
    return Object.fromEntries(entries.flatMap(([key, value]) => (value ? [[key, decodeURIComponent(value)]] : [])));
  } catch {
    return undefined;
  }
}

function hostEntries(hosts: string): [string, string][] {
  const parts = hosts.split(',').map((part) => /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(part));
  const host = parts.map((part) => (part?.[1] ?? '').replace(/^\[|\]$/g, '')).join(',');
  const port = parts.map((part) => part?.[2] ?? '').join(',');
  return [
    ['host', host],
    ['port', /\d/.test(port) ? port : ''],
  ];
}
