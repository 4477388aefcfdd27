import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { validateConfig } from './validate.js';
import { parseYaml } from './yaml.js';

/** A directory with programs that need only exist. */
function programs(): string {
  const dir = mkdtempSync(join(tmpdir(), 'patroni-bin-'));
  for (const name of ['pg_ctl', 'initdb', 'pg_controldata', 'pg_basebackup', 'pg_isready'])
    writeFileSync(join(dir, name), '', { mode: 0o755 });
  writeFileSync(join(dir, 'postgres'), '#!/bin/sh\necho "postgres (PostgreSQL) 17.2"\n', { mode: 0o755 });
  return dir;
}

async function listener(): Promise<{ port: number; close: () => void }> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, close: () => void server.close() };
}

test('a good configuration has no lines; a listen port in use is one, unless it is to be ignored', async (t) => {
  const bin = programs();
  const store = await listener();
  t.after(() => {
    rmSync(bin, { recursive: true });
    store.close();
  });
  const text = (restPort: number): string => `
scope: batman
name: a
restapi: {listen: '127.0.0.1:${restPort}', connect_address: '10.0.0.1:8008'}
etcd3: {hosts: '127.0.0.1:${store.port}'}
bootstrap: {dcs: {ttl: 30, standby_cluster: {host: x}}, initdb: [{encoding: UTF8}, data-checksums]}
postgresql:
  listen: 127.0.0.1:1
  connect_address: 10.0.0.1:5432
  data_dir: ${join(bin, 'none')}
  bin_dir: ${bin}
  authentication: {superuser: {username: p, password: x}, replication: {username: r}}
watchdog: {mode: off}
`;
  assert.deepEqual(await validateConfig(parseYaml(text(1)) as Record<string, unknown>), []);
  const raw = parseYaml(text(store.port)) as Record<string, unknown>;
  assert.deepEqual(await validateConfig(raw), [
    `restapi.listen 127.0.0.1:${store.port} didn't pass validation: 'Port ${store.port} is already in use.'`,
  ]);
  assert.deepEqual(await validateConfig(raw, { ignoreListenPort: true }), []);
});

test('timings below the minimum of Patroni are good where our daemon takes them as they are', async () => {
  const lines = async (dcs: string): Promise<string[]> =>
    (await validateConfig({ bootstrap: { dcs: parseYaml(dcs) } })).filter((line) => line.startsWith('bootstrap'));
  assert.deepEqual(await lines('{ttl: 6, loop_wait: 1, retry_timeout: 2}'), []);
  assert.deepEqual(await lines('{ttl: 6, loop_wait: 10}'), ["bootstrap.dcs.ttl 6 didn't pass validation: Wrong value"]);
});

test('an empty configuration: the sections that are missing', async () => {
  const names = ['scope', 'restapi', 'consul', 'etcd', 'etcd3', 'exhibitor', 'kubernetes', 'raft', 'zookeeper', 'postgresql'];
  assert.deepEqual(
    await validateConfig({ name: 'a' }),
    names.map((name) => `${name}  is not defined.`),
  );
});

test('lines have the form and the order of Patroni', async (t) => {
  const bin = programs();
  t.after(() => rmSync(bin, { recursive: true }));
  const raw = parseYaml(`
scope: 5
name: a
restapi: {listen: 127.0.0.1, connect_address: '127.0.0.1:8008', authentication: {username: 1}}
tags: {nofailover: true, failover_priority: 1, clonefrom: 7}
log: {level: foo, mode: 9999, format: []}
etcd: {foo: 1}
consul: {host: "127.0.0.1:1"}
zookeeper: {hosts: ['127.0.0.1:1', '127.0.0.1:2/ha/pg']}
bootstrap:
  dcs: {ttl: 3, synchronous_mode: foo, postgresql: {parameters: null, pg_hba: []}, standby_cluster: {}}
  initdb: [3]
postgresql:
  listen: "*,127.0.0.1:5432"
  connect_address: a:b
  data_dir: ${bin}
  bin_dir: /nope
  authentication: {replication: {username: 5, password: [secret]}}
watchdog: 7
thread_stack_size: 65537
kubernetes: {labels: {a: b}, pod_ip: foo}
`) as Record<string, unknown>;
  assert.deepEqual(await validateConfig(raw), [
    'scope 5 is not a string',
    "thread_stack_size 65537 didn't pass validation: Wrong value",
    "log.level foo didn't pass validation: Wrong value",
    "log.format [] didn't pass validation: should contain at least one item",
    "log.mode 9999 didn't pass validation: Wrong value",
    "restapi.listen 127.0.0.1 didn't pass validation: 'contains a wrong value'",
    `restapi.connect_address 127.0.0.1:8008 didn't pass validation: 'must not contain "127.0.0.1", "0.0.0.0", "*", "::1", "localhost"'`,
    'restapi.authentication.username 1 is not a string',
    'restapi.authentication.password  is not defined.',
    "bootstrap.dcs.ttl 3 didn't pass validation: Wrong value",
    "bootstrap.dcs.synchronous_mode foo didn't pass validation: invalid value for synchronous_mode",
    'bootstrap.dcs.standby_cluster.host  is not defined.',
    'bootstrap.dcs.standby_cluster.port  is not defined.',
    'bootstrap.dcs.standby_cluster.restore_command  is not defined.',
    'bootstrap.dcs.postgresql.parameters None is not a dictionary',
    'bootstrap.dcs.postgresql.pg_hba [] is an empty list',
    'bootstrap.initdb.0 3 is not a string',
    'bootstrap.initdb.0 3 is not a dictionary',
    "consul.host 127.0.0.1:1 didn't pass validation: '127.0.0.1:1 is not reachable'",
    ...['host', 'hosts', 'srv', 'srv_suffix', 'url', 'proxy'].map((key) => `etcd.${key}  is not defined.`),
    "kubernetes.pod_ip foo didn't pass validation: 'Is not a valid ipv4 address'",
    "kubernetes.pod_ip foo didn't pass validation: 'Is not a valid ipv6 address'",
    "zookeeper.hosts.0 127.0.0.1:1 didn't pass validation: '127.0.0.1:1 is not reachable'",
    "zookeeper.hosts.1 127.0.0.1:2/ha/pg didn't pass validation: '127.0.0.1:2/ha/pg is not reachable'",
    `postgresql.listen *,127.0.0.1:5432 didn't pass validation: "expecting '*' alone"`,
    "postgresql.connect_address a:b didn't pass validation: 'contains a wrong value'",
    'postgresql.authentication.replication.username 5 is not a string',
    'postgresql.authentication.replication.password  is not a string',
    'postgresql.authentication.superuser  is not defined.',
    `postgresql.data_dir ${bin} didn't pass validation: "doesn't look like a valid data directory"`,
    "postgresql.bin_dir  Directory '/nope' does not exist.",
    'watchdog 7 is not a dictionary',
    'tags.clonefrom 7 is not a boolean',
    "tags  Multiple of ('nofailover', 'failover_priority') provided",
  ]);
});

test('a section that is none is shown with its value, unless that may be a password', async () => {
  const raw = { ctl: 'x', restapi: { authentication: 'hunter2' }, postgresql: { authentication: ['hunter2'] }, thread_stack_size: 131_072 };
  const lines = (await validateConfig(raw)).filter((line) => line.includes('dictionary') || line.startsWith('thread'));
  assert.deepEqual(lines, [
    'ctl x is not a dictionary',
    'restapi.authentication  is not a dictionary',
    'postgresql.authentication  is not a dictionary',
  ]);
});
