import assert from 'node:assert/strict';
import { test } from 'node:test';
import { captureEnvironment, type Environment } from './environment.js';
import { ConfigError } from './errors.js';
import type { ConfigFiles } from './file.js';
import { LocalConfiguration } from './local.js';
import { patch } from './patch.js';

function fakeFiles(content: Record<string, string>): ConfigFiles {
  const isDirectory = (path: string): boolean => Object.keys(content).some((name) => name.startsWith(`${path}/`));
  return {
    kind: (path) => (path in content ? 'file' : isDirectory(path) ? 'directory' : 'absent'),
    list: (path) => Object.keys(content).flatMap((name) => (name.startsWith(`${path}/`) ? [name.slice(path.length + 1)] : [])),
    read: (path) => content[path] ?? '',
  };
}

test('patch: table', () => {
  const cases: readonly (readonly [Record<string, unknown>, Record<string, unknown>, Record<string, unknown>, boolean])[] = [
    [{ a: 1 }, { a: null }, {}, true],
    [{ a: null }, { a: null }, {}, false],
    [{}, { a: null }, {}, false],
    [{ a: { b: 1 } }, { a: { c: 2 } }, { a: { b: 1, c: 2 } }, true],
    [{ a: 1 }, { a: { b: null } }, { a: { b: null } }, true],
    [{ ttl: 30 }, { ttl: '30' }, { ttl: 30 }, false],
    [{ a: [1] }, { a: ['1'] }, { a: ['1'] }, true],
    [{}, { a: { b: null } }, { a: { b: null } }, true],
  ];
  for (const [target, data, expected, changed] of cases) {
    const result = structuredClone(target);
    assert.equal(patch(result, data), changed);
    assert.deepEqual(result, expected);
  }
});

test('environment: conversions, removal, what is not understood', () => {
  const environment: Environment = {
    PATRONI_NAME: 'a',
    PATRONI_LOGLEVEL: 'DEBUG',
    PATRONI_LOG_MODE: '0640',
    PATRONI_LOG_FORMAT: 'asctime, {levelname: lvl}',
    PATRONI_RESTAPI_USERNAME: 'u',
    PATRONI_RESTAPI_ALLOWLIST: '10.0.0.0/8,host',
    PATRONI_RESTAPI_HTTP_EXTRA_HEADERS: 'X-A: b',
    PATRONI_SUPERUSER_PASSWORD: 's3cret',
    PATRONI_POSTGRESQL_BIN_POSTGRES: 'pg',
    PATRONI_ETCD3_HOSTS: "'a:2379','b:2379'",
    PATRONI_ETCD3_USERNAME: 'root',
    PATRONI_ETCD_USERNAME: 'lonely',
    PATRONI_ETCD3_USE_PROXIES: 'yes',
    PATRONI_CONSUL_PORT: '',
    PATRONI_ZOOKEEPER_USE_SSL: 'false',
    PATRONI_EXHIBITOR_USE_SSL: 'on',
    PATRONI_CTL_INSECURE: 'maybe',
    PATRONI_NMAE: 'x',
    PATRONI_LEAN_MEMORY: 'off',
    PATH: '/bin',
  };
  const captured = captureEnvironment(environment);
  assert.deepEqual(captured.config, {
    name: 'a',
    lean_memory: false,
    log: { level: 'DEBUG', mode: 0o640, format: ['asctime', { levelname: 'lvl' }] },
    restapi: { authentication: { username: 'u' }, allowlist: ['10.0.0.0/8', 'host'], http_extra_headers: { 'X-A': 'b' } },
    postgresql: { authentication: { superuser: { password: 's3cret' } }, bin_name: { postgres: 'pg' } },
    etcd3: { hosts: ['a:2379', 'b:2379'], username: 'root', use_proxies: true },
    consul: { port: '' },
    zookeeper: { use_ssl: false },
    exhibitor: { use_ssl: true },
  });
  assert.deepEqual(Object.keys(environment), ['PATRONI_NMAE', 'PATH']);
  assert.equal(captured.warnings.length, 3);
});

test('a directory is merged in the order of names, the environment over it', () => {
  const files = fakeFiles({ '/c/b.yaml': 'scope: two\nttl: 1', '/c/a.yml': 'scope: one\nname: n', '/c/z.txt': '[' });
  const local = LocalConfiguration.load({ path: '/c', environment: { PATRONI_NAME: 'env' }, files });
  assert.deepEqual(local.raw, { scope: 'two', name: 'env', ttl: 1 });
});

test('reload keeps the environment of the start and reports changes by text', () => {
  const content = { '/c': 'name: n\nx: 30' };
  const environment: Environment = { PATRONI_SCOPE: 's' };
  const local = LocalConfiguration.load({ path: '/c', environment, files: fakeFiles(content) });
  content['/c'] = 'name: n\nx: "30"';
  assert.deepEqual(local.reload(), { changed: false });
  content['/c'] = 'name: n\nx: 31';
  assert.deepEqual(local.reload(), { changed: true });
  assert.deepEqual(local.raw, { name: 'n', x: 31, scope: 's' });
  content['/c'] = '[]';
  assert.throws(() => local.reload(), ConfigError);
  assert.deepEqual(local.raw, { name: 'n', x: 31, scope: 's' });
});

test('PATRONI_CONFIGURATION stands for everything, unless there is a file', () => {
  const environment = (): Environment => ({ PATRONI_CONFIGURATION: 'name: yaml', PATRONI_SCOPE: 'env' });
  assert.deepEqual(LocalConfiguration.load({ path: undefined, environment: environment() }).raw, { name: 'yaml' });
  const files = fakeFiles({ '/c': 'a: 1' });
  assert.deepEqual(LocalConfiguration.load({ path: '/c', environment: environment(), files }).raw, { a: 1, scope: 'env' });
  assert.deepEqual(LocalConfiguration.load({ path: '/none', environment: environment(), files }).raw, { name: 'yaml' });
});

test('what can not be loaded says why', () => {
  const load = (text: string): unknown => LocalConfiguration.load({ path: '/c', environment: {}, files: fakeFiles({ '/c': text }) });
  assert.throws(() => load(''), /invalid config file \/c: it does not contain a dict/);
  assert.throws(() => load('{}'), /Config is empty\./);
  assert.throws(() => load('a: [1'), /invalid config file \/c: .*line/);
  assert.throws(() => load('name: __patroni_strict_sync_replica_placeholder__'), /Node 'name' can't be set/);
  assert.throws(() => LocalConfiguration.load({ path: undefined, environment: {} }), /Config is empty\.$/);
  const absent = { path: 'no.yml', environment: {}, files: fakeFiles({}) };
  assert.throws(() => LocalConfiguration.load(absent), /Config is empty\. no\.yml does not exist, and no PATRONI_\* variable is set\.$/);
});
