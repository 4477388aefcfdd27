import { maxLsn } from '../../base/lsn.js';
import { parseInteger } from '../../base/python-values.js';
import { parseGlobalConfig } from '../../cluster/dynamic-config.js';
import { historyDocument } from '../../cluster/history.js';
import type { AgentControl, AgentSnapshot } from '../../ports/agent-control.js';
import { clusterDocument } from '../cluster-document.js';
import { metricsText } from '../metrics.js';
import { json, page, type Reply } from '../reply.js';
import { shownState, statusDocument } from '../status-document.js';

/** How old positions may be where nobody's election rests on them. */
const RECENT_MS = 1000;

/** What `GET` answers for the first path segment; undefined: it is a health check. `code` only: an answer without body. */
export async function getDocument(
  control: AgentControl,
  segment: string,
  query: URLSearchParams,
): Promise<Reply | { readonly status: number } | undefined> {
  switch (segment) {
    case 'patroni':
      return json(200, statusDocument(control, await control.refresh(0)));
    case 'liveness':
      return { status: isAlive(control.snapshot()) ? 200 : 503 };
    case 'readiness':
      return { status: isReady(await control.refresh(RECENT_MS), query) ? 200 : 503 };
    case 'metrics':
      return { code: 200, body: metricsText(control.scope, control.name, await control.refresh(RECENT_MS)), contentType: 'text/plain' };
    case 'cluster':
      return cluster(control);
    case 'history': {
      const view = control.snapshot().view ?? (await control.loadCluster());
      return json(200, historyDocument(view.history?.lines ?? []));
    }
    case 'config': {
      const view = control.snapshot().view ?? (await control.loadCluster());
      return view.config?.isValid === true ? json(200, view.config.data) : page(502);
    }
    case 'failsafe': {
      const { failsafe } = control.snapshot();
      return failsafe === undefined ? page(502) : json(200, Object.fromEntries(failsafe));
    }
    default:
      return undefined;
  }
}

async function cluster(control: AgentControl): Promise<Reply> {
  const view = await control.loadCluster();
  const parsed = view.config?.isValid === true ? parseGlobalConfig(view.config.data) : undefined;
  const config = parsed === undefined || 'invalid' in parsed ? control.snapshot().config : parsed.config;
  return json(200, clusterDocument(control.scope, view, config));
}

/** The loop is on time (rest-api.md §7): for a primary within one ttl, for others within two. */
function isAlive(s: AgentSnapshot): boolean {
  const patience = s.config.ttlMs * (s.postgres.role === 'primary' && s.postgres.isProcessRunning ? 1 : 2);
  return s.config.isPaused || s.nextCycleInMs + patience > 0;
}

function isReady(s: AgentSnapshot, query: URLSearchParams): boolean {
  if (s.isLeader) return true;
  if (shownState(s) !== 'running' || s.postgres.status.kind !== 'known') return false;
  const server = s.postgres.status.value;
  if (server.replicationState !== 'streaming') return false;
  if (s.view === undefined && server.latestEndLsn === undefined) return s.isFailsafeActive;
  const position = query.get('mode') === 'write' ? maxLsn(server.receiveLsn, server.replayLsn) : server.replayLsn;
  const limit = parseInteger(query.get('lag') || undefined, 'B') ?? s.config.maximumLagOnFailover;
  return maxLsn(s.view?.status.lastLsn, server.latestEndLsn) - position <= BigInt(limit);
}
