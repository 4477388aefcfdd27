import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLsn } from '../../base/lsn.js';
import { versionNumber } from '../query/pg-session.js';
import { parseControlFileHead } from './control-file.js';
import { parseMajorVersion } from './data-directory.js';
import { localIsoTime, parseHistoryFile } from './history-file.js';
import { parseControlData } from './parse.js';
import { isShutdownCheckpoint, isWalSwitch, parseWalRecord } from './wal-record.js';

test('versions', () => {
  assert.deepEqual(['9.6\n', '17\n', 'garbage', '9'].map(parseMajorVersion), [90_600, 170_000, 0, 0]);
  assert.deepEqual(['18beta1', '9.5.25', '15.20 (Debian 15.20-0+deb12u1)'].map(versionNumber), [180_000, 90_525, 150_020]);
});

test('pg_controldata: names lose "Current ", positions and identifiers keep all digits', () => {
  const data = parseControlData(`Database system identifier:           7711192607352433635
Database cluster state:               shut down in recovery
Latest checkpoint location:           1F/FF000000
Latest checkpoint's TimeLineID:       3
Minimum recovery ending location:     0/0
Min recovery ending loc's timeline:   0
Current max_connections setting:      100
wal_log_hints setting:                on
Data page checksum version:           1
`);
  assert.equal(data?.systemId, '7711192607352433635');
  assert.equal(data?.checkpointLsn, 137_422_176_256n);
  assert.equal(data?.checkpointTimeline, 3);
  assert.equal(data?.raw['max_connections setting'], '100');
  assert.equal(data?.walLogHints, true);
  assert.equal(data?.dataChecksumVersion, 1);
  assert.equal(parseControlData('pg_controldata: error'), undefined);
});

test('the head of pg_control, and only of known layouts', () => {
  const buffer = Buffer.alloc(20);
  buffer.writeBigUInt64LE(7711192607352433635n, 0);
  buffer.writeUInt32LE(1300, 8);
  buffer.writeUInt32LE(1, 16);
  assert.deepEqual(parseControlFileHead(buffer), { systemId: '7711192607352433635', state: 'shut down' });
  buffer.writeUInt32LE(13_000, 8);
  assert.equal(parseControlFileHead(buffer), undefined);
});

test('WAL records', () => {
  const line = (description: string): string =>
    `rmgr: XLOG        len (rec/tot):    114/   114, tx:          0, lsn: 0/01512420, prev 0/015123D8, desc: ${description}\n`;
  const checkpoint = parseWalRecord(line('CHECKPOINT_SHUTDOWN redo 0/1512420; tli 1; oldest running xid 0; shutdown'));
  assert.ok(checkpoint && isShutdownCheckpoint(checkpoint));
  assert.equal(checkpoint.lsn, parseLsn('0/1512420'));
  assert.equal(checkpoint.previous, parseLsn('0/15123D8'));
  const online = parseWalRecord(line('CHECKPOINT_ONLINE redo 0/1512420; online'));
  assert.ok(online && !isShutdownCheckpoint(online));
  const change = parseWalRecord(line('SWITCH '));
  assert.ok(change && isWalSwitch(change));
  assert.equal(parseWalRecord('pg_waldump: error: x'), undefined);
});

test('history files: exactly three fields', () => {
  const lines = parseHistoryFile('1\t0/3000000\tno recovery target specified\n\nx\ty\n2\t0/5000060\tat restore point "a"\n3\t0/6\ta\tb\n');
  assert.deepEqual(
    lines.map(({ timeline, lsn, reason }) => [timeline, lsn, reason]),
    [
      [1, parseLsn('0/3000000'), 'no recovery target specified'],
      [2, parseLsn('0/5000060'), 'at restore point "a"'],
    ],
  );
  assert.match(localIsoTime(new Date(0)), /^(1970-01-01|1969-12-31)T\d\d:\d\d:00[+-]\d\d:\d\d$/);
});
