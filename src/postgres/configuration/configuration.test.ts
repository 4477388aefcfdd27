import assert from 'node:assert/strict';
import { test } from 'node:test';
import { postgresSettings } from '../../../test/support/postgres-server.js';
import { localAddress, parseListen, publishedUrl } from './addresses.js';
import { formatConninfo, parseConninfo, parseConnUrl } from './conninfo.js';
import { passwordLines } from './password-file.js';
import { wantedRecovery } from './recovery.js';
import { isSameValue, withUnit } from './restart-needs.js';
import { commandLine, renderServerFile, serverParameters } from './server-parameters.js';

const settings = postgresSettings('/data', 5432, {
  pgpass: '/home/pg/pgpass',
  replication: { username: 'repl user', password: 'a:b' },
  parameters: { wal_level: 'hot_standby', hot_standby: 'on', max_connections: 100, max_wal_senders: 10, WORK_MEM: '8MB' },
});
const leader = { name: 'n1', kind: 'member', connUrl: 'postgres://10.0.0.1:5432/postgres' } as const;

test('addresses', () => {
  assert.deepEqual(parseListen('127.0.0.1,10.0.0.2:5433'), { addresses: '127.0.0.1,10.0.0.2', port: '5433' });
  assert.deepEqual(localAddress({ ...settings, listen: '127.0.0.1,10.0.0.2:5433' }, false), { host: 'localhost', port: '5433' });
  assert.deepEqual(localAddress({ ...settings, listen: '10.0.0.2,::1:5433' }, false), { host: '10.0.0.2', port: '5433' });
  const sockets = { ...settings, parameters: { unix_socket_directories: 'sock, /run/pg' } };
  assert.deepEqual(localAddress(sockets, true), { host: '/run/pg', port: '5432' });
  assert.deepEqual(localAddress(settings, true), { port: '5432' });
  assert.equal(publishedUrl('[fe80::1]:5433', settings), 'postgres://[fe80::1]:5433/postgres');
});

test('connection strings', () => {
  const target = {
    dbname: 'postgres',
    user: 'repl user',
    passfile: '/p',
    host: '10.0.0.5',
    port: '5432',
    sslmode: 'prefer',
    gssencmode: 'prefer',
  };
  const text = 'dbname=postgres user=repl\\ user passfile=/p host=10.0.0.5 port=5432 sslmode=prefer gssencmode=prefer';
  assert.equal(formatConninfo(target, 150_000), text);
  assert.deepEqual(parseConninfo(text), target);
  assert.deepEqual(parseConninfo("host='a b' x=''"), { host: 'a b', x: '' });
  assert.equal(parseConninfo("host='a"), undefined);
  assert.deepEqual(parseConnUrl('postgres://[::1]:5433,B:5433/db?ssl=true'), {
    host: '::1,b',
    port: '5433',
    dbname: 'db',
    sslmode: 'require',
  });
  assert.equal(
    passwordLines({ host: '/run/pg', port: '5432', user: 'u', password: 'a:b' }),
    '/run/pg:5432:*:u:a\\:b\nlocalhost:5432:*:u:a\\:b\n',
  );
});

test('recovery settings for a leader', () => {
  const wanted = wantedRecovery(leader, { settings, memberName: 'n2', majorVersion: 150_000 });
  assert.deepEqual(wanted.settings, {
    primary_conninfo:
      'dbname=postgres user=repl\\ user passfile=/home/pg/pgpass host=10.0.0.1 port=5432 sslmode=prefer application_name=n2 gssencmode=prefer channel_binding=prefer',
    primary_slot_name: 'n2',
    recovery_target: '',
    recovery_target_lsn: '',
    recovery_target_name: '',
    recovery_target_time: '',
    recovery_target_timeline: 'latest',
    recovery_target_xid: '',
  });
  assert.equal(wantedRecovery(undefined, { settings, memberName: 'n2', majorVersion: 150_000 }).conninfo, undefined);
  const remote = { name: 'r', kind: 'remote', connUrl: 'postgres://a,b:5432/', slotName: 'dc2' } as const;
  const several = wantedRecovery(remote, { settings, memberName: 'n2', majorVersion: 150_000 });
  assert.equal(several.settings['primary_slot_name'], 'dc2');
  assert.match(several.settings['primary_conninfo'] ?? '', /host=a,b .*target_session_attrs=read-write/);
  const without = wantedRecovery({ ...remote, slotName: null }, { settings, memberName: 'n2', majorVersion: 150_000 });
  assert.doesNotMatch(without.settings['primary_conninfo'] ?? '', /target_session_attrs/);
});

test('server parameters and command line', () => {
  const context = { settings, scope: 'demo', role: 'replica', majorVersion: 150_000, synchronousStandbyNames: '2 (a,b)' } as const;
  const parameters = serverParameters(context);
  assert.equal(parameters['wal_level'], 'replica');
  assert.equal(parameters['wal_keep_size'], '128MB');
  assert.equal(parameters['work_mem'], '8MB');
  assert.equal(parameters['synchronous_standby_names'], '2 (a,b)');
  assert.deepEqual(commandLine(parameters).slice(0, 4), [
    '--listen_addresses=127.0.0.1',
    '--port=5432',
    '--cluster_name=demo',
    '--wal_level=replica',
  ]);
  const old = serverParameters({
    ...context,
    majorVersion: 90_300,
    settings: { ...settings, parameters: { wal_keep_size: '1GB', wal_log_hints: 'on' } },
  });
  assert.equal(old['wal_keep_segments'], '64');
  assert.ok(!('cluster_name' in old) && !('wal_log_hints' in old));
  const file = renderServerFile(
    'postgresql.base.conf',
    { log_line_prefix: "it's \\%m" },
    { hba_file: '/d/pg_hba.conf' },
    { restore_command: 'x' },
  );
  assert.match(file, /^log_line_prefix = 'it''s \\\\%m'\nhba_file = '\/d\/pg_hba.conf'\n\n# recovery.conf\nrestore_command = 'x'\n$/m);
});

test('values are the same in any unit', () => {
  const buffers = { vartype: 'integer', setting: '16384', unit: '8kB' };
  assert.equal(isSameValue(buffers, '128MB'), true);
  assert.equal(isSameValue(buffers, '256MB'), false);
  assert.equal(isSameValue({ vartype: 'bool', setting: 'on', unit: null }, 'True'), true);
  assert.equal(withUnit('16384', '8kB'), '128MB');
  assert.equal(withUnit('0', '8kB'), '0');
  assert.equal(withUnit('300000', 'ms'), '5min');
});
