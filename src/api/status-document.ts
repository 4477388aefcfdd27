import { COMPATIBLE_VERSION } from '../base/version.js';
import { FOLLOWS_BY_RELOAD_FROM } from '../cluster/postgres-state.js';
import { isSyncVoter } from '../cluster/sync-state.js';
import type { AgentControl, AgentSnapshot } from '../ports/agent-control.js';

/** The role as documents show it: PostgreSQL's own while it answers, else what the agent remembers (rest-api.md §5). */
export function shownRole(s: AgentSnapshot): string {
  if (s.postgres.status.kind !== 'known') return s.postgres.role;
  if (s.postgres.status.value.primaryTimeline !== 0) return 'primary';
  return s.config.standbyCluster === undefined ? 'replica' : s.postgres.role;
}

/** `unknown` when a server that should run did not answer. */
export function shownState(s: AgentSnapshot): string {
  return s.postgres.status.kind !== 'known' && s.postgres.state === 'running' ? 'unknown' : s.postgres.state;
}

export function isSyncStandby(s: AgentSnapshot, name: string): boolean {
  if (s.config.synchronousMode === 'off' || s.view === undefined || shownRole(s) !== 'replica') return false;
  return s.postgres.status.kind === 'known' && isSyncVoter(s.view.sync, name);
}

/**
 * Our extension: a standby that may still acknowledge commits of its upstream. Its vote in a quorum race does not count
 * before that has ended. Older servers take a new upstream by a restart only; like Patroni's members they say nothing.
 */
function mayAcknowledge({ postgres, config, view }: AgentSnapshot): boolean {
  if (postgres.status.kind !== 'known' || !postgres.status.value.isInRecovery) return false;
  const isQuorum = config.synchronousMode === 'quorum' || (view?.sync.quorum ?? 0) > 0;
  return isQuorum && postgres.majorVersion >= FOLLOWS_BY_RELOAD_FROM && postgres.isCutOff !== true;
}

/** The document of `GET /patroni` (rest-api.md §5, §8.1); undefined fields are left out when it is written. */
export function statusDocument(control: Pick<AgentControl, 'name' | 'scope'>, s: AgentSnapshot): Record<string, unknown> {
  const filled = (value: object): object | undefined => (Object.keys(value).length > 0 ? value : undefined);
  const pending = filled(s.postgres.pendingRestart);
  const troubles = (s.postgres.troubles ?? []).map((trouble) => trouble.kind);
  return {
    ...serverFields(control.name, s),
    pause: s.config.isPaused || undefined,
    cluster_unlocked: s.view?.leader === undefined || undefined,
    failsafe_mode_is_active: s.isFailsafeActive || undefined,
    dcs_last_seen: s.dcsLastSeen,
    tags: filled(s.tags),
    database_system_identifier: s.postgres.systemId,
    pending_restart: pending && true,
    pending_restart_reason: pending,
    patroni: { version: COMPATIBLE_VERSION, scope: control.scope, name: control.name },
    scheduled_restart: s.scheduledRestart,
    watchdog_failed: s.isWatchdogFailed || undefined,
    disk_full: troubles.some((kind) => kind === 'disk-full') || undefined,
    server_troubles: troubles.length > 0 ? troubles : undefined,
    logger_queue_size: s.logQueue.size > 2 ? s.logQueue.size : undefined,
    logger_records_lost: s.logQueue.size > 2 && s.logQueue.lost > 0 ? s.logQueue.lost : undefined,
  };
}

function serverFields(name: string, s: AgentSnapshot): Record<string, unknown> {
  const role = shownRole(s);
  if (s.postgres.status.kind !== 'known') return { state: shownState(s), role };
  const v = s.postgres.status.value;
  const isSync = isSyncStandby(s, name);
  return {
    state: shownState(s),
    postmaster_start_time: v.postmasterStartTime,
    role,
    server_version: v.serverVersion,
    xlog:
      v.primaryTimeline !== 0
        ? { location: v.walLsn }
        : {
            received_location: v.receiveLsn || v.replayLsn,
            replayed_location: v.replayLsn,
            replayed_timestamp: v.replayTimestamp ?? null,
            paused: v.isReplayPaused,
          },
    sync_standby: (isSync && s.config.synchronousMode === 'on') || undefined,
    quorum_standby: (isSync && s.config.synchronousMode === 'quorum') || undefined,
    receives_wal: mayAcknowledge(s) || undefined,
    timeline: s.timeline ?? null,
    replication_state: v.primaryTimeline === 0 ? v.replicationState : undefined,
    replication: v.walSenders.length > 0 ? v.walSenders : undefined,
  };
}
