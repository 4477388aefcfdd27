import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readStatusAnswer, type StatusAnswer } from './status-answer.js';
import { statusQuery } from './status-query.js';

type Answer = Readonly<Record<string, string | null>>;

const STANDBY: Answer = {
  in_recovery: 't',
  timeline: null,
  wal_lsn: null,
  replay_lsn: '0/12C',
  receive_lsn: '0/190',
  replay_paused: 'f',
  received_tli: '4',
  written_lsn: null,
  latest_end_lsn: '0/190',
  receiver_slot: 'n2',
  receiver_conninfo: 'host=a',
  receiver_status: 'streaming',
  restore_command: '',
  slots: null,
  synchronous_commit: 'on',
  synchronous_standby_names: '',
  wal_senders: null,
  start_time: '2031-05-01 10:00:00.123456+00:00',
  replay_timestamp: null,
  server_version: '150004',
};
const NO_RECEIVER = {
  received_tli: null,
  latest_end_lsn: null,
  receiver_slot: null,
  receiver_conninfo: null,
  receiver_status: null,
};

const read = (change: Answer = {}, majorVersion = 150_000, hasRestoreCommand = false, withSynchronousState = false): StatusAnswer =>
  readStatusAnswer({ ...STANDBY, ...change }, { majorVersion, withSynchronousState, hasRestoreCommand });

/** postgres.md §31, cases 44 to 47, and §10.2. */
const CASES: readonly (readonly [name: string, found: () => unknown, expected: unknown])[] = [
  ['44: 9.5 has no receiver to ask', () => read(NO_RECEIVER, 90_500, true).status.replicationState, undefined],
  ['45: a receiver without a message yet has no timeline', () => read({ received_tli: null }).status.receivedTimeline, undefined],
  ['46: written is beyond received', () => read({ written_lsn: '0/1F4' }).status.receiveLsn, 500n],
  ['46: written is behind', () => read({ written_lsn: '0/1' }).status.receiveLsn, 400n],
  ['47: positions keep all digits', () => read({ replay_lsn: '1F/FF000000' }).status.replayLsn, 137_422_176_256n],
  ['10.2: streaming', () => read().status.replicationState, 'streaming'],
  [
    '10.2: from the archive, 12',
    () => read({ ...NO_RECEIVER, restore_command: 'cp' }, 120_000).status.replicationState,
    'in archive recovery',
  ],
  ['10.2: from the archive, 11', () => read(NO_RECEIVER, 110_000, true).status.replicationState, 'in archive recovery'],
  ['10.2: neither', () => read(NO_RECEIVER).status.replicationState, undefined],
  ['10.2: no receiver', () => read(NO_RECEIVER).receiver, { isRunning: false, slotName: undefined, conninfo: undefined }],
  [
    '10.2: a primary',
    () => {
      const { status } = read({ ...NO_RECEIVER, in_recovery: 'f', timeline: '0000001F', wal_lsn: '0/5', restore_command: 'cp' });
      return [status.primaryTimeline, status.walLsn, status.replicationState];
    },
    [31, 5n, undefined],
  ],
];

for (const [name, found, expected] of CASES) test(`case ${name}`, () => assert.deepEqual(found(), expected));

test('10.2: only streaming senders count as standbys, all are shown', () => {
  const sender = (name: string, state: string) => ({
    application_name: name,
    state,
    sync_state: 'sync',
    sync_priority: 1,
    flush_lsn: '0/5',
  });
  const { status } = read({ wal_senders: JSON.stringify([sender('a', 'streaming'), sender('b', 'catchup')]) }, 150_000, false, true);
  assert.deepEqual(
    [status.standbys.map((standby) => standby.applicationName), status.walSenders.map((shown) => shown.application_name)],
    [['a'], ['a', 'b']],
  );
  assert.equal(status.standbys[0]?.flushLsn, 5n);
});

test('10.1: names and columns by version', () => {
  const asked = (majorVersion: number): string => statusQuery(majorVersion, true);
  assert.match(asked(90_500), /pg_xlogfile_name\(pg_catalog\.pg_current_xlog_location\(\)\)/);
  assert.doesNotMatch(asked(90_500), /pg_stat_get_wal_receiver|flush_location\(\)|confirmed_flush/);
  assert.match(asked(90_600), /pg_current_xlog_flush_location\(\)[\s\S]*pg_stat_get_wal_receiver\(\)/);
  assert.doesNotMatch(asked(120_000), /w\.written_lsn|wal_status/);
  assert.match(asked(130_000), /w\.written_lsn/);
  assert.doesNotMatch(asked(160_000), /synced/);
  assert.match(asked(170_000), /NOT \(failover AND synced\)/);
  // Whatever a user puts into his schemas, the agent asks the system's functions (case 43).
  for (const version of [90_500, 100_000, 170_000]) {
    for (const [name = ''] of asked(version).matchAll(
      /(?<![.\w])(?:pg_|to_char|timezone|json_agg|row_to_json|substr|current_setting)\w*\(/g,
    ))
      assert.fail(`${name} without schema, ${version}`);
  }
});
