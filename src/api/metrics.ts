import { COMPATIBLE_VERSION } from '../base/version.js';
import { POSTGRES_STATES } from '../cluster/postgres-state.js';
import { traitsOf } from '../cluster/tags.js';
import type { AgentSnapshot } from '../ports/agent-control.js';
import { isSyncStandby, shownRole, shownState } from './status-document.js';

type Metric = readonly [name: string, type: 'gauge' | 'counter', help: string, value: number | bigint | string, comment?: string];

/** The text of `GET /metrics` (rest-api.md §11), Prometheus format 0.0.4. */
export function metricsText(scope: string, name: string, s: AgentSnapshot): string {
  const labels = `{scope="${scope}",name="${name}"}`;
  let text = '';
  for (const [metric, type, help, value, comment] of metrics(name, s)) {
    text += `# HELP ${metric} ${help}\n${comment === undefined ? '' : `# ${comment}\n`}# TYPE ${metric} ${type}\n${metric}${labels} ${value}\n`;
  }
  return text;
}

const one = (condition: boolean): number => (condition ? 1 : 0);

/** Epoch seconds of PostgreSQL's `YYYY-MM-DD HH:MM:SS.ffffff+00:00`; 0 when unknown. */
function epochSeconds(time: string | undefined): number {
  if (time === undefined) return 0;
  const match = /^(\d{4})-(\d{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2})(\.\d+)?([+-])(\d{2}):?(\d{2})?/.exec(time);
  if (match === null) return 0;
  const [, year, month, day, hour, minute, second, fraction = '0', sign, zoneHours, zoneMinutes = '0'] = match;
  const utc = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second)) / 1000;
  return utc - (sign === '-' ? -1 : 1) * (Number(zoneHours) * 3600 + Number(zoneMinutes) * 60) + Number(fraction);
}

function metrics(name: string, s: AgentSnapshot): Metric[] {
  const server = s.postgres.status.kind === 'known' ? s.postgres.status.value : undefined;
  const role = shownRole(s);
  const state = shownState(s);
  const isSync = isSyncStandby(s, name);
  const isStandby = server?.isInRecovery === true;
  const stateNumber = POSTGRES_STATES.findIndex(([known]) => known === state);
  const replication: Metric[] =
    server === undefined || server.serverVersion < 90_600
      ? []
      : [
          [
            'patroni_postgres_streaming',
            'gauge',
            'Value is 1 if Postgres is streaming, 0 otherwise.',
            one(isStandby && server.replicationState === 'streaming'),
          ],
          [
            'patroni_postgres_in_archive_recovery',
            'gauge',
            'Value is 1 if Postgres is replicating from archive, 0 otherwise.',
            one(isStandby && server.replicationState === 'in archive recovery'),
          ],
        ];
  return [
    [
      'patroni_version',
      'gauge',
      'Patroni semver without periods.',
      COMPATIBLE_VERSION.split('.')
        .map((part) => part.padStart(2, '0'))
        .join(''),
    ],
    ['patroni_postgres_running', 'gauge', 'Value is 1 if Postgres is running, 0 otherwise.', one(state === 'running')],
    ['patroni_postmaster_start_time', 'gauge', 'Epoch seconds since Postgres started.', epochSeconds(server?.postmasterStartTime)],
    ['patroni_primary', 'gauge', 'Value is 1 if this node is the leader, 0 otherwise.', one(role === 'primary')],
    [
      'patroni_xlog_location',
      'counter',
      'Current location of the Postgres transaction log, 0 if this node is not the leader.',
      server?.walLsn ?? 0,
    ],
    ['patroni_standby_leader', 'gauge', 'Value is 1 if this node is the standby_leader, 0 otherwise.', one(role === 'standby_leader')],
    ['patroni_replica', 'gauge', 'Value is 1 if this node is a replica, 0 otherwise.', one(role === 'replica')],
    [
      'patroni_sync_standby',
      'gauge',
      'Value is 1 if this node is a sync standby, 0 otherwise.',
      one(isSync && s.config.synchronousMode === 'on'),
    ],
    [
      'patroni_quorum_standby',
      'gauge',
      'Value is 1 if this node is a quorum standby, 0 otherwise.',
      one(isSync && s.config.synchronousMode === 'quorum'),
    ],
    [
      'patroni_xlog_received_location',
      'counter',
      'Current location of the received Postgres transaction log, 0 if this node is not a replica.',
      isStandby ? server.receiveLsn || server.replayLsn : 0,
    ],
    [
      'patroni_xlog_replayed_location',
      'counter',
      'Current location of the replayed Postgres transaction log, 0 if this node is not a replica.',
      isStandby ? server.replayLsn : 0,
    ],
    [
      'patroni_xlog_replayed_timestamp',
      'gauge',
      'Current timestamp of the replayed Postgres transaction log, 0 if null.',
      isStandby ? epochSeconds(server.replayTimestamp) : 0,
    ],
    ['patroni_xlog_paused', 'gauge', 'Value is 1 if the Postgres xlog is paused, 0 otherwise.', one(isStandby && server.isReplayPaused)],
    ...replication,
    ['patroni_postgres_server_version', 'gauge', 'Version of Postgres (if running), 0 otherwise.', server?.serverVersion ?? 0],
    ['patroni_cluster_unlocked', 'gauge', 'Value is 1 if the cluster is unlocked, 0 if locked.', one(s.view?.leader === undefined)],
    ['patroni_failsafe_mode_is_active', 'gauge', 'Value is 1 if failsafe mode is active, 0 if inactive.', one(s.isFailsafeActive)],
    ['patroni_failsafe_mode_enabled', 'gauge', 'Value is 1 if failsafe mode is enabled, 0 otherwise.', one(s.config.failsafeMode)],
    [
      'patroni_failsafe_member',
      'gauge',
      'Value is 1 if this node is listed in the failsafe key, 0 otherwise.',
      one(s.failsafe?.has(name) === true),
    ],
    ['patroni_postgres_timeline', 'gauge', 'Postgres timeline of this node (if running), 0 otherwise.', s.timeline ?? 0],
    ['patroni_dcs_last_seen', 'gauge', 'Epoch timestamp when DCS was last contacted successfully by Patroni.', s.dcsLastSeen],
    [
      'patroni_pending_restart',
      'gauge',
      'Value is 1 if the node needs a restart, 0 otherwise.',
      one(Object.keys(s.postgres.pendingRestart).length > 0),
    ],
    ['patroni_is_paused', 'gauge', 'Value is 1 if auto failover is disabled, 0 otherwise.', one(s.config.isPaused)],
    [
      'patroni_postgres_state',
      'gauge',
      'Numeric representation of Postgres state.',
      stateNumber,
      `Values: ${POSTGRES_STATES.map(([, label], index) => `${index}=${label}`).join(', ')}`,
    ],
    ['patroni_failover_priority', 'gauge', 'Failover priority of this node.', traitsOf(s.tags).failoverPriority],
  ];
}
