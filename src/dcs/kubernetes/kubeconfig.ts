import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isPlainObject } from '../../base/python-values.js';
import type { Clock } from '../../ports/clock.js';
import type { TlsSettings } from '../shared/http-client.js';
import { type Authorization, fixedAuthorization, readSetting, TokenFile } from './authorization.js';
import { settingError } from './errors.js';
import type { KubernetesSettings } from './settings.js';

type Entry = Readonly<Record<string, unknown>>;

/** Access as the context of a kubeconfig says (`$KUBECONFIG` or `~/.kube/config`). @throws DcsSettingError */
export function kubeconfigAccess(
  { context, cacert }: KubernetesSettings,
  environment: Readonly<Record<string, string | undefined>>,
  parseYaml: (text: string) => unknown,
  clock: Clock,
): { readonly origin: string; readonly tls: TlsSettings; readonly authorization: Authorization } {
  const file = environment['KUBECONFIG'] || join(environment['HOME'] ?? '/', '.kube/config');
  const document = readDocument(file, parseYaml);
  const chosen = entryNamed(document, 'contexts', 'context', context);
  if (chosen === undefined) {
    const names = namesOf(document, 'contexts').join(', ') || 'none';
    throw settingError('kubernetes.context', `is not in ${file}; there are: ${names}`, context);
  }
  const cluster = entryNamed(document, 'clusters', 'cluster', chosen['cluster']);
  const user = entryNamed(document, 'users', 'user', chosen['user']);
  const server = cluster?.['server'];
  if (cluster === undefined || typeof server !== 'string')
    throw settingError('kubernetes.context', `${file} has no server for it`, context);
  const folder = dirname(resolve(file));
  return {
    origin: originOf(server, file),
    tls: tlsOf(cluster, user ?? {}, folder, cacert),
    authorization: authorizationOf(user ?? {}, folder, file, clock),
  };
}

function readDocument(file: string, parseYaml: (text: string) => unknown): Entry {
  try {
    const document = parseYaml(readFileSync(file, 'utf8'));
    if (isPlainObject(document)) return document;
  } catch (error) {
    const why = (error as Error).message.split('\n')[0];
    throw settingError('kubernetes', `neither a pod's service account nor a kubeconfig: ${file} can't be read: ${why}`);
  }
  throw settingError('kubernetes', `${file} is no kubeconfig`);
}

function list(document: Entry, kind: string): readonly Entry[] {
  const value = document[kind];
  return Array.isArray(value) ? value.filter(isPlainObject) : [];
}

function namesOf(document: Entry, kind: string): readonly string[] {
  return list(document, kind).map(({ name }) => String(name));
}

function entryNamed(document: Entry, kind: string, field: string, name: unknown): Entry | undefined {
  const value = list(document, kind).find((entry) => entry['name'] === name)?.[field];
  return isPlainObject(value) ? value : undefined;
}

function originOf(server: string, file: string): string {
  try {
    const url = new URL(server);
    if (url.protocol === 'https:' || url.protocol === 'http:') return url.origin;
  } catch {
    // Said below.
  }
  throw settingError('kubernetes.context', `${file}: the server is no http or https URL`, server);
}

/** `certificate-authority-data` counts before `certificate-authority`, as everywhere in kubeconfig. */
function material(entry: Entry, key: string, folder: string): Buffer | undefined {
  const [data, file] = [entry[`${key}-data`], entry[key]];
  if (typeof data === 'string' && data !== '') return Buffer.from(data, 'base64');
  return typeof file === 'string' && file !== '' ? readSetting(resolve(folder, file), `kubeconfig ${key}`) : undefined;
}

function tlsOf(cluster: Entry, user: Entry, folder: string, cacert: string | undefined): TlsSettings {
  const ca = cacert === undefined ? material(cluster, 'certificate-authority', folder) : readSetting(cacert, 'kubernetes.cacert');
  const [cert, key] = [material(user, 'client-certificate', folder), material(user, 'client-key', folder)];
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cluster['insecure-skip-tls-verify'] === true ? { rejectUnauthorized: false } : {}),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  };
}

function authorizationOf(user: Entry, folder: string, file: string, clock: Clock): Authorization {
  const { token, tokenFile, username, password } = user;
  if (typeof tokenFile === 'string' && tokenFile !== '') return new TokenFile(resolve(folder, tokenFile), clock);
  if (typeof token === 'string' && token !== '') return fixedAuthorization(`Bearer ${token}`);
  if (typeof username === 'string' && typeof password === 'string')
    return fixedAuthorization(`Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`);
  for (const key of ['exec', 'auth-provider']) {
    if (user[key] !== undefined)
      throw settingError('kubernetes.context', `${file}: "${key}" is not supported; use a token, tokenFile or client certificate`);
  }
  return fixedAuthorization(undefined);
}
