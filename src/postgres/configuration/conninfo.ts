import type { ConnectionParameters } from '../query/session.js';

/** Order in which the pairs are written, and the first version that knows a key. */
const KEYS: readonly (readonly [name: string, since?: number])[] = [
  ['dbname'],
  ['user'],
  ['passfile'],
  ['host'],
  ['port'],
  ['sslmode'],
  ['sslcompression'],
  ['sslcert'],
  ['sslkey'],
  ['sslpassword', 130_000],
  ['sslrootcert'],
  ['sslcrl'],
  ['sslcrldir', 140_000],
  ['application_name'],
  ['krbsrvname'],
  ['gssencmode', 120_000],
  ['channel_binding', 130_000],
  ['target_session_attrs', 100_000],
  ['sslnegotiation', 170_000],
];

/** `key=value` pairs without password: that goes by the password file (in recovery.conf below 10 by `withPassword`). */
export function formatConninfo(parameters: ConnectionParameters, majorVersion: number, withPassword = false): string {
  const pairs: string[] = [];
  for (const [key, since] of KEYS) {
    const isPassword = key === 'passfile' && !parameters['passfile'] && withPassword;
    const name = isPassword ? 'password' : key;
    const value = parameters[name];
    if (!value || (since !== undefined && majorVersion < since)) continue;
    pairs.push(`${name}=${value.replace(/['\\ ]/g, (c) => `\\${c}`)}`);
  }
  return pairs.join(' ');
}

/** Key/value form with quotes and backslashes; undefined when it is none. */
export function parseConninfo(text: string): ConnectionParameters | undefined {
  const result: Record<string, string> = {};
  const pair = /\s*([a-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))\s*/y;
  while (pair.lastIndex < text.length) {
    const match = pair.exec(text);
    if (match === null) return undefined;
    result[match[1] ?? ''] = (match[2] ?? match[3] ?? '').replace(/\\(.)/g, '$1');
  }
  return result;
}

/** `postgres://[user[:password]@]host[:port][,host[:port]…][/database][?key=value…]`; undefined when it is none. */
export function parseConnUrl(url: string): ConnectionParameters | undefined {
  const match = /^postgres(?:ql)?:\/\/(?:([^@/?]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/.exec(url);
  if (match === null) return undefined;
  const [, login, hosts = '', database, options] = match;
  const list = hosts.split(',').map((part) => /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(part));
  const result: Record<string, string> = {
    host: list
      .map((part) =>
        decode(part?.[1] ?? '')
          .replace(/^\[|\]$/g, '')
          .toLowerCase(),
      )
      .join(','),
    port:
      [...new Set(list.map((part) => part?.[2] || '5432'))].length === 1
        ? list[0]?.[2] || '5432'
        : list.map((part) => part?.[2] || '5432').join(','),
  };
  if (database) result['dbname'] = decode(database);
  const [user, password] = login?.split(':') ?? [];
  if (user) result['user'] = decode(user);
  if (password) result['password'] = decode(password);
  for (const option of options?.split('&') ?? []) {
    const [key = '', value = ''] = option.split('=');
    if (key === 'ssl' && value === 'true') result['sslmode'] = 'require';
    else if (key !== '') result[decode(key)] = decode(value);
  }
  return result;
}

function decode(text: string): string {
  return decodeURIComponent(text);
}
