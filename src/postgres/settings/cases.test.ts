import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { memoryLog, postgresSettings } from '../../../test/support/postgres-server.js';
import { scratch } from '../../../test/support/scratch.js';
import type { PostgresRole } from '../../cluster/postgres-state.js';
import { controlledValue } from '../../config/controlled-parameters.js';
import { mergePostgresql } from '../../config/merge.js';
import type { Upstream } from '../../ports/postgres.js';
import type { PostgresSettings } from '../../ports/settings.js';
import { ConfigurationFiles } from './configuration-files.js';
import { localAddresses } from './conninfo.js';
import { Parameters } from './parameters.js';
import { pgpassLines } from './pgpass.js';
import {
  compareRecovery,
  type KnownRecoveryValue,
  primaryConninfoText,
  recoveryNeedsRestart,
  wantedRecovery,
  writtenRecovery,
} from './recovery.js';
import { compareWithServer, type ServerSetting } from './reload.js';
import { commandLine, computeServerParameters, effectiveAtStart, type ServerParametersInput } from './server-parameters.js';

/*
 * The test cases of postgres.md §31 about parameters and configuration files. Those about values of single parameters
 * (56 to 60) stand in settings.test.ts.
 */

interface Given {
  readonly dynamic?: Record<string, unknown>;
  readonly local?: Record<string, unknown>;
  readonly version?: number;
  readonly role?: PostgresRole;
  readonly settings?: Partial<PostgresSettings>;
  readonly more?: Partial<ServerParametersInput>;
}

/** The parameters of a server with this dynamic and local configuration. */
function computed({
  dynamic = {},
  local = {},
  version = 150_000,
  role = 'primary',
  settings,
  more,
}: Given): ReturnType<typeof computeServerParameters> {
  const merged = mergePostgresql({ postgresql: { parameters: local } }, { postgresql: { parameters: dynamic } }, []);
  return computeServerParameters({
    settings: postgresSettings('/data', 5432, { parameters: merged['parameters'] as Record<string, unknown>, ...settings }),
    scope: 'demo',
    majorVersion: version,
    role,
    synchronousMode: 'off',
    synchronousStandbyNames: undefined,
    strict: false,
    ...more,
  });
}

const PARAMETERS: readonly (readonly [name: string, given: Given, expected: Readonly<Record<string, unknown>>])[] = [
  ['53: a value below its minimum gives the default', { dynamic: { max_connections: 10 } }, { max_connections: 100 }],
  ['53: text is read as a number', { dynamic: { max_connections: '200' } }, { max_connections: 200 }],
  ['53: the local configuration does not count', { local: { max_connections: 500 } }, { max_connections: 100 }],
  ['54: wal_level minimal, 9.5', { dynamic: { wal_level: 'minimal' }, version: 90_500 }, { wal_level: 'hot_standby' }],
  ['54: wal_level minimal, 14', { dynamic: { wal_level: 'minimal' }, version: 140_000 }, { wal_level: 'replica' }],
  ['54: wal_level logical stays', { dynamic: { wal_level: 'Logical' }, version: 140_000 }, { wal_level: 'Logical' }],
  [
    '55: wal_keep_segments from 13 on',
    { dynamic: { wal_keep_segments: 64 }, version: 130_000 },
    { wal_keep_size: '1024MB', wal_keep_segments: undefined },
  ],
  [
    '55: wal_keep_size before 13',
    { dynamic: { wal_keep_size: '1GB' }, version: 120_000 },
    { wal_keep_size: undefined, wal_keep_segments: 64 },
  ],
  [
    '12.2: listen and scope',
    { dynamic: { port: 1, cluster_name: 'x' } },
    { listen_addresses: '127.0.0.1', port: '5432', cluster_name: 'demo' },
  ],
  ['12.2: hba_file is relative to config_dir', { local: { hba_file: 'a/hba' } }, { hba_file: '/data/a/hba' }],
  [
    '69: the names that the agent has set stay',
    { more: { synchronousMode: 'on', synchronousStandbyNames: '2 (a,b)' }, local: { work_mem: '8MB' } },
    { synchronous_standby_names: '2 (a,b)' },
  ],
  [
    '12.2: strict mode of a primary that has set none',
    { more: { synchronousMode: 'on', strict: true } },
    { synchronous_standby_names: '__patroni_strict_sync_replica_placeholder__' },
  ],
  [
    '12.2: strict mode of a replica',
    { role: 'replica', more: { synchronousMode: 'on', strict: true }, local: { synchronous_standby_names: 'x' } },
    { synchronous_standby_names: undefined },
  ],
  [
    '12.2: parameters of the role, controlled ones left out',
    {
      role: 'replica',
      settings: {
        parametersByRole: { primary: { work_mem: 'p' }, replica: { work_mem: 'r', max_connections: 7 }, standby_leader: undefined },
      },
    },
    { work_mem: 'r', max_connections: 100 },
  ],
];

for (const [name, given, expected] of PARAMETERS) {
  test(`case ${name}`, () => {
    const { parameters } = computed(given);
    for (const [parameter, value] of Object.entries(expected)) assert.deepEqual(parameters.get(parameter), value, parameter);
  });
}

test('case 53: the warning', () => {
  assert.equal(
    controlledValue('max_connections', 10).warning,
    'postgresql parameter max_connections=10 failed validation, defaulting to 100',
  );
  assert.equal(controlledValue('port', 1).warning, 'postgresql parameter port=1 failed validation, defaulting to None');
});

test('case 60: restore_command among the parameters replaces the section recovery_conf', () => {
  const { parameters, recoveryConf } = computed({
    local: { restore_command: 'cp' },
    settings: { recoveryConf: { restore_command: 'old', recovery_end_command: 'x' }, parameters: { restore_command: 'cp' } },
  });
  assert.equal(parameters.has('restore_command'), false);
  assert.deepEqual(recoveryConf, { restore_command: 'cp' });
  assert.deepEqual(computed({ version: 110_000, settings: { recoveryConf: { promote_trigger_file: 'f' } } }).recoveryConf, {
    trigger_file: 'f',
  });
});

test('cases 21 and 22: the command line by version', () => {
  const names = (version: number): string[] =>
    commandLine(computed({ version }).parameters).map((option) => option.slice(2, option.indexOf('=')));
  const all =
    'listen_addresses port cluster_name wal_level hot_standby max_connections max_wal_senders max_prepared_transactions max_locks_per_transaction track_commit_timestamp max_replication_slots max_worker_processes wal_log_hints';
  assert.deepEqual(names(150_000), all.split(' '));
  assert.equal(computed({}).parameters.get('wal_keep_size'), '128MB');
  const young = ['cluster_name', 'track_commit_timestamp', 'max_replication_slots', 'max_worker_processes', 'wal_log_hints'];
  assert.deepEqual(
    names(90_300),
    all.split(' ').filter((name) => !young.includes(name)),
  );
});

test('case 20: a standby starts with what its primary had, a primary with what is configured', () => {
  const { parameters } = computed({});
  const control = { 'max_connections setting': '200', 'max_worker_processes setting': '8' };
  const standby = effectiveAtStart(parameters, control, 'replica', 150_000);
  assert.equal(standby.parameters.get('max_connections'), 200);
  assert.deepEqual(standby.pendingRestart, { max_connections: { old_value: '200', new_value: '100' } });
  assert.deepEqual(standby.warnings, [
    'max_prepared_xacts setting is missing from pg_controldata output',
    'max_locks_per_xact setting is missing from pg_controldata output',
    'max_wal_senders setting is missing from pg_controldata output',
  ]);
  const primary = effectiveAtStart(parameters, control, 'primary', 150_000);
  assert.deepEqual([primary.parameters.get('max_connections'), primary.pendingRestart], [100, {}]);
});

const row = (name: string, setting: string, rest: Partial<ServerSetting> = {}): ServerSetting => ({
  name,
  setting,
  unit: undefined,
  vartype: 'string',
  context: 'sighup',
  ...rest,
});
const BUFFERS = row('shared_buffers', '16384', { unit: '8kB', vartype: 'integer', context: 'postmaster' });
const OPTIONS = { useUnixSocket: true, walSegmentBytes: 16 * 1024 ** 2 };

/** postgres.md §14: what is wanted, what we wrote last, what the server has. */
const RELOADS: readonly (readonly [
  name: string,
  wanted: Record<string, unknown>,
  previous: Record<string, unknown>,
  server: ServerSetting,
  expected: { changed: boolean; pending?: [old: string, wanted: string]; invalid?: string[]; keeps?: boolean },
])[] = [
  ['65: shared_buffers', { shared_buffers: '256MB' }, { shared_buffers: '128MB' }, BUFFERS, { changed: true, pending: ['128MB', '256MB'] }],
  ['65: set back', { shared_buffers: '128MB' }, { shared_buffers: '256MB' }, BUFFERS, { changed: true }],
  ['65: as it is', { shared_buffers: '131072kB' }, { shared_buffers: '131072kB' }, BUFFERS, { changed: false }],
  ['66: removed, context sighup', {}, { log_line_prefix: 'x' }, row('log_line_prefix', 'x'), { changed: true }],
  ['66: removed, context postmaster', {}, { shared_buffers: '128MB' }, BUFFERS, { changed: true, pending: ['128MB', ''] }],
  [
    '68: the port',
    { port: '5433' },
    { port: '5432' },
    row('port', '5432', { vartype: 'integer', context: 'postmaster' }),
    { changed: true, pending: ['5432', '5433'], keeps: true },
  ],
  [
    '14.1: internal parameters do not count',
    { block_size: '1' },
    {},
    row('block_size', '8192', { vartype: 'integer', context: 'internal' }),
    { changed: false },
  ],
  ['14.2: booleans by meaning', { x: 'yes' }, { x: 'yes' }, row('x', 'on', { vartype: 'bool' }), { changed: false }],
  ['14.2: an enum in any case', { x: 'Replica' }, { x: 'Replica' }, row('x', 'replica', { vartype: 'enum' }), { changed: false }],
  ['14.2: what does not parse is different', { x: 'abc' }, { x: 'abc' }, row('x', '1', { vartype: 'integer' }), { changed: true }],
  [
    '14.5: wal_buffers -1 is what the server computes',
    { wal_buffers: -1 },
    { wal_buffers: -1 },
    row('wal_buffers', '8', { unit: '8kB', vartype: 'integer', context: 'postmaster' }),
    { changed: false },
  ],
  ['14.6: a name with a dot', { 'my.ext': '2' }, { 'my.ext': '1' }, row('x', ''), { changed: true }],
  ['14.6: a name that is none', { frob: '2' }, {}, row('x', ''), { changed: false, invalid: ['frob'] }],
];

for (const [name, wanted, previous, server, expected] of RELOADS) {
  test(`case ${name}`, () => {
    const found = compareWithServer(new Parameters(wanted), new Parameters(previous), [server], OPTIONS);
    const [old_value, new_value] = expected.pending ?? [];
    assert.deepEqual(
      { ...found, logLines: undefined },
      {
        changed: expected.changed,
        pendingRestart: expected.pending === undefined ? {} : { [server.name]: { old_value, new_value } },
        logLines: undefined,
        invalid: expected.invalid ?? [],
        keepsAddresses: expected.keeps ?? false,
      },
    );
  });
}

test('case 65: the line in the log', () => {
  const found = compareWithServer(new Parameters({ shared_buffers: '256MB' }), new Parameters(), [BUFFERS], OPTIONS);
  assert.deepEqual(found.logLines, ["Changed shared_buffers from '128MB' to '256MB' (restart might be required)"]);
});

const ADDRESSES: readonly (readonly [
  name: string,
  listen: string,
  sockets: string | undefined,
  tcp: string,
  superuser: string | undefined,
])[] = [
  ['71: a local address among several', '127.0.0.1,10.0.0.2:5433', undefined, 'localhost:5433', undefined],
  ['71: none is local', '10.0.0.2,::1:5433', undefined, '10.0.0.2:5433', undefined],
  ['71: all', '*:5433', undefined, 'localhost:5433', undefined],
  ['72: the first absolute socket directory', '10.0.0.2:5433', 'sock, /run/pg', '10.0.0.2:5433', '/run/pg'],
  ['72: no absolute one', '10.0.0.2:5433', 'sock', '10.0.0.2:5433', '10.0.0.2'],
];

for (const [name, listen, sockets, tcp, superuser] of ADDRESSES) {
  test(`case ${name}`, () => {
    const parameters = new Parameters(sockets === undefined ? {} : { unix_socket_directories: sockets });
    const found = localAddresses(postgresSettings('/data', 1, { listen }), parameters);
    assert.deepEqual([`${found.tcpHost}:${found.port}`, found.superuserHost], [tcp, superuser]);
  });
}

function filesIn(changes: Partial<PostgresSettings> = {}): {
  folder: string;
  files: ConfigurationFiles;
  log: string[];
  text: (name: string) => string;
} {
  const folder = join(scratch(), 'data');
  mkdirSync(folder, { mode: 0o700 });
  const log: string[] = [];
  const files = new ConfigurationFiles(postgresSettings(folder, 5432, changes), memoryLog(log), 0o022);
  return { folder, files, log, text: (name) => readFileSync(join(folder, name), 'utf8') };
}
const written = { majorVersion: 150_000, fullVersion: 150_000, available: undefined, recovery: undefined };

test('cases 61 and 63: the server file, and the base file of a fresh cluster', async () => {
  const { folder, files, text } = filesIn();
  writeFileSync(join(folder, 'postgresql.conf'), '# by initdb\n');
  const parameters = new Parameters({ work_mem: '4MB', log_line_prefix: "it's \\%m", archive_mode: true });
  await files.writeServerFile({
    ...written,
    parameters,
    recovery: new Map([
      ['restore_command', "cp 'x'"],
      ['standby_mode', 'on'],
    ]),
  });
  assert.equal(text('postgresql.base.conf'), '# by initdb\n');
  assert.equal(
    text('postgresql.conf'),
    `# Do not edit this file manually!
# It will be overwritten by Patroni!
include 'postgresql.base.conf'

archive_mode = 'True'
log_line_prefix = 'it''s \\\\%m'
work_mem = '4MB'
hba_file = '${folder}/pg_hba.conf'
ident_file = '${folder}/pg_ident.conf'

# recovery.conf
restore_command = 'cp ''x'''
`,
  );
});

test('case 62: with custom_conf there is no base file', async () => {
  const { folder, files, text } = filesIn({ customConf: '/etc/pg/c.conf' });
  writeFileSync(join(folder, 'postgresql.conf'), '# by initdb\n');
  await files.writeServerFile({ ...written, parameters: new Parameters() });
  assert.equal(existsSync(join(folder, 'postgresql.base.conf')), false);
  assert.match(text('postgresql.conf'), /^include '\/etc\/pg\/c\.conf'$/m);
});

test('case 63: without any file there is no start', async () => {
  await assert.rejects(filesIn().files.prepareBaseFile(), /ENOENT/);
});

test('case 64: what ALTER SYSTEM says about recovery is removed, the rest stays', async () => {
  const { folder, files, text } = filesIn();
  writeFileSync(join(folder, 'postgresql.conf'), '');
  writeFileSync(join(folder, 'postgresql.auto.conf'), "# by hand\nwork_mem = '8MB'\nprimary_conninfo = 'host=x'\n");
  await files.writeServerFile({ ...written, majorVersion: 140_000, parameters: new Parameters() });
  assert.equal(text('postgresql.auto.conf'), "# by hand\nwork_mem = '8MB'\n");
});

test('case 70: the list of the role replaces the general one', async () => {
  const { files, text } = filesIn({
    pgHba: ['general'],
    pgHbaByRole: { primary: ['for primaries'], replica: undefined, standby_leader: undefined },
  });
  const header = '# Do not edit this file manually!\n# It will be overwritten by Patroni!\n';
  for (const [role, lines] of [
    ['replica', 'general'],
    ['primary', 'for primaries'],
  ] as const) {
    await files.writeHba(new Parameters(), role);
    assert.equal(text('pg_hba.conf'), `${header}${lines}\n`);
  }
  assert.equal(await files.writeHba(new Parameters({ hba_file: '/other' }), 'primary'), false);
});

test('cases 73, 74 and 76: what marks a standby', async () => {
  const standby = new Map([
    ['standby_mode', 'on'],
    ['recovery_target_timeline', 'latest'],
  ]);
  const old = filesIn();
  await old.files.writeRecoveryMarker(standby, 90_600, { fullVersion: 90_600, available: undefined });
  assert.match(old.text('recovery.conf'), /recovery_target_timeline = 'latest'\nstandby_mode = 'on'\n$/);
  const { folder, files } = filesIn();
  await files.writeRecoveryMarker(standby, 150_000, { fullVersion: 150_000, available: undefined });
  assert.deepEqual([existsSync(join(folder, 'standby.signal')), await files.hasRecoveryMarker(150_000)], [true, true]);
  await files.writeRecoveryMarker(new Map(), 150_000, { fullVersion: 150_000, available: undefined });
  assert.deepEqual(
    ['standby.signal', 'recovery.signal'].map((name) => existsSync(join(folder, name))),
    [false, true],
  );
  await files.removeRecovery();
  assert.equal(await files.hasRecoveryMarker(150_000), false);
});

test('case 138: files below the data directory have its mode, others the one of the umask', async () => {
  const { folder, files } = filesIn();
  writeFileSync(join(folder, 'postgresql.conf'), '');
  const mode = (path: string): number => statSync(path).mode & 0o777;
  await files.writeServerFile({ ...written, parameters: new Parameters() });
  assert.equal(mode(join(folder, 'postgresql.conf')), 0o600);
  const outside = scratch();
  writeFileSync(join(outside, 'postgresql.conf'), '');
  const elsewhere = new ConfigurationFiles(postgresSettings(folder, 5432, { configDir: outside }), memoryLog([]), 0o022);
  await elsewhere.writeServerFile({ ...written, parameters: new Parameters() });
  assert.equal(mode(join(outside, 'postgresql.conf')), 0o644);
});

test('case 139: a password file that is a directory', async () => {
  const { folder, files } = filesIn({ pgpass: scratch() });
  await assert.rejects(
    files.checkDirectories(new Parameters(), false),
    /exists and it's not a file, check your `postgresql\.pgpass` configuration$/,
  );
  const file = join(folder, 'file');
  writeFileSync(file, '');
  await assert.rejects(
    filesIn().files.checkDirectories(new Parameters({ unix_socket_directories: file }), false),
    /' is defined in unix_socket_directories, is not a directory$/,
  );
});

const CREDENTIALS = { replication: { username: 'repl user', password: 'a:b' }, database: 'postgres', krbsrvname: undefined };
const leader = { name: 'n1', kind: 'member', connUrl: 'postgres://10.0.0.1:5432/postgres' } as const;
const wantedFor = (majorVersion: number, upstream: Upstream | undefined = leader, recoveryConf: Record<string, unknown> = {}) =>
  wantedRecovery({ upstream, name: 'n2', settings: CREDENTIALS, recoveryConf, majorVersion, useSlots: true });

test('cases 73 and 86: before 10 the password stands in primary_conninfo', () => {
  const old = writtenRecovery(wantedFor(90_600), 90_600, '/p');
  assert.deepEqual([...old.keys()].sort(), ['primary_conninfo', 'primary_slot_name', 'recovery_target_timeline', 'standby_mode']);
  assert.equal(
    old.get('primary_conninfo'),
    'dbname=postgres user=repl\\ user password=a:b host=10.0.0.1 port=5432 sslmode=prefer application_name=n2',
  );
  const young = wantedFor(170_000);
  assert.match(
    primaryConninfoText(young.primaryConninfo ?? {}, 170_000, '/p'),
    /user=repl\\ user passfile=\/p .* sslnegotiation=postgres$/,
  );
  assert.deepEqual(pgpassLines(young.primaryConninfo ?? {}), ['10.0.0.1:5432:*:repl user:a\\:b']);
});

test('cases 83 and 16.2: nobody to follow, targets of the configuration left out', () => {
  const nobody = wantedRecovery({
    upstream: undefined,
    name: 'n2',
    settings: CREDENTIALS,
    recoveryConf: { restore_command: 'cp', recovery_target_time: 'x', primary_conninfo: 'y', primary_slot_name: 'z' },
    majorVersion: 150_000,
    useSlots: true,
  });
  assert.equal(nobody.primaryConninfo, undefined);
  assert.deepEqual(Object.fromEntries(nobody.parameters), {
    restore_command: 'cp',
    standby_mode: 'on',
    recovery_target_timeline: 'latest',
    recovery_target: '',
    recovery_target_name: '',
    recovery_target_time: '',
    recovery_target_xid: '',
    recovery_target_lsn: '',
  });
});

/** A running standby of `majorVersion` that has what is wanted for the leader, and what changes then. */
function compared(
  majorVersion: number,
  change: {
    readonly upstream?: Upstream;
    readonly conf?: Record<string, unknown>;
    readonly known?: Readonly<Record<string, string>>;
    readonly from?: string;
    readonly more?: object;
  } = {},
): { readonly change: boolean; readonly restart: boolean } {
  const before = writtenRecovery(wantedFor(majorVersion), majorVersion, '/p');
  before.delete('standby_mode');
  for (const [name, value] of Object.entries(change.known ?? {})) before.set(name, value);
  if (!before.has('restore_command')) before.set('restore_command', '');
  const known = new Map<string, KnownRecoveryValue>(
    [...before].map(([name, value]) => [name, { value, needsRestart: recoveryNeedsRestart(name, majorVersion), sourceFile: change.from }]),
  );
  return compareRecovery({
    wanted: wantedFor(majorVersion, change.upstream ?? leader, change.conf),
    known,
    hasMarker: true,
    isStarting: false,
    isTakenOver: true,
    receiver: undefined,
    majorVersion,
    pgpassContent: '10.0.0.1:5432:*:repl user:a\\:b\n',
    database: 'postgres',
    ownFiles: ['/own.conf'],
    ...change.more,
  });
}
const NOTHING = { change: false, restart: false };
const RELOAD = { change: true, restart: false };
const RESTART = { change: true, restart: true };
const other = { ...leader, connUrl: 'postgres://10.0.0.9:5432/postgres' };
const receiver = (conninfo: string) => ({ receiver: { isRunning: true, slotName: 'n2', conninfo } });
const IN_USE = (majorVersion: number): string => primaryConninfoText(wantedFor(majorVersion).primaryConninfo ?? {}, majorVersion, '/p');

const COMPARISONS: readonly (readonly [name: string, found: () => object, expected: object])[] = [
  ['75: nothing changed', () => compared(150_000), NOTHING],
  ['75: another leader, 12', () => compared(120_000, { upstream: other }), RESTART],
  ['75: another leader, 13', () => compared(130_000, { upstream: other }), RELOAD],
  ['75: restore_command, 13', () => compared(130_000, { conf: { restore_command: 'x' } }), RESTART],
  ['75: restore_command, 14', () => compared(140_000, { conf: { restore_command: 'x' } }), RELOAD],
  ['76: the signal file is gone', () => compared(150_000, { more: { hasMarker: false } }), RESTART],
  ['16.4: the settings can not be read', () => compared(150_000, { more: { known: undefined } }), RESTART],
  ['16.4: primary_conninfo that is none', () => compared(150_000, { known: { primary_conninfo: 'x y' } }), RESTART],
  ['77: the masked password of the receiver', () => compared(150_000, { more: receiver(`${IN_USE(150_000)} password=********`) }), NOTHING],
  ['77: the receiver streams from elsewhere', () => compared(150_000, { more: receiver(IN_USE(150_000).replace('0.1', '0.9')) }), RELOAD],
  ['78: the password file was changed', () => compared(150_000, { more: { pgpassContent: 'x' } }), RELOAD],
  [
    '79: dbname, 16',
    () => compared(160_000, { known: { primary_conninfo: IN_USE(160_000).replace('dbname=postgres', 'dbname=x') } }),
    NOTHING,
  ],
  [
    '79: dbname, 17',
    () => compared(170_000, { known: { primary_conninfo: IN_USE(170_000).replace('dbname=postgres', 'dbname=x') } }),
    RELOAD,
  ],
  [
    '80: recovery_min_apply_delay in another unit',
    () => compared(150_000, { conf: { recovery_min_apply_delay: '5min' }, known: { recovery_min_apply_delay: '300000' } }),
    NOTHING,
  ],
  [
    '81: restore_command of an included file',
    () => compared(150_000, { known: { restore_command: 'x' }, from: '/included.conf' }),
    NOTHING,
  ],
  ['81: restore_command of our own file', () => compared(150_000, { known: { restore_command: 'x' }, from: '/own.conf' }), RELOAD],
  ['87: a server that we joined gets our file once', () => compared(140_000, { more: { isTakenOver: false } }), RELOAD],
];

for (const [name, found, expected] of COMPARISONS) test(`case ${name}`, () => assert.deepEqual(found(), expected));
