import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseClusterView } from '../../cluster/view.js';
import { formatCluster } from './cluster-table.js';

const key = (key: string, value: unknown) => ({ key, value: typeof value === 'string' ? value : JSON.stringify(value), version: '1' });
const view = parseClusterView([
  key('initialize', '7301112223334445556'),
  key('leader', 'db1'),
  key('config', { synchronous_mode: true, pause: true }),
  key('sync', { leader: 'db1', sync_standby: 'db2' }),
  key('status', { optime: 0x9000148 }),
  key('failover', { leader: 'db1', member: 'db2', scheduled_at: '2031-05-01T02:00:00+00:00' }),
  key('members/db1', { conn_url: 'postgres://10.1.0.5:5432/postgres', state: 'running', timeline: 4 }),
  key('members/db2', {
    conn_url: 'postgres://10.1.0.6:5432/postgres',
    state: 'running',
    replication_state: 'streaming',
    timeline: 4,
    receive_lsn: 0x9000148,
    replay_lsn: 0x9000148,
  }),
  key('members/db3', { conn_url: 'postgres://10.1.0.7:5432/postgres', state: 'stopped' }),
]);
const options = { cluster: 'alpha', extended: false, requestedGroup: undefined } as const;

test('the box table of the contract, title and footer included', () => {
  assert.equal(
    formatCluster([{ group: undefined, view }], { ...options, format: 'pretty' }),
    `+ Cluster: alpha (7301112223334445556) --------+----+-------------+-----+------------+-----+
| Member | Host     | Role         | State     | TL | Receive LSN | Lag | Replay LSN | Lag |
+--------+----------+--------------+-----------+----+-------------+-----+------------+-----+
| db1    | 10.1.0.5 | Leader       | running   |  4 |             |     |            |     |
| db2    | 10.1.0.6 | Sync Standby | streaming |  4 |   0/9000148 |   0 |  0/9000148 |   0 |
| db3    | 10.1.0.7 | Replica      | stopped   |    |     unknown |     |    unknown |     |
+--------+----------+--------------+-----------+----+-------------+-----+------------+-----+
 Maintenance mode: on
 Switchover scheduled at: 2031-05-01T02:00:00+00:00
                    from: db1
                      to: db2
`,
  );
});

test('json leaves empty cells out', () => {
  const json = formatCluster([{ group: undefined, view }], { ...options, format: 'json' });
  assert.ok(
    json.startsWith(
      '[{"Cluster": "alpha", "Member": "db1", "Host": "10.1.0.5", "Role": "Leader", "State": "running", "TL": 4}, {"Cluster": "alpha", "Member": "db2", "Host": "10.1.0.6", "Role": "Sync Standby", "State": "streaming", "TL": 4, "Receive LSN": "0/9000148", "Receive Lag": 0, "Replay LSN": "0/9000148", "Replay Lag": 0}, ',
    ),
  );
});

const rich = parseClusterView([
  key('initialize', ''),
  key('leader', 'b'),
  key('config', { standby_cluster: { host: 'far' }, synchronous_mode: true }),
  key('sync', { leader: 'b', sync_standby: 'a' }),
  key('status', { optime: 3 * 1024 ** 2 }),
  key('members/a', {
    conn_url: 'postgres://h:5433/postgres',
    state: 'running',
    xlog_location: 1024 ** 2,
    tags: { replicatefrom: 'c', zones: ['x', 1], clonefrom: true },
    scheduled_restart: { schedule: '2031-05-01T02:00:00+00:00', postgres_version: '16.2' },
  }),
  key('members/b', { conn_url: 'postgres://h:5432/postgres', state: 'running', replication_state: 'in archive recovery' }),
  key('members/c', {
    conn_url: 'postgres://i:5432/postgres',
    receive_lsn: 2.5 * 1024 ** 2,
    replay_lsn: 1.5 * 1024 ** 2,
    pending_restart: true,
    pending_restart_reason: {
      max_connections: { old_value: '100', new_value: '200' },
      archive_command: { old_value: 'x'.repeat(31), new_value: 'y' },
    },
  }),
]);
const shown = (format: 'tsv' | 'yaml' | 'json' | 'pretty' | 'topology', extended = false): string =>
  formatCluster([{ group: undefined, view: rich }], { ...options, format, extended });
const lines = (format: 'tsv' | 'yaml' | 'pretty' | 'topology'): string[] => shown(format).split('\n');
const cells = (line: string | undefined): string[] => (line ?? '').split('|').map((cell) => cell.trim());

test('topology: a tree, tags in flow style, ports where they differ, long reasons hidden', () => {
  const [top, head, , b, , c1, c2, , a] = lines('topology');
  assert.ok(top?.startsWith('+ Cluster: alpha (initializing) --'), top);
  assert.deepEqual(cells(head), [
    '',
    ...'Member,Host,Role,State,TL,Receive LSN,Lag,Replay LSN,Lag,Pending restart,Pending restart reason,Scheduled restart,Tags'.split(','),
    '',
  ]);
  assert.deepEqual(cells(b).slice(1, 10), ['b', 'h:5432', 'Standby Leader', 'in archive recovery', '', '', '', '', '']);
  assert.match(c1 ?? '', /^\| \+ c +\|/);
  // Half a megabyte is rounded to the even one.
  assert.deepEqual(cells(c1).slice(1, 12), [
    '+ c',
    'i:5432',
    'Replica',
    '',
    '',
    '0/280000',
    '0',
    '0/180000',
    '2',
    '*',
    'max_connections: 100->200',
  ]);
  assert.equal(cells(c2)[11], 'archive_command: [hidden - too long]');
  // An old member's one position counts as replayed while it does not stream.
  assert.match(a ?? '', /^\| {3}\+ a +\|/);
  assert.deepEqual(cells(a).slice(6, 10), ['unknown', '', '0/100000', '2']);
  assert.deepEqual(cells(a).slice(12, 14), [
    '2031-05-01T02:00:00+00:00 if version < 16.2',
    '{clonefrom: true, replicatefrom: c, zones: [x, 1]}',
  ]);
});

test('the other formats have names in full, and all of a long reason', () => {
  const reason = `max_connections: 100->200\narchive_command: ${'x'.repeat(31)}->y`;
  const json = JSON.parse(shown('json')) as Record<string, unknown>[];
  assert.deepEqual(json[1], { Cluster: 'alpha', Member: 'b', Host: 'h:5432', Role: 'Standby Leader', State: 'in archive recovery' });
  assert.equal(json[2]?.['Pending restart reason'], reason);
  assert.deepEqual(json[0]?.['Tags'], { replicatefrom: 'c', zones: ['x', 1], clonefrom: true });
  assert.equal(json[0]?.['Receive LSN'], 'unknown');
  assert.ok(
    lines('tsv')[0]?.startsWith('Cluster\tMember\tHost\tRole\tState\tTL\tReceive LSN\tReceive Lag\tReplay LSN\tReplay Lag\tPending'),
  );
  assert.equal(lines('tsv')[2], 'alpha\tb\th:5432\tStandby Leader\tin archive recovery\t\t\t\t\t\t\t\t\t');
  assert.deepEqual(lines('yaml').slice(15, 20), [
    '- Cluster: alpha',
    '  Host: h:5432',
    '  Member: b',
    '  Role: Standby Leader',
    '  State: in archive recovery',
  ]);
  assert.ok(
    lines('pretty').some((line) => line.endsWith('| clonefrom: true  |')),
    shown('pretty'),
  );
});

test('an empty cluster: the two lines below the head coincide', () => {
  const empty = formatCluster([{ group: undefined, view: parseClusterView([]) }], { ...options, format: 'pretty' });
  const [top, , rule, again, end] = empty.split('\n');
  assert.ok(top?.startsWith('+ Cluster: alpha (uninitialized) -'));
  assert.deepEqual([rule, end], [again, '']);
});
