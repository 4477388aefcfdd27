import { isPlainObject } from '../base/python-values.js';
import type { Credentials, CtlSettings, RestApiSettings } from '../ports/settings.js';
import { ConfigError } from './errors.js';
import { splitHostPort } from './host-port.js';
import { SectionReader } from './reader.js';

/** @throws ConfigError when `listen` is missing or has no port, or half of the credentials is missing. */
export function restApiSettings(raw: unknown): RestApiSettings {
  const r = new SectionReader(raw);
  const listen = r.text('listen');
  if (listen === undefined) throw new ConfigError('Can not find "restapi.listen" config');
  const address = splitHostPort(listen);
  if (address === undefined) throw new ConfigError(`Invalid "restapi" config: expected <HOST>:<PORT> for "listen", but got "${listen}"`);
  return {
    listenHost: address.host,
    listenPort: address.port,
    connectAddress: r.text('connect_address') ?? listen,
    authentication: credentials(r, 'restapi'),
    certfile: r.text('certfile'),
    keyfile: r.text('keyfile'),
    keyfilePassword: r.text('keyfile_password'),
    cafile: r.text('cafile'),
    ciphers: r.text('ciphers'),
    verifyClient: (r.text('verify_client')?.toLowerCase() ?? 'none') as RestApiSettings['verifyClient'],
    allowlist: r.texts('allowlist'),
    allowlistIncludeMembers: r.bool('allowlist_include_members'),
    httpExtraHeaders: r.textMap('http_extra_headers'),
    httpsExtraHeaders: r.textMap('https_extra_headers'),
    requestQueueSize: r.integer('request_queue_size', 5),
    serverTokens: (r.text('server_tokens')?.toLowerCase() ?? 'original') as RestApiSettings['serverTokens'],
  };
}

/** The client side of the REST API: what is not said for it comes from `restapi` (configuration.md §2.4). */
export function ctlSettings(raw: Readonly<Record<string, unknown>>): CtlSettings {
  const r = new SectionReader(raw['ctl']);
  const restapi = new SectionReader(raw['restapi']);
  return {
    insecure: r.bool('insecure'),
    cacert: r.text('cacert') ?? restapi.text('cafile'),
    certfile: r.text('certfile'),
    keyfile: r.text('keyfile'),
    keyfilePassword: r.text('keyfile_password'),
    authentication: credentials(r, 'ctl') ?? credentials(restapi, 'restapi'),
  };
}

function credentials(r: SectionReader, section: string): Credentials | undefined {
  const value = r.get('authentication');
  if (!isPlainObject(value) || Object.keys(value).length === 0) return undefined;
  const authentication = r.section('authentication');
  const username = authentication.text('username');
  const password = authentication.text('password');
  if (username !== undefined && password !== undefined) return { username, password };
  const missing = username === undefined ? 'username' : 'password';
  throw new ConfigError([{ path: `${section}.authentication.${missing}`, message: 'is not defined', value: undefined }]);
}
