import { readFileSync } from 'node:fs';
import { parseBool } from '../../base/python-values.js';
import type { TlsSettings } from '../shared/http-client.js';

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_PORT = 8500;
const DEFAULT_CHECK_INTERVAL = '5s';

export type Consistency = 'default' | 'consistent' | 'stale';

/** What a reload may change (dcs.md §11.1). */
export interface ConsulAccess {
  readonly token: string | undefined;
  readonly dc: string | undefined;
  readonly consistency: Consistency;
}

/** The member as a service of Consul's (dcs.md §11.5). */
export interface ServiceSettings {
  readonly isRegistered: boolean;
  readonly tags: readonly string[];
  readonly checkInterval: string;
  readonly checkTlsServerName: string | undefined;
}

export interface ConsulSettings {
  readonly origin: string;
  readonly tls: TlsSettings;
  readonly access: ConsulAccess;
  readonly service: ServiceSettings;
  /** Of the session. None, unless set: then only the ttl ends it. */
  readonly checks: readonly string[];
}

type Section = Readonly<Record<string, unknown>>;

/** Reads the section `consul`. @throws Error when the address or a TLS file can't be used. */
export function parseConsulSettings(section: Section): ConsulSettings {
  return {
    origin: originOf(section),
    tls: tlsOf(section),
    access: accessOf(section),
    service: serviceOf(section),
    checks: texts(section['checks']),
  };
}

export function accessOf(section: Section): ConsulAccess {
  const consistency = text(section, 'consistency');
  return {
    token: text(section, 'token'),
    dc: text(section, 'dc'),
    consistency: consistency === 'consistent' || consistency === 'stale' ? consistency : 'default',
  };
}

export function serviceOf(section: Section): ServiceSettings {
  return {
    isRegistered: parseBool(section['register_service']) === true,
    tags: texts(section['service_tags']).sort(),
    checkInterval: text(section, 'service_check_interval') ?? DEFAULT_CHECK_INTERVAL,
    checkTlsServerName: text(section, 'service_check_tls_server_name'),
  };
}

/** `url` counts before `host`, `port` and `scheme`; a port of its own before the one in `host`. */
function originOf(section: Section): string {
  const url = text(section, 'url');
  if (url !== undefined) {
    const { protocol, hostname, port } = new URL(url);
    // URL drops the port that its protocol implies, which is not Consul's.
    const named = /:(\d+)(?:[/?#]|$)/.exec(url)?.[1];
    return `${protocol}//${hostname}:${port || named || DEFAULT_PORT}`;
  }
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+|.*:.*:.*?))(?::(\d+))?$/.exec(text(section, 'host') ?? DEFAULT_HOST) ?? [];
  const host = bracketed ?? plain ?? DEFAULT_HOST;
  const scheme = text(section, 'scheme') === 'https' ? 'https' : 'http';
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${text(section, 'port') ?? port ?? DEFAULT_PORT}`;
}

/** A `cacert` is always used; without one `verify: false` takes any certificate. */
function tlsOf(section: Section): TlsSettings {
  const [ca, cert, key] = [text(section, 'cacert'), text(section, 'cert'), text(section, 'key')];
  return {
    ...(ca === undefined ? {} : { ca: readFileSync(ca) }),
    ...(ca === undefined && parseBool(section['verify']) === false ? { rejectUnauthorized: false } : {}),
    ...(cert === undefined ? {} : { cert: readFileSync(cert), key: readFileSync(key ?? cert) }),
  };
}

function text(section: Section, key: string): string | undefined {
  const value = section[key];
  return value === undefined || value === null || value === '' ? undefined : String(value);
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
