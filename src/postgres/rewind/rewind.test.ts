import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '../../../test/support/scratch.js';
import { LSN_ZERO, parseLsn } from '../../base/lsn.js';
import { nodeClock } from '../../platform/node-clock.js';
import type { Log } from '../../ports/log.js';
import type { ControlData } from '../../ports/postgres.js';
import { createCancellableRunner } from '../cancellable.js';
import { Procfs } from '../process/procfs.js';
import { archiveReadyWal, fillPlaceholders } from './archive-ready.js';
import { hasRewindableBlocks } from './can-rewind.js';
import { proofFor } from './leader.js';
import { positionOfStoppedServer } from './local-position.js';
import { wasRewindInterrupted } from './marker.js';
import { recordEnd } from './record-end.js';
import { missingSegment, type RewindDependencies, type RewindRequest, rewind, rewindCommand } from './rewind.js';
import { canSkipSingleUserRecovery, parsePostmasterOptions } from './single-user.js';

const quiet = (): void => undefined;
const log: Log = { debug: quiet, info: quiet, warning: quiet, error: quiet, critical: quiet, named: () => log };
const lsn = (text: string) => parseLsn(text) ?? LSN_ZERO;

const RECORD = (at: string): string =>
  `rmgr: XLOG        len (rec/tot):    114/   114, tx:          0, lsn: ${at}, prev 0/04FFFF50, desc: CHECKPOINT_SHUTDOWN redo 0/4FFFF88\n`;
const END = (at: string): string =>
  `pg_waldump: error: error in WAL record at ${at}: invalid record length at 0/5000000: wanted 24, got 0\n`;

test('the end of the last record is told by the complaint about the next', () => {
  const at = lsn('0/4FFFF88');
  assert.equal(recordEnd(RECORD('0/04FFFF88'), END('0/4FFFF88'), at), lsn('0/5000000'));
  const others: [string, string][] = [
    [RECORD('0/04FFFF88'), ''],
    ['', END('0/4FFFF88')],
    [RECORD('0/04FFFF88') + RECORD('0/05000000'), END('0/4FFFF88')],
    [RECORD('0/04FFFF80'), END('0/4FFFF88')],
    [RECORD('0/04FFFF88'), END('0/4FFFF80')],
    [RECORD('0/04FFFF88'), 'pg_waldump: error: could not find file "000000010000000000000005"\n'],
  ];
  for (const [stdout, stderr] of others) assert.equal(recordEnd(stdout, stderr, at), undefined);
});

const data = (clusterState: string, end: string, endTimeline: number): ControlData => ({
  clusterState,
  systemId: '1',
  checkpointLsn: lsn('0/100'),
  checkpointTimeline: 2,
  checkpointRedoWalFile: undefined,
  minRecoveryEndLsn: lsn(end),
  minRecoveryEndTimeline: endTimeline,
  walLogHints: false,
  dataChecksumVersion: 1,
  raw: {},
});

test('case 118: without hint bits in the WAL and without checksums there is no rewind', () => {
  const blocks = (walLogHints: boolean, dataChecksumVersion: number): boolean =>
    hasRewindableBlocks({ ...data('shut down', '0/0', 0), walLogHints, dataChecksumVersion });
  assert.deepEqual([blocks(false, 0), blocks(true, 0), blocks(false, 1)], [false, true, true]);
});

test('case 117: from 15 on a backup that was restored is not recovered alone', async () => {
  const folder = scratch();
  assert.equal(await canSkipSingleUserRecovery(folder, 150_000), false);
  writeFileSync(join(folder, 'backup_label'), '');
  assert.deepEqual([await canSkipSingleUserRecovery(folder, 150_000), await canSkipSingleUserRecovery(folder, 140_000)], [true, false]);
});

test('who may make the leader write its checkpoint: the superuser, which below 11 is the only one that rewinds', () => {
  const superuser = { username: 'postgres', password: 'a' };
  const rewind = { username: 'rewind', password: 'b' };
  assert.equal(proofFor({ superuser, rewind: undefined }, 150_000), 'checkpoint');
  assert.equal(proofFor({ superuser, rewind: superuser }, 150_000), 'checkpoint');
  assert.equal(proofFor({ superuser, rewind }, 150_000), 'compare');
  assert.equal(proofFor({ superuser, rewind }, 90_600), 'checkpoint');
});

test('position of a stopped server', () => {
  const checkpoint = { timeline: 2, lsn: lsn('0/100'), isInRecovery: false };
  assert.deepEqual(positionOfStoppedServer(data('shut down in recovery', '0/200', 3)), {
    timeline: 3,
    lsn: lsn('0/200'),
    isInRecovery: true,
  });
  assert.deepEqual(positionOfStoppedServer(data('in archive recovery', '0/0', 0)), checkpoint);
  assert.deepEqual(positionOfStoppedServer(data('shut down', '0/0', 0)), checkpoint);
  assert.equal(positionOfStoppedServer(data('in production', '0/0', 0)), undefined);
});

test('options of the last start', () => {
  const content = '/usr/bin/postgres "-D" "/d" "--config-file=/d/postgresql.conf" "--cluster_name=a "b" c" "--wal_level=replica"\n';
  assert.deepEqual(parsePostmasterOptions(content), {
    'config-file': '/d/postgresql.conf',
    cluster_name: 'a "b" c',
    wal_level: 'replica',
  });
});

test('ready WAL is archived and renamed', async () => {
  const wal = scratch();
  const status = join(wal, 'archive_status');
  mkdirSync(status);
  const segment = '0000000100000000000000A1';
  for (const name of [`${segment}.partial`, '0000000100000000000000A2', 'fail00000000000000000000']) writeFileSync(join(wal, name), '');
  for (const name of [`${segment}.partial`, '0000000100000000000000A2', '0000000100000000000000A3', '00000002.history']) {
    writeFileSync(join(status, `${name}.ready`), '');
  }
  const runner = createCancellableRunner({ clock: nodeClock, table: new Procfs(), log });
  await archiveReadyWal(wal, 'test %f = 0000000100000000000000A1.partial && cp %p %p.archived', { runner, log });
  assert.deepEqual(readdirSync(status).toSorted(), [
    `${segment}.partial.done`,
    '0000000100000000000000A2.ready',
    '0000000100000000000000A3.ready',
    '00000002.history.ready',
  ]);
  assert.ok(readdirSync(wal).includes(`${segment}.partial.archived`));
});

test('placeholders', () => {
  assert.equal(fillPlaceholders('c %p %f %r %% %x', '/w/A', 'A'), 'c /w/A A 000000010000000000000001 % %x');
});

const REQUEST: RewindRequest = {
  pgRewind: 'pg_rewind',
  dataDir: '/d',
  configDir: '/etc/d',
  configFile: '/etc/d/postgresql.conf',
  majorVersion: 150000,
  options: ['debug', { 'target-pgdata': '/x' }],
  leaderName: 'n1',
  connectionString: 'host=a',
  environment: {},
};

test('restore_command is left to pg_rewind where it can find it', () => {
  const tail = ['-D', '/d', '--source-server', 'host=a', '--progress', '--debug'];
  const command = (change: Partial<RewindRequest>, command?: string) =>
    rewindCommand({ ...REQUEST, ...change }, command === undefined ? undefined : { command, isConfigured: true }, log);
  assert.deepEqual(command({}), ['pg_rewind', ...tail]);
  assert.deepEqual(rewindCommand(REQUEST, { command: 'r', isConfigured: false }, log), ['pg_rewind', ...tail]);
  assert.deepEqual(command({}, 'r'), ['pg_rewind', '--restore-target-wal', '--config-file=/etc/d/postgresql.conf', ...tail]);
  assert.deepEqual(command({ configDir: '/d' }, 'r'), ['pg_rewind', '--restore-target-wal', ...tail]);
  assert.deepEqual(command({ majorVersion: 130000 }, 'r'), ['pg_rewind', ...tail]);
});

test('the missing segment is found in the message', () => {
  const text = 'pg_rewind: error: could not open file "/d/pg_wal/000000010000000000000007": No such file or directory';
  assert.equal(missingSegment(text), '000000010000000000000007');
  assert.equal(missingSegment('pg_rewind: error: could not open file "/d/x": '), undefined);
});

async function rewindWith(script: string, change: Partial<RewindDependencies> = {}) {
  const folder = scratch();
  const tool = join(folder, 'pg_rewind');
  writeFileSync(tool, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const dataDir = join(folder, 'data');
  mkdirSync(join(dataDir, 'pg_wal'), { recursive: true });
  const dependencies: RewindDependencies = {
    runner: createCancellableRunner({ clock: nodeClock, table: new Procfs(), log }),
    clock: nodeClock,
    log,
    stopServer: async () => true,
    archiveReadyWal: async () => undefined,
    checkSource: async () => ({ kind: 'usable' }),
    restoreCommand: async () => undefined,
    canRewind: async () => true,
    ...change,
  };
  const request = { ...REQUEST, pgRewind: tool, dataDir, configDir: dataDir };
  return { outcome: await rewind(request, dependencies), again: () => rewind(request, dependencies), dataDir };
}

test('a finished rewind leaves no marker', async () => {
  const { outcome, dataDir } = await rewindWith('test -f "$2.rewind-in-progress"');
  assert.deepEqual(outcome, { kind: 'done' });
  assert.equal(await wasRewindInterrupted(dataDir), false);
});

test('a rewind that broke off half-way is failed for good', async () => {
  const { outcome, again, dataDir } = await rewindWith('echo "pg_rewind: need to copy 1 MB" >&2; exit 1');
  assert.deepEqual(outcome, { kind: 'failed' });
  assert.equal(await wasRewindInterrupted(dataDir), true);
  assert.deepEqual(await again(), { kind: 'failed' });
});

test('a rewind that changed nothing fails with a healthy leader and is repeated otherwise', async () => {
  assert.deepEqual((await rewindWith('exit 1')).outcome, { kind: 'failed' });
  let checks = 0;
  const checkSource = async () => (checks++ === 0 ? { kind: 'usable' as const } : { kind: 'unusable' as const, reason: 'gone' });
  const { outcome, dataDir } = await rewindWith('exit 1', { checkSource });
  assert.equal(outcome.kind, 'not-now');
  assert.equal(await wasRewindInterrupted(dataDir), false);
});

test('a leader that is not ready is not rewound from', async () => {
  const { outcome } = await rewindWith('exit 0', { checkSource: async () => ({ kind: 'unusable', reason: 'is_in_recovery=true' }) });
  assert.deepEqual(outcome, { kind: 'not-now', reason: 'is_in_recovery=true' });
});

test('a missing segment is fetched for a pg_rewind that can not do it itself, once', async () => {
  const segment = '000000010000000000000007';
  const script = `test -f "$2/pg_wal/${segment}" || { echo "could not open file \\"$2/pg_wal/${segment}\\": No" >&2; exit 1; }`;
  const folder = scratch();
  const tool = join(folder, 'pg_rewind');
  writeFileSync(tool, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  mkdirSync(join(folder, 'd', 'pg_wal'), { recursive: true });
  const dependencies = (restore: string): RewindDependencies => ({
    runner: createCancellableRunner({ clock: nodeClock, table: new Procfs(), log }),
    clock: nodeClock,
    log,
    stopServer: async () => true,
    archiveReadyWal: async () => undefined,
    checkSource: async () => ({ kind: 'usable' }),
    restoreCommand: async () => ({ command: restore, isConfigured: false }),
    canRewind: async () => true,
  });
  const request = { ...REQUEST, pgRewind: tool, dataDir: join(folder, 'd') };
  assert.deepEqual(await rewind(request, dependencies('true')), { kind: 'failed' });
  assert.deepEqual(await rewind(request, dependencies('touch "%p"')), { kind: 'done' });
});
