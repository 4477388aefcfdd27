import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Upstream } from '../../ports/postgres.js';
import { formatConninfo, parseConninfo } from './conninfo.js';
import { pgpassLines } from './pgpass.js';
import { compareRecovery, type KnownRecoveryValue, primaryConninfoText, wantedRecovery, writtenRecovery } from './recovery.js';
import { humanize } from './reload.js';
import { splitListen } from './server-parameters.js';
import { parseMajorVersion, parseServerVersion } from './server-version.js';
import { validateParameter } from './validity.js';

const value = (name: string, given: unknown, version = 150_004, available = new Set<string>()): string | undefined =>
  validateParameter(name, given, version, available).value;

test('values are moved into their range or refused (cases 56 to 60)', () => {
  assert.equal(value('work_mem', '1kB'), '64');
  assert.equal(value('work_mem', '10 MB'), '10 MB');
  assert.equal(value('work_mem', 'abc'), undefined);
  assert.equal(value('max_connections', 0), '1');
  assert.equal(value('work_mem', '0x400 MB'), '0x400 MB');
  assert.equal(value('autovacuum_vacuum_cost_delay', '2.5', 110_000), '2.5');
  assert.equal(value('autovacuum_vacuum_cost_delay', 200, 110_000), '100');
  assert.equal(value('unknown_guc', 1), undefined);
  assert.equal(value('unknown_guc', 1, 150_004, new Set(['unknown_guc'])), '1');
  assert.equal(value('my.ext', 'x'), 'x');
  assert.equal(value('restore_command', 'x'), undefined);
  assert.equal(value('allow_in_place_tablespaces', 'on', 140_004), undefined);
  assert.equal(value('allow_in_place_tablespaces', 'on', 140_005), 'on');
});

test('versions', () => {
  assert.deepEqual(['9.6', '15\n', ''].map(parseMajorVersion), [90_600, 150_000, 0]);
  assert.equal(parseServerVersion('postgres (PostgreSQL) 15.4 (Debian 15.4-1)'), 150_004);
  assert.equal(parseServerVersion('postgres (PostgreSQL) 17beta1'), 170_000);
});

test('listen, connection strings, password lines (cases 71 and 86)', () => {
  assert.deepEqual(splitListen('10.0.0.2,::1:5433'), { addresses: '10.0.0.2,::1', port: '5433' });
  assert.equal(formatConninfo({ user: 'repl user', host: 'a', gssencmode: 'prefer', password: '' }, 110_000), 'user=repl\\ user host=a');
  assert.deepEqual(parseConninfo("user=repl\\ user password='a''"), undefined);
  assert.deepEqual(parseConninfo("user=repl\\ user dbname='a b'"), { user: 'repl user', dbname: 'a b' });
  assert.deepEqual(parseConninfo('postgres://[::1]:5433,B/db?ssl=true'), {
    host: '::1,b',
    port: '5433,5432',
    dbname: 'db',
    sslmode: 'require',
  });
  assert.deepEqual(pgpassLines({ host: 'a', port: '5432', user: 'repl user', password: 'p:w' }), ['a:5432:*:repl user:p\\:w']);
});

const settings = { replication: { username: 'replicator', password: 'secret' }, database: 'postgres', krbsrvname: undefined };
const leader = { name: 'n1', kind: 'member', connUrl: 'postgres://10.0.0.1:5432/postgres' } as const;
const wanted = wantedRecovery({ upstream: leader, name: 'n2', settings, recoveryConf: {}, majorVersion: 150_000, useSlots: true });

test('recovery settings for a leader (case 74)', () => {
  assert.equal(
    primaryConninfoText(wanted.primaryConninfo ?? {}, 150_000, '/home/pg/pgpass'),
    'dbname=postgres user=replicator passfile=/home/pg/pgpass host=10.0.0.1 port=5432 sslmode=prefer application_name=n2 gssencmode=prefer channel_binding=prefer',
  );
  assert.equal(wanted.parameters.get('primary_slot_name'), 'n2');
});

test('recovery settings for remote servers (case 84)', () => {
  const remote = { name: 'remote_member', kind: 'remote' as const, connUrl: 'postgres://a:5432,b:5433' };
  const following = (upstream: Upstream, majorVersion: number): ReturnType<typeof wantedRecovery> =>
    wantedRecovery({ upstream, name: 'n2', settings, recoveryConf: {}, majorVersion, useSlots: true });
  const withSlot = following({ ...remote, slotName: 'dc2' }, 150_000);
  assert.equal(withSlot.parameters.get('primary_slot_name'), 'dc2');
  assert.deepEqual(
    ['host', 'port', 'target_session_attrs', 'tcp_user_timeout'].map((key) => withSlot.primaryConninfo?.[key]),
    ['a,b', '5432,5433', 'read-write', '10000'],
  );
  const without = following({ ...remote, slotName: null }, 150_000);
  assert.equal(without.parameters.has('primary_slot_name'), false);
  assert.equal(without.primaryConninfo?.['target_session_attrs'], undefined);
  const alone = following({ ...remote, connUrl: 'postgres://a:5432', slotName: 'dc2' }, 150_000);
  assert.equal(alone.primaryConninfo?.['target_session_attrs'], undefined);
  assert.equal(alone.primaryConninfo?.['tcp_user_timeout'], undefined);
  assert.equal(following({ ...remote, slotName: 'dc2' }, 110_000).primaryConninfo?.['tcp_user_timeout'], undefined);
  const commands = { restoreCommand: 'cp', archiveCleanupCommand: 'rm', recoveryMinApplyDelay: '5min' };
  const archive = following({ name: 'remote_member', kind: 'remote', connUrl: undefined, slotName: null, ...commands }, 150_000);
  assert.equal(archive.primaryConninfo, undefined);
  assert.deepEqual(
    ['restore_command', 'archive_cleanup_command', 'recovery_min_apply_delay'].map((key) => archive.parameters.get(key)),
    ['cp', 'rm', '5min'],
  );
});

test('comparison of recovery settings (cases 75 to 80)', () => {
  const known = new Map<string, KnownRecoveryValue>(
    [...writtenRecovery(wanted, 150_000, '/p')]
      .filter(([name]) => name !== 'standby_mode')
      .map(([name, v]) => [name, { value: v, needsRestart: false }]),
  );
  const o = {
    wanted,
    known,
    hasMarker: true,
    isStarting: false,
    isTakenOver: true,
    receiver: undefined,
    majorVersion: 150_000,
    pgpassContent: '10.0.0.1:5432:*:replicator:secret\n',
    database: 'postgres',
    ownFiles: [],
  };
  assert.deepEqual(compareRecovery(o), { change: false, restart: false });
  assert.deepEqual(compareRecovery({ ...o, pgpassContent: 'other' }), { change: true, restart: false });
  assert.deepEqual(compareRecovery({ ...o, hasMarker: false }), { change: true, restart: true });
  assert.deepEqual(compareRecovery({ ...o, isTakenOver: false }), { change: true, restart: false });
  const masked = { isRunning: true, slotName: 'n2', conninfo: `${known.get('primary_conninfo')?.value} password=********` };
  assert.deepEqual(compareRecovery({ ...o, receiver: masked }), { change: false, restart: false });
});

test('numbers in the largest exact unit (case 65)', () => {
  const row = { name: 'shared_buffers', setting: '16384', unit: '8kB', vartype: 'integer', context: 'postmaster' };
  assert.equal(humanize(row, '16384'), '128MB');
  assert.equal(humanize(row, '256MB'), '256MB');
  assert.equal(humanize(row, 0), '0');
});
