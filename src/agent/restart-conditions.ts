import { isPrimary, type Observation } from '../ha/observation.js';
import type { RestartRequest } from '../ports/agent-control.js';

/** Why a restart with these conditions is not to be done now; undefined: it is (ha.md §22.5). */
export function restartObstacle(request: RestartRequest, o: Observation): string | undefined {
  const role = o.postgres.role === 'promoted' || (o.postgres.role !== 'standby_leader' && isPrimary(o)) ? 'primary' : o.postgres.role;
  if (request.role !== undefined && request.role !== role) return 'host role mismatch';
  if (!mayStart(o)) return 'not the leader, and not set up as a standby';
  const running = o.postgres.status.kind === 'known' ? o.postgres.status.value.serverVersion : undefined;
  const wanted = request.postgres_version === undefined ? undefined : versionNumber(request.postgres_version);
  if (wanted !== undefined && running !== undefined && wanted <= running) return 'postgres version mismatch';
  if ('restart_pending' in request && Object.keys(o.postgres.pendingRestart).length === 0) return 'pending restart flag is not set';
  return undefined;
}

/**
 * Whether a start can't make a second primary. A former primary that was taken down, or rewound, and has followed nobody
 * since comes up read-write: only the leader may do that, and in maintenance mode whoever is a primary anyway.
 */
function mayStart(o: Observation): boolean {
  if (o.postgres.hasRecoveryConfiguration || o.isLeaseValid) return true;
  const leader = o.cluster.kind === 'known' ? o.cluster.view.leader?.name : o.oldView?.leader?.name;
  return o.config.isPaused && (isPrimary(o) || leader === undefined || leader === o.me);
}

/** `15.2` → 150002, `9.6.24` → 90624; undefined for anything else. */
export function versionNumber(text: string): number | undefined {
  const parts = text.split('.').map((part) => (/^[0-9]+$/.test(part) ? Number(part) : Number.NaN));
  const [major = Number.NaN, minor = Number.NaN, patch] = parts;
  if (parts.some(Number.isNaN) || Number.isNaN(minor)) return undefined;
  if (parts.length === 2) return major >= 10 ? major * 10_000 + minor : undefined;
  return parts.length === 3 && patch !== undefined ? major * 10_000 + minor * 100 + patch : undefined;
}
