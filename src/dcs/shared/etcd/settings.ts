import { readFileSync } from 'node:fs';
import { parseBool } from '../../../base/python-values.js';
import type { TlsSettings } from '../http-client.js';

const DEFAULT_PORT = 2379;
export interface EtcdSettings {
  readonly protocol: 'http' | 'https';
  readonly seeds: readonly string[];
  readonly srv: string | undefined;
  readonly srvSuffix: string | undefined;
  /** The addresses are proxies: members are not asked for. */
  readonly isProxy: boolean;
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  readonly tls: TlsSettings;
}

/** Reads the section `etcd` or `etcd3` (dcs.md §8.1). @throws Error when no address is given, or a TLS file can't be read. */
export function parseEtcdSettings(section: Readonly<Record<string, unknown>>): EtcdSettings {
  const text = textsOf(section);
  const url = text('proxy') ?? text('url');
  const parsed = url === undefined ? undefined : new URL(url);
  const protocol = (parsed?.protocol.replace(':', '') ?? text('protocol')) === 'https' ? 'https' : 'http';
  const port = text('port') ?? String(DEFAULT_PORT);
  const srv = text('srv') ?? text('discovery_srv') ?? text('srv_domain');
  const hosts = hostList(section['hosts'] ?? section['host']);
  const seeds =
    parsed === undefined ? hosts.map((host) => `${protocol}://${withPort(host, port)}`) : [`${protocol}://${withPort(parsed.host, port)}`];
  if (seeds.length === 0 && srv === undefined) throw new Error('Neither srv, hosts, host nor url are defined in etcd section of config');
  return {
    protocol,
    seeds,
    srv: text('proxy') === undefined ? srv : undefined,
    srvSuffix: text('srv_suffix'),
    isProxy: text('proxy') !== undefined || parseBool(section['use_proxies']) === true,
    credentials: credentialsOf(section),
    tls: tlsSettings(text('cacert') ?? text('ca_cert'), text('cert'), text('key')),
  };
}

/** The user that the section names, if both parts are there; those of `proxy` or `url` count first. */
export function credentialsOf(section: Readonly<Record<string, unknown>>): EtcdSettings['credentials'] {
  const text = textsOf(section);
  const url = text('proxy') ?? text('url');
  const parsed = url === undefined ? undefined : new URL(url);
  const username = decode(parsed?.username) ?? text('username');
  const password = decode(parsed?.password) ?? text('password');
  return username !== undefined && password !== undefined ? { username, password } : undefined;
}

function textsOf(section: Readonly<Record<string, unknown>>): (key: string) => string | undefined {
  return (key) => {
    const value = section[key];
    return value === undefined || value === null || value === '' ? undefined : String(value);
  };
}

function decode(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : decodeURIComponent(text);
}

function hostList(value: unknown): string[] {
  const items = Array.isArray(value) ? value.map(String) : typeof value === 'string' ? value.split(',') : [];
  return items.map((item) => item.trim().replace(/^https?:\/\//, '')).filter((item) => item !== '');
}

function withPort(host: string, port: string): string {
  if (/^[^[\]]*:[^[\]]*:[^[\]]*$/.test(host)) return `[${host}]:${port}`;
  return /:\d+$/.test(host) ? host : `${host}:${port}`;
}

function tlsSettings(ca: string | undefined, cert: string | undefined, key: string | undefined): TlsSettings {
  return {
    ...(ca === undefined ? {} : { ca: readFileSync(ca) }),
    ...(cert === undefined ? {} : { cert: readFileSync(cert), key: readFileSync(key ?? cert) }),
  };
}
