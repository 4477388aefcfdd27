import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { controlledValue } from './controlled-parameters.js';
import { effectiveSettings } from './effective.js';
import { dcsSettings } from './effective-dcs.js';
import { ConfigError } from './errors.js';
import { splitHostPort } from './host-port.js';
import { parseYaml } from './yaml.js';

const MINIMAL = `
scope: batman
name: postgresql0
restapi: {listen: '127.0.0.1:8008'}
etcd3: {host: '127.0.0.1:2379'}
postgresql:
  listen: 127.0.0.1,[::1]:5433
  data_dir: data/p0
  authentication:
    replication: {username: replicator, password: rep-pass, krb: x}
`;

function config(more = ''): Record<string, unknown> {
  return parseYaml(`${MINIMAL}${more}`) as Record<string, unknown>;
}

function problems(raw: Record<string, unknown>, dynamic = {}): string[] {
  try {
    effectiveSettings(raw, dynamic);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message.split('\n').map((line) => line.trim());
  }
}

test('a minimal configuration gets its defaults', () => {
  const { settings, warnings } = effectiveSettings(config(), {});
  assert.deepEqual(warnings, ['postgresql.authentication.replication.krb is not a setting and is ignored']);
  assert.equal(settings.namespace, 'service');
  assert.equal(settings.restapi.listenPort, 8008);
  assert.equal(settings.restapi.connectAddress, '127.0.0.1:8008');
  assert.deepEqual(settings.dcs, {
    kind: 'etcd3',
    section: { host: '127.0.0.1:2379', namespace: 'service', scope: 'batman', name: 'postgresql0' },
  });
  assert.deepEqual(settings.postgresql.replication, { username: 'replicator', password: 'rep-pass' });
  assert.equal(settings.postgresql.parameters['max_connections'], 100);
  assert.deepEqual([settings.watchdog.mode, settings.watchdog.safetyMargin], ['automatic', undefined]);
  assert.equal(settings.log.level, 20);
  assert.equal(settings.leanMemory, true);
});

test('watchdog.mode knows our guard beside what Patroni knows, and names them all when it is none of them', () => {
  const { settings } = effectiveSettings(config('watchdog: {mode: guard, safety_margin: 3}'), {});
  assert.deepEqual([settings.watchdog.mode, settings.watchdog.safetyMargin], ['guard', 3]);
  assert.deepEqual(problems(config('watchdog: {mode: guarded}')), ["watchdog.mode: 'guarded' is none of off, automatic, required, guard"]);
});

test('dynamic over defaults, local over dynamic, controlled parameters from the dynamic one only', () => {
  const dynamic = {
    ttl: 30,
    postgresql: {
      listen: '*:1',
      data_dir: '/evil',
      use_slots: false,
      use_pg_rewind: true,
      pg_hba: ['dynamic'],
      parameters: { max_connections: '200', Work_Mem: '1MB', max_wal_senders: 1, wal_level: 'logical', port: 1 },
    },
  };
  const raw = config(
    "  pg_hba: [local]\n  use_slots: true\n  parameters: {work_mem: '2MB', max_connections: 7}\n  my_method: {command: x}\n",
  );
  const { settings, warnings } = effectiveSettings(raw, dynamic);
  const { postgresql } = settings;
  assert.deepEqual([postgresql.dataDir, postgresql.configDir], [resolve('data/p0'), resolve('data/p0')]);
  assert.equal(postgresql.useSlots, false);
  assert.equal(postgresql.usePgRewind, true);
  assert.deepEqual(postgresql.pgHba, ['local']);
  assert.deepEqual(postgresql.methods, { my_method: { command: 'x' } });
  assert.equal(postgresql.parameters['max_connections'], 200);
  assert.equal(postgresql.parameters['work_mem'], '2MB');
  assert.equal(postgresql.parameters['Work_Mem'], undefined);
  assert.equal(postgresql.parameters['wal_level'], 'logical');
  assert.equal(postgresql.parameters['max_wal_senders'], 10);
  assert.equal(postgresql.parameters['port'], undefined);
  assert.ok(warnings.includes('postgresql parameter max_wal_senders=1 failed validation, defaulting to 10'));
  assert.ok(warnings.some((w) => w.startsWith('postgresql.parameters.max_connections has no effect')));
});

test('controlled parameters: table', () => {
  const cases: readonly (readonly [string, unknown, unknown])[] = [
    ['max_connections', 20, 100],
    ['max_connections', '250', 250],
    ['WAL_LEVEL', 'minimal', 'hot_standby'],
    ['hot_standby', 'off', 'on'],
    ['wal_keep_size', '8MB', '128MB'],
    ['wal_keep_size', '1GB', '1GB'],
    ['wal_log_hints', 'maybe', 'on'],
    ['track_commit_timestamp', true, true],
    ['cluster_name', 'x', undefined],
    ['work_mem', 'x', 'x'],
  ];
  for (const [name, value, expected] of cases) assert.deepEqual(controlledValue(name, value).value, expected, name);
});

test('every problem of a configuration is listed, without secrets', () => {
  const raw = config(
    '  use_pg_rewind: perhaps\n  superuser: hunter2\nwatchdog: {safety_margin: -5}\nlog: {level: chatty}\ntags: [a]\nctl: {keyfile_password: [hunter2]}',
  );
  const lines = problems(raw);
  assert.deepEqual(lines, [
    '6 invalid settings:',
    "postgresql.use_pg_rewind: 'perhaps' is not a boolean (true or false)",
    "postgresql.superuser: 'hunter2' is not a dictionary",
    'watchdog.safety_margin: -5 is not an integer from -1',
    "log.level: 'chatty' is none of DEBUG, INFO, WARN, WARNING, ERROR, FATAL, CRITICAL",
    'tags: a list is not a dictionary',
    'ctl.keyfile_password: is not a string',
  ]);
});

test('what is missing or half there', () => {
  const lines = problems({ restapi: { listen: 'host' }, postgresql: {} }).join('\n');
  assert.match(lines, /name: is not defined/);
  assert.match(lines, /scope: is not defined/);
  assert.match(lines, /expected <HOST>:<PORT> for "listen", but got "host"/);
  assert.match(lines, /Can not find suitable configuration of distributed configuration store/);
  assert.match(lines, /postgresql.data_dir: is not defined/);
  assert.match(problems(config('ctl: {authentication: {username: u}}')).join(), /ctl.authentication.password: is not defined/);
  assert.match(problems(config('citus: {group: 0, database: a}')).join(), /citus/);
});

test('unknown names are warned about, with the nearest known one', () => {
  const { warnings } = effectiveSettings(config('  lissten: x\nttl: 30\nrestapii: {}\n'), {});
  assert.ok(warnings.includes('postgresql.lissten is not a setting and is ignored; did you mean listen?'));
  assert.ok(warnings.includes('restapii is not a setting and is ignored; did you mean restapi?'));
  assert.ok(warnings.some((w) => w.startsWith('ttl has no effect in the local configuration')));
});

test('a wrong dynamic setting is left out; parameters that are no mapping are refused', () => {
  const { settings, warnings } = effectiveSettings(config(), {
    postgresql: { use_pg_rewind: 'perhaps', callbacks: { on_start: ['x'], on_stop: 'y' } },
  });
  assert.equal(settings.postgresql.usePgRewind, false);
  assert.deepEqual(settings.postgresql.callbacks, { on_stop: 'y' });
  assert.equal(warnings.filter((w) => w.startsWith('dynamic configuration: ')).length, 2);
  assert.deepEqual(problems({ ...config(), postgresql: { ...(config()['postgresql'] as object), parameters: 'x' } }), [
    "postgresql.parameters: 'x' is not a dictionary",
  ]);
  assert.deepEqual(problems(config(), { postgresql: { parameters: [1] } }), ['postgresql.parameters: is not a dictionary']);
});

test('old places of credentials', () => {
  const raw = config();
  raw['postgresql'] = { listen: 'a:1', data_dir: 'd', name: 'x', replication: { username: 'r' }, pg_rewind: { username: 'p' } };
  const { settings } = effectiveSettings(raw, {});
  assert.deepEqual(settings.postgresql.replication, { username: 'r' });
  assert.deepEqual(settings.postgresql.superuser, { username: 'p' });
  assert.equal(settings.postgresql.usePgRewind, true);
});

test('stores: order, legacy exhibitor, servers', () => {
  assert.equal(dcsSettings({ etcd3: { host: 'a' }, consul: {} }).kind, 'consul');
  assert.deepEqual(dcsSettings({ scope: 's', zookeeper: { exhibitor: { hosts: ['a'] } } }).kind, 'exhibitor');
  assert.equal(dcsSettings({ namespace: '//a//b/', etcd: { srv: 'x' } }).section['namespace'], 'a/b');
  assert.equal(dcsSettings({ kubernetes: { namespace: 'k' } }).section['namespace'], 'k');
  assert.throws(() => dcsSettings({ etcd: { port: 1 } }), /Neither srv, hosts, host nor url are defined in etcd section of config/);
});

test('splitHostPort: table', () => {
  const cases: readonly (readonly [string, number | undefined, unknown])[] = [
    ['a:1', undefined, { host: 'a', port: 1 }],
    ['a', 5432, { host: 'a', port: 5432 }],
    ['a', undefined, undefined],
    ['[::1]:80', undefined, { host: '::1', port: 80 }],
    ['127.0.0.1,[::1]:80', undefined, { host: '127.0.0.1,::1', port: 80 }],
    ['a:b', 1, undefined],
    ['*:1', undefined, { host: '*', port: 1 }],
    [':1', undefined, { host: '', port: 1 }],
    ['[::1]', 9, { host: '::1', port: 9 }],
  ];
  for (const [text, port, expected] of cases) assert.deepEqual(splitHostPort(text, port), expected, text);
});
