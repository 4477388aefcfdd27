import { assertNever } from '../base/assert.js';
import { formatIsoTime } from '../base/iso-time.js';
import { stringifyJson } from '../base/json.js';
import { type HistoryLine, historyDocument } from '../cluster/history.js';
import type { Action } from '../ha/decision.js';
import { promisedTo } from '../ha/failsafe.js';
import { type Facts, isPrimary, type KnownObservation, type Observation } from '../ha/observation.js';
import { historyLines } from '../ha/timeline-history.js';
import type { PeerStatus } from '../ports/peers.js';
import type { AgentPorts } from './environment.js';
import type { Failsafe } from './failsafe.js';
import type { JobRunner } from './job-runner.js';
import type { LockKeeper } from './lock-keeper.js';
import type { LogicalSlotKeeper } from './logical-slots.js';
import type { Publisher } from './publisher.js';
import { executeSlotAction, isSlotAction } from './slot-actions.js';
import type { AgentState } from './state.js';
import type { SyncKeeper } from './sync-keeper.js';
import { walTimeline } from './wal-timeline.js';

/** A peer that does not answer within this time counts as unreachable (ha.md §3.3). */
export const PEER_TIMEOUT_MS = 2000;

/** What executing an action gave: facts for the next round, a changed observation, or the end of the agent. */
export interface Effect {
  readonly facts?: Facts;
  readonly exit?: { readonly code: number; readonly message: string; readonly stopServer: boolean };
  /** The rest of the list is dropped, and the next round sees why. */
  readonly isFailed?: boolean;
}

export interface ExecutorParts {
  readonly ports: AgentPorts;
  readonly state: AgentState;
  readonly lock: LockKeeper;
  readonly jobs: JobRunner;
  readonly publisher: Publisher;
  readonly failsafe: Failsafe;
  readonly logicalSlots: LogicalSlotKeeper;
  readonly sync: SyncKeeper;
  /** Looks at the server again, into the state. */
  readonly look: () => Promise<void>;
  /** Reads the view again into the state. @throws DcsUnavailable */
  readonly reload: () => Promise<void>;
  readonly applyScheduledRestart: (o: KnownObservation) => void;
  /** Starts the first checkpoint after a promotion beside the cycle. */
  readonly checkpointAfterPromote: () => void;
}

const NOTHING: Effect = {};

/** Carries out one action. @throws DcsUnavailable when the store gave no answer to a question about the lock or a key. */
export async function execute(action: Action, o: Observation, parts: ExecutorParts): Promise<Effect> {
  const { ports, state, lock, jobs, publisher, failsafe } = parts;
  const { postgres, dcs, log, watchdog } = ports;
  const timeoutMs = o.config.retryTimeoutMs;
  if (isSlotAction(action)) {
    await executeSlotAction(action, ports, parts.logicalSlots);
    return NOTHING;
  }
  switch (action.kind) {
    case 'renew-lock': {
      const outcome = await lock.renew(state.view?.leader, state.viewAt);
      if (outcome === 'renewed' && action.withStatus && o.cluster.kind === 'known') {
        await publisher.status({ ...o, cluster: o.cluster });
        if (o.config.failsafeMode) await failsafe.publish({ ...o, cluster: o.cluster });
      }
      return { facts: { lock: outcome } };
    }
    case 'acquire-lock': {
      // A primary may have been promised to go on while this member looked at the others.
      if (promisedTo({ ...o, failsafe: failsafe.known(), now: ports.clock.monotonic() }) !== undefined)
        return { facts: { acquire: 'held-by-other' } };
      // Also when no answer comes: the lock may turn out to be ours later.
      parts.sync.runsFor(state.view?.sync.version);
      const outcome = await lock.acquire();
      if (outcome === 'acquired') await afterAcquiring(o, parts);
      else {
        log.info('Could not take out TTL lock');
        // A primary beside the owner of the lock stops now; reading the store may take as long as a request may.
        if (isPrimary(o)) return { facts: { acquire: outcome } };
      }
      await parts.reload();
      return { facts: { acquire: outcome } };
    }
    case 'reload-view':
      await parts.reload();
      return { facts: { isReloaded: true } };
    case 'ask-peers':
      return { facts: { peers: await askPeers(action.peers, o, ports) } };
    case 'ask-failsafe':
      return { facts: { failsafe: await failsafe.round(o) } };
    case 'activate-watchdog':
      return { facts: { isWatchdogActive: await watchdog.activate() } };
    case 'prepare-sync':
      return o.cluster.kind === 'known' ? { facts: { isSyncPrepared: await parts.sync.prepare({ ...o, cluster: o.cluster }) } } : NOTHING;
    case 'maintain-sync':
      if (o.cluster.kind === 'known') await parts.sync.maintain({ ...o, cluster: o.cluster });
      return NOTHING;
    case 'read-control-data':
      return { facts: { controlData: (await postgres.controlData()) ?? 'unreadable' } };
    case 'read-can-rewind':
      return { facts: { canRewind: await postgres.canRewind() } };
    case 'read-backup-label':
      return { facts: { canSkipSingleUserRecovery: await postgres.canSkipSingleUserRecovery() } };
    case 'read-local-position':
      return { facts: { localPosition: (await postgres.localPosition()) ?? 'unknown' } };
    case 'read-leader-timelines':
      return { facts: { leaderTimelines: await postgres.leaderTimelines(action.leader) } };
    case 'read-checkpoint-record-end':
      return { facts: { checkpointRecordEnd: (await postgres.checkpointRecordEnd(action.timeline, action.lsn)) ?? 'unknown' } };
    case 'read-replica-timeline':
      return { facts: await timelineFacts(state, postgres) };
    case 'read-local-history':
      return { facts: { localHistory: await postgres.timelineHistory(action.timeline) } };
    case 'read-next-timeline':
      return { facts: { hasNextTimeline: (await postgres.timelineHistory(action.timeline + 1)).length > 0 } };
    case 'compare-recovery':
      return { facts: { recovery: await postgres.compareRecovery(action.upstream) } };
    case 'write-initialize':
      return { facts: { isInitializeWritten: await dcs.writeInitialize(action.value, action.mode, { timeoutMs }) } };
    case 'start-job': {
      const refusal = jobs.start(action.job);
      if (refusal === undefined) return NOTHING;
      log.warning(refusal);
      return { isFailed: true };
    }
    case 'cancel-job':
      await jobs.cancel();
      return NOTHING;
    case 'release-lock':
      if (action.lastLsn !== undefined && o.cluster.kind === 'known')
        await publisher.finalPosition({ ...o, cluster: o.cluster }, action.lastLsn);
      await lock.release(state.view?.leader);
      state.view = undefined;
      if (action.publish) {
        await publisher.member({ ...o, isLeaseValid: false });
        log.info('Leader key released');
      }
      return NOTHING;
    case 'drop-lease':
      lock.drop();
      return NOTHING;
    case 'take-lock':
      return (await lock.take()) ? NOTHING : { isFailed: true };
    case 'set-role':
      postgres.setRole(action.role);
      state.postgres = { ...state.postgres, role: action.role };
      return NOTHING;
    case 'set-state':
      postgres.setState(action.state);
      state.postgres = { ...state.postgres, state: action.state };
      return NOTHING;
    case 'callback':
      postgres.callback(action.action);
      return NOTHING;
    case 'disarm-watchdog':
      watchdog.disable();
      return NOTHING;
    case 'write-failover':
      if (!(await dcs.writeFailover(action.value, action.version, { timeoutMs })))
        log.warning('failover key not written: it was changed meanwhile');
      return NOTHING;
    case 'write-history':
      await writeHistory(action.lines, o, ports);
      return NOTHING;
    case 'update-history':
      await updateHistory(action.timeline, o, ports);
      return NOTHING;
    case 'write-config':
      await dcs.writeConfig(stringifyJson(state.rawConfig), undefined, { timeoutMs });
      return NOTHING;
    case 'delete-initialize':
      await dcs.deleteInitialize({ timeoutMs });
      return NOTHING;
    case 'reload-recovery':
      await postgres.follow(action.upstream, { role: action.role, how: 'reload' });
      return NOTHING;
    case 'stop-receiving': {
      const isCutOff = await postgres.stopReceiving();
      // The positions that count are those from after the cut.
      await parts.look();
      return { facts: { isCutOff } };
    }
    case 'resume-replay':
      await postgres.resumeReplay();
      return NOTHING;
    case 'checkpoint-after-promote':
      parts.checkpointAfterPromote();
      return NOTHING;
    case 'stop-server':
      // What follows (giving the lock away) rests on the server being down.
      return { isFailed: !(await postgres.stop({ mode: action.mode, checkpoint: false, timeoutMs: action.timeoutMs })) };
    case 'move-data-directory-aside':
      await postgres.moveDataDirectoryAside();
      return NOTHING;
    case 'apply-scheduled-restart':
      if (o.cluster.kind === 'known') parts.applyScheduledRestart({ ...o, cluster: o.cluster });
      return NOTHING;
    case 'publish-member':
      await publisher.member(o);
      return NOTHING;
    case 'log':
      log[action.level](action.message);
      return NOTHING;
    case 'exit':
      return { exit: { code: action.code, message: action.message, stopServer: action.stopServer } };
    default:
      return assertNever(action);
  }
}

/** The winner cleans the request up; in maintenance mode the candidate's name stays and protects it until it is primary. */
async function afterAcquiring(o: Observation, { ports, state }: ExecutorParts): Promise<void> {
  state.slotRetention = new Map((state.view?.status.retainSlots ?? []).map((name) => [name, o.now]));
  const request = state.view?.failover;
  if (request === undefined) return;
  const options = { timeoutMs: o.config.retryTimeoutMs };
  if (o.config.isPaused && request.leader !== undefined && request.candidate !== undefined) {
    ports.log.info('Updating failover key after acquiring leader lock...');
    const rest = { member: request.candidate, ...(request.scheduledAt === undefined ? {} : { scheduled_at: request.scheduledAt }) };
    await ports.dcs.writeFailover(stringifyJson(rest), request.version, options);
  } else {
    ports.log.info('Cleaning up failover key after acquiring leader lock...');
    await ports.dcs.writeFailover(stringifyJson({}), undefined, options);
  }
}

export async function askPeers(
  peers: readonly { readonly name: string; readonly apiUrl: string }[],
  o: Observation,
  ports: AgentPorts,
): Promise<ReadonlyMap<string, PeerStatus>> {
  const answers = await Promise.all(peers.map((peer) => ports.peers.status(peer.name, peer.apiUrl, PEER_TIMEOUT_MS)));
  const all = new Map(o.facts.peers ?? []);
  for (const [index, peer] of peers.entries()) {
    const answer = answers[index];
    if (answer !== undefined) all.set(peer.name, answer);
  }
  return all;
}

async function writeHistory(lines: readonly HistoryLine[], o: Observation, { dcs }: AgentPorts): Promise<void> {
  await dcs.writeHistory(stringifyJson(historyDocument(lines)), { timeoutMs: o.config.retryTimeoutMs });
}

async function timelineFacts(state: AgentState, postgres: AgentPorts['postgres']): Promise<Facts> {
  const { timeline, isClear } = await walTimeline(state, postgres);
  return { replicaTimeline: timeline ?? 'unknown', isTimelineUnclear: !isClear };
}

/** `/history` from the local history files (ha.md §9.2). */
async function updateHistory(timeline: number, o: Observation, ports: AgentPorts): Promise<void> {
  if (timeline <= 1) return writeHistory([], o, ports);
  const local = await ports.postgres.timelineHistory(timeline);
  const known = o.cluster.kind === 'known' ? (o.cluster.view.history?.lines ?? []) : [];
  const lines = historyLines({ local, known, timeline, limit: o.config.maxTimelinesHistory, me: o.me, now: formatIsoTime(o.wallNow) });
  if (lines.length > 0) await writeHistory(lines, o, ports);
}
