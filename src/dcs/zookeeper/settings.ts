import { readFileSync } from 'node:fs';
import { isPlainObject, parseBool } from '../../base/python-values.js';
import { DcsSettingError } from '../../ports/dcs.js';
import type { Credential, Server, TlsOptions } from './connection.js';
import type { Acl } from './protocol.js';

const DEFAULT_PORT = 2181;
const PERMISSIONS: Readonly<Record<string, number>> = { READ: 1, WRITE: 2, CREATE: 4, DELETE: 8, ADMIN: 16, ALL: 31 };
/** Where nothing else is said everybody may do everything. */
const OPEN: readonly Acl[] = [{ permissions: 31, scheme: 'world', id: 'anyone' }];
/** What our client carries: the others need a dialogue of their own. */
const REFUSED_SCHEMES = ['sasl', 'kerberos', 'gssapi'];

export interface ZooKeeperSettings {
  readonly tls: TlsOptions | undefined;
  /** Of each node that is created. */
  readonly acl: readonly Acl[];
  readonly credentials: readonly Credential[];
}

export interface Ensemble {
  readonly servers: readonly Server[];
  /** In front of each path; empty or with a leading slash. */
  readonly chroot: string;
}

type Section = Readonly<Record<string, unknown>>;

/** Reads what sections `zookeeper` and `exhibitor` have in common. @throws DcsSettingError naming what can't be used. */
export function parseCommonSettings(section: Section, name: string): ZooKeeperSettings {
  for (const key of Object.keys(section)) {
    if (/^sasl/.test(key))
      throw new DcsSettingError(`${name}.${key}: SASL is not supported; use auth_data with digest, or a client certificate (x509)`);
  }
  return { tls: tlsOf(section, name), acl: aclOf(section['set_acls'], name), credentials: credentialsOf(section, name) };
}

/** `hosts` as list or as the text of a connect string, which may end in a path. @throws DcsSettingError */
export function parseEnsemble(hosts: unknown): Ensemble {
  const all = Array.isArray(hosts) ? hosts.map(String).join(',') : typeof hosts === 'string' ? hosts : '';
  const slash = all.indexOf('/');
  const names = (slash < 0 ? all : all.slice(0, slash)).split(',').filter((name) => name.trim() !== '');
  if (names.length === 0) throw new DcsSettingError('zookeeper.hosts: no server is named');
  const chroot = slash < 0 ? '' : all.slice(slash).split('/').filter(Boolean).join('/');
  return { servers: names.map((name) => parseServer(name.trim())), chroot: chroot === '' ? '' : `/${chroot}` };
}

function parseServer(text: string): Server {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+|.*:.*:.*?))(?::(\d+))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const number = port === undefined ? DEFAULT_PORT : Number(port);
  if (host === undefined || number < 1 || number > 65535) throw new DcsSettingError(`zookeeper.hosts: ${text} is not host:port`);
  return { host, port: number };
}

export function credentialsOf(section: Section, name: string): readonly Credential[] {
  const data = section['auth_data'];
  if (data === undefined || data === null || data === '') return [];
  // The value may be a secret: only the name is told.
  if (!isPlainObject(data)) throw new DcsSettingError(`${name}.auth_data: not a map of scheme: credential`);
  return Object.entries(data).map(([scheme, secret]) => {
    if (REFUSED_SCHEMES.includes(scheme.toLowerCase())) {
      throw new DcsSettingError(`${name}.auth_data.${scheme}: this scheme is not supported; use digest, or a client certificate (x509)`);
    }
    return { scheme, secret: String(secret) };
  });
}

function aclOf(value: unknown, name: string): readonly Acl[] {
  if (value === undefined || value === null || value === '') return OPEN;
  if (!isPlainObject(value)) throw new DcsSettingError(`${name}.set_acls: ${String(value)} is not a map of principal: [permission]`);
  const entries = Object.entries(value).map(([principal, permissions]) => {
    const names = Array.isArray(permissions) ? permissions.map((each) => String(each).toUpperCase()) : [];
    const unknown = names.find((each) => PERMISSIONS[each] === undefined);
    if (names.length === 0 || unknown !== undefined) {
      throw new DcsSettingError(
        `${name}.set_acls.${principal}: ${unknown ?? String(permissions)} is not one of ${Object.keys(PERMISSIONS).join(', ')}`,
      );
    }
    const colon = principal.indexOf(':');
    const [scheme, id] = colon < 0 ? ['x509', principal] : [principal.slice(0, colon), principal.slice(colon + 1)];
    return { permissions: names.reduce((sum, each) => sum | (PERMISSIONS[each] ?? 0), 0), scheme, id };
  });
  return entries.length === 0 ? OPEN : entries;
}

function tlsOf(section: Section, name: string): TlsOptions | undefined {
  if (parseBool(section['use_ssl']) !== true) return undefined;
  const read = (key: string): Buffer | undefined => {
    const path = section[key];
    if (path === undefined || path === null || path === '') return undefined;
    try {
      return readFileSync(String(path));
    } catch (error) {
      throw new DcsSettingError(`${name}.${key}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const [ca, cert, key] = [read('cacert'), read('cert'), read('key')];
  const passphrase = section['key_password'];
  return {
    rejectUnauthorized: parseBool(section['verify']) !== false,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert, key: key ?? cert }),
    ...(passphrase === undefined || passphrase === null || passphrase === '' ? {} : { passphrase: String(passphrase) }),
  };
}
