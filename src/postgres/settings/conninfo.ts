import type { ConnectionCredentials, PostgresSettings } from '../../ports/settings.js';
import type { Parameters } from './parameters.js';
import { splitListen } from './server-parameters.js';

/** libpq keywords and values. */
export type Conninfo = Readonly<Record<string, string>>;

const KEYWORDS =
  'dbname user passfile password host port sslmode sslcompression sslcert sslkey sslpassword sslrootcert sslcrl sslcrldir application_name krbsrvname gssencmode channel_binding target_session_attrs tcp_user_timeout sslnegotiation'.split(
    ' ',
  );
/** libpq refuses keywords that it does not know, so younger ones wait for the server's version. */
const KEYWORD_SINCE: Readonly<Record<string, number>> = {
  target_session_attrs: 100_000,
  gssencmode: 120_000,
  tcp_user_timeout: 120_000,
  channel_binding: 130_000,
  sslpassword: 130_000,
  sslcrldir: 140_000,
  sslnegotiation: 170_000,
};

/** `key=value` pairs; empty values are left out, because `key= ` would swallow the next pair (postgres.md §15.1). */
export function formatConninfo(info: Readonly<Record<string, string | undefined>>, majorVersion: number): string {
  const pairs: string[] = [];
  for (const key of KEYWORDS) {
    const value = info[key];
    if (value === undefined || value === '' || majorVersion < (KEYWORD_SINCE[key] ?? 0)) continue;
    if (key === 'password' && info['passfile']) continue;
    pairs.push(`${key}=${value.replace(/['\\ ]/g, '\\$&')}`);
  }
  return pairs.join(' ');
}

/** Reads a URL or a key/value string (postgres.md §15.2). undefined when it is neither. */
export function parseConninfo(text: string): Conninfo | undefined {
  const parsed = /^postgres(ql)?:\/\//.test(text) ? parseUrl(text) : parsePairs(text);
  if (parsed === undefined) return undefined;
  const { requiressl, ...info } = parsed;
  if (requiressl !== undefined && info['sslmode'] === undefined) info['sslmode'] = requiressl === '1' ? 'require' : 'prefer';
  return info;
}

/** For comparisons: what libpq assumes where nothing is given. */
export function withDefaults(info: Conninfo): Conninfo {
  return { sslmode: 'prefer', gssencmode: 'prefer', channel_binding: 'prefer', sslnegotiation: 'postgres', ...info };
}

function parseUrl(text: string): Record<string, string> | undefined {
  const match = /^postgres(?:ql)?:\/\/(?:([^@/?]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/.exec(text);
  if (!match) return undefined;
  const [, userinfo, hosts = '', database, query] = match;
  const info: Record<string, string> = {};
  try {
    if (userinfo !== undefined) {
      const colon = userinfo.indexOf(':');
      info['user'] = decodeURIComponent(colon < 0 ? userinfo : userinfo.slice(0, colon));
      if (colon >= 0) info['password'] = decodeURIComponent(userinfo.slice(colon + 1));
    }
    if (hosts !== '') addHosts(info, hosts);
    if (database) info['dbname'] = decodeURIComponent(database);
    for (const pair of query ? query.split('&') : []) {
      const [key = '', value = ''] = pair.split('=').map(decodeURIComponent);
      if (key === 'ssl' && value === 'true') info['sslmode'] = 'require';
      else info[key] = value;
    }
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
  return info;
}

function addHosts(info: Record<string, string>, text: string): void {
  const list = text.split(',').map((item) => /^(\[[^\]]*\]|[^:]*)(?::([0-9]*))?$/.exec(item));
  info['host'] = list.map((item) => decodeURIComponent((item?.[1] ?? '').replace(/^\[|\]$/g, '')).toLowerCase()).join(',');
  const ports = list.map((item) => item?.[2] ?? '');
  if (ports.some((port) => port !== '')) info['port'] = ports.map((port) => port || '5432').join(',');
}

function parsePairs(text: string): Record<string, string> | undefined {
  const info: Record<string, string> = {};
  const pair = /\s*([A-Za-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s\\']|\\.)*))(?=\s|$)/sy;
  let at = 0;
  while (text.slice(at).trim() !== '') {
    pair.lastIndex = at;
    const match = pair.exec(text);
    if (!match) return undefined;
    info[match[1] ?? ''] = (match[2] ?? match[3] ?? '').replace(/\\(.)/gs, '$1');
    at = pair.lastIndex;
  }
  return info;
}

export interface LocalAddresses {
  readonly port: string;
  readonly tcpHost: string;
  /** Host of superuser connections; undefined: libpq's default socket directory. */
  readonly superuserHost: string | undefined;
  readonly replicationHost: string | undefined;
  readonly connUrl: string;
  readonly proxyUrl: string | undefined;
}

/** Where the local server is reached, and what others are told of it (postgres.md §9.2). */
export function localAddresses(settings: PostgresSettings, parameters: Parameters): LocalAddresses {
  const { addresses, port } = splitListen(settings.listen);
  const list = addresses.split(',').map((address) => address.trim());
  const isLocal = list.some((address) => ['*', 'localhost', '0.0.0.0', '127.0.0.1'].includes(address));
  const tcpHost = isLocal ? 'localhost' : (list[0] ?? 'localhost');
  const sockets = parameters.get('unix_socket_directories');
  const socket =
    typeof sockets === 'string'
      ? (sockets
          .split(',')
          .map((path) => path.trim())
          .find((path) => path.startsWith('/')) ?? tcpHost)
      : undefined;
  const url = (address: string): string => `postgres://${address}/${settings.database}`;
  const own = `${tcpHost.includes(':') ? `[${tcpHost}]` : tcpHost}:${port}`;
  return {
    port,
    tcpHost,
    superuserHost: settings.useUnixSocket ? socket : tcpHost,
    replicationHost: settings.useUnixSocketRepl ? socket : tcpHost,
    connUrl: url(bracketed(settings.connectAddress) ?? own),
    proxyUrl: settings.proxyAddress === undefined ? undefined : url(bracketed(settings.proxyAddress) ?? ''),
  };
}

/** `host:port`, with brackets around an IPv6 host and port 5432 where none is given. */
function bracketed(address: string | undefined): string | undefined {
  if (address === undefined || address === '') return undefined;
  const match = /^\[?(.*?)\]?(?::([0-9]+))?$/.exec(address);
  const host = match?.[1] ?? address;
  return `${host.includes(':') ? `[${host}]` : host}:${match?.[2] ?? '5432'}`;
}

/** Credentials in libpq's words; everything but the known keys was dropped when the settings were read. */
export function credentialParameters(credentials: ConnectionCredentials): Record<string, string> {
  const { username, ...rest } = credentials;
  const info: Record<string, string> = {};
  for (const [key, value] of Object.entries({ ...rest, user: username })) if (value) info[key] = value;
  return info;
}

/** Target of a connection to another member; undefined when nothing is known of where it is. */
export function connectionParameters(
  connUrl: string | undefined,
  credentials: ConnectionCredentials,
  defaultDatabase: string,
): Record<string, string> | undefined {
  const target = connUrl === undefined ? undefined : parseConninfo(connUrl);
  if (target?.['host'] === undefined) return undefined;
  const { host, port = '5432', dbname = defaultDatabase } = target;
  return { host, port, dbname, ...credentialParameters(credentials) };
}
