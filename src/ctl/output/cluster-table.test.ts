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
