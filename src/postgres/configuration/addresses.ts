import { pythonText } from '../../base/python-values.js';
import type { ConnectionCredentials, ParameterMap, PostgresSettings } from '../../ports/settings.js';
import type { ConnectionParameters } from '../query/session.js';

export interface Listen {
  readonly addresses: string;
  readonly port: string;
}

/** `addr[,addr…][:port]`; the port is what follows the last colon if it is a number and no part of an IPv6 address. */
export function parseListen(listen: string): Listen {
  const match = /^(.*):(\d+)$/.exec(listen.trim());
  const isPort = match !== null && (!match[1]?.includes(':') || match[1].endsWith(']') || match[1].includes(','));
  const addresses = (isPort ? (match[1] ?? '') : listen).replaceAll(/[[\]]/g, '').trim();
  return { addresses, port: isPort ? (match[2] ?? '5432') : '5432' };
}

const LOCAL = ['*', 'localhost', '0.0.0.0', '127.0.0.1'];

function tcpHost(listen: Listen): string {
  const addresses = listen.addresses.split(',').map((address) => address.trim());
  return addresses.some((address) => LOCAL.includes(address)) ? 'localhost' : (addresses[0] ?? 'localhost');
}

/** The unix socket directory, or undefined for the library's default; the TCP host where none of them is absolute. */
function socketHost(listen: Listen, parameters: ParameterMap): string | undefined {
  const configured = parameters['unix_socket_directories'];
  if (configured === undefined) return undefined;
  const folders = pythonText(configured).split(',');
  return folders.map((folder) => folder.trim()).find((folder) => folder.startsWith('/')) ?? tcpHost(listen);
}

/** Where the agent reaches its own server (postgres.md §9.2). */
export function localAddress(settings: PostgresSettings, isSocket: boolean): ConnectionParameters {
  const listen = parseListen(settings.listen);
  const host = isSocket ? socketHost(listen, settings.parameters) : tcpHost(listen);
  return { ...(host === undefined ? {} : { host }), port: listen.port };
}

/** A target with the credentials of one user; a configuration can't smuggle in other connection options. */
export function withCredentials(target: ConnectionParameters, credentials: ConnectionCredentials): ConnectionParameters {
  const { username, ...others } = credentials;
  const result: Record<string, string> = { ...target };
  for (const [key, value] of Object.entries(others)) if (value !== undefined) result[key] = value;
  if (username !== undefined) result['user'] = username;
  return result;
}

export function publishedUrl(address: string | undefined, settings: PostgresSettings): string {
  const listen = parseListen(settings.listen);
  const own = `${tcpHost(listen)}:${listen.port}`;
  const { addresses, port } = parseListen(address ?? own);
  const host = addresses.includes(':') && !addresses.includes(',') ? `[${addresses}]` : addresses;
  return `postgres://${host}:${port}/${settings.database}`;
}
