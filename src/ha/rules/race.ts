import { milliseconds } from '../../base/duration.js';
import { apiUrlOf } from '../../cluster/member.js';
import { isStarting } from '../../cluster/postgres-state.js';
import { isSyncMember } from '../../cluster/sync-state.js';
import { memberNamed } from '../../cluster/view.js';
import type { PeerStatus } from '../../ports/peers.js';
import { judgeCandidacy, needsVotes } from '../candidacy.js';
import { type Action, log } from '../decision.js';
import {
  compareWithMe,
  describeRequest,
  isQuorumActive,
  isSyncActive,
  judgeRace,
  limitationOf,
  needsTimeline,
  type Peer,
  type PeerAnswers,
  raceHandicap,
  raceMembers,
  racePeers,
  requestedRaceMembers,
} from '../election.js';
import type { Memory } from '../memory.js';
import { isPrimary, type KnownObservation, ownLsn } from '../observation.js';
import { armed } from '../rewind.js';
import { ask, conclude, type Rule, rule, type Verdict } from '../rule.js';
import { isSucceeded, staleTimeline } from '../succession.js';
import { canSomebodyTakeOver } from '../takeover.js';
import { demoteActions } from './demote.js';
import { isForeign } from './identity.js';

/** A leaderless cluster is looked at again after this long, not after loop_wait: clients are waiting. */
const RETRY_MS = 1000;
/** After this when all that is missing is a vote that is on its way. */
const SOON_MS = 100;

const request = (o: KnownObservation) => o.cluster.view.failover;
const isUnscheduled = (o: KnownObservation): boolean => request(o) !== undefined && request(o)?.scheduledAt === undefined;

function acquire(lines: readonly Action[] = []): Verdict {
  return { reason: '', actions: [...lines, { kind: 'acquire-lock' }], goOn: true };
}

/** This member does not try to become leader now: a primary stops, a standby stays as it is (ha.md §7.0 row 4). */
function stayOut(o: KnownObservation, memory: Memory, lines: readonly Action[] = [], retryMs = RETRY_MS): Verdict {
  if (o.config.isPaused) {
    return isPrimary(o)
      ? conclude('continue to run as primary without lock', [...lines, { kind: 'set-role', role: 'primary' }])
      : conclude(`no action. I am (${o.me})`, lines);
  }
  const isForbidden = o.policy.traits.nofailover;
  const rewind = isForbidden || request(o)?.candidate !== undefined || isPrimary(o) ? armed(memory, o) : memory.rewind;
  const rest = { remember: { rewind }, wakeAt: milliseconds(o.now + retryMs) };
  if (isPrimary(o)) {
    const why = isForbidden
      ? 'demoting self because I am not allowed to become primary'
      : 'demoting self because i am not the healthiest node';
    return conclude(why, [...lines, ...demoteActions('immediate-nolock')], rest);
  }
  const why = isForbidden
    ? 'following a different leader because I am not allowed to promote'
    : 'following a different leader because i am not the healthiest node';
  return conclude(why, lines, rest);
}

function missingAnswers(o: KnownObservation, peers: readonly Peer[]): readonly Peer[] {
  return peers.filter((peer) => o.facts.peers?.has(peer.name) !== true);
}

function answersOf(o: KnownObservation, peers: readonly Peer[]): PeerAnswers {
  return new Map(
    peers.flatMap((peer) => {
      const answer = o.facts.peers?.get(peer.name);
      return answer === undefined ? [] : [[peer.name, answer] as const];
    }),
  );
}

/**
 * The mode is on, or was until a moment ago, as far as this agent can know: a primary without store learns of the change last, and
 * its last consent may be younger than the change.
 */
function isFailsafeAtWork(o: KnownObservation, memory: Memory): boolean {
  const { failsafeMode, ttlMs, loopWaitMs } = o.config;
  const heard = Math.max(memory.failsafeOffSince ?? Number.NEGATIVE_INFINITY, o.failsafe.knownSince);
  return failsafeMode || o.now - heard < ttlMs + loopWaitMs;
}

function failsafePeers(o: KnownObservation): readonly Peer[] {
  const listed = [...(o.cluster.view.failsafe ?? [])].map(([name, apiUrl]) => ({ name, apiUrl }));
  return listed.filter(({ name }) => name !== o.me);
}

function isPerhapsPrimary(answer: PeerStatus | undefined): boolean {
  if (answer?.kind === 'answered') return !answer.isInRecovery;
  return answer?.hasNoData !== true;
}

/** A race among `members`: first what speaks against us, then everybody's answer. */
function runRace(o: KnownObservation, memory: Memory, options: { readonly isRequested: boolean }): Verdict {
  if (needsTimeline(o) && o.facts.replicaTimeline === undefined) return ask({ kind: 'read-replica-timeline' });
  const handicap = raceHandicap(o, !options.isRequested);
  if (handicap !== undefined) return stayOut(o, memory, [log('info', handicap)]);
  const members = options.isRequested ? requestedRaceMembers(o) : raceMembers(o);
  const peers = racePeers(o, members);
  const missing = missingAnswers(o, peers);
  if (missing.length > 0) return ask({ kind: 'ask-peers', peers: missing });
  const judgement = judgeRace(o, answersOf(o, peers), options.isRequested ? undefined : o.oldView?.leader?.name);
  return judgement.yes ? acquire(judgement.log) : stayOut(o, memory, judgement.log, judgement.isWaiting === true ? SOON_MS : RETRY_MS);
}

/**
 * The candidate of a request takes the lock without an election; in quorum mode only when it is known to have every acknowledged
 * commit. Whoever orders a failover, not a switchover, takes the risk that members who can't be asked had more, but not that
 * somebody who answers has.
 */
function requestedCandidate(o: KnownObservation, memory: Memory): Verdict {
  if (isSyncActive(o) && !isSyncMember(o.cluster.view.sync, o.me))
    return acquire([log('warning', `${describeRequest(o.cluster.view)}: I am not in /sync, acknowledged commits may be lost`)]);
  if (!needsVotes(o, o.me)) return acquire();
  if (o.facts.replicaTimeline === undefined) return ask({ kind: 'read-replica-timeline' });
  const peers = racePeers(o, raceMembers(o));
  const missing = missingAnswers(o, peers);
  if (missing.length > 0) return ask({ kind: 'ask-peers', peers: missing });
  const judgement = judgeCandidacy(o, answersOf(o, peers));
  if (judgement.yes) return acquire(judgement.log);
  const kind = describeRequest(o.cluster.view);
  if (request(o)?.leader === undefined && !judgement.isBehind && judgement.isWaiting !== true)
    return acquire([...judgement.log, log('warning', `${kind}: not all members that may have acknowledged commits could be asked`)]);
  const why = judgement.isBehind ? 'another member has more' : 'not enough members have confirmed that they have no more';
  const lines = [...judgement.log, log('info', `${kind}: waiting, because ${why}`)];
  return stayOut(o, memory, lines, judgement.isWaiting === true ? SOON_MS : RETRY_MS);
}

/** Nobody waits for a candidate that he himself keeps from being elected. */
function isKeptOutByMe(o: KnownObservation, candidate: string, status: PeerStatus | undefined): boolean {
  if (o.config.isPaused || !needsVotes(o, candidate) || !needsVotes(o, o.me)) return false;
  return status?.kind === 'answered' && status.isInRecovery && compareWithMe(o, status) < 0;
}

/** The manual request while nobody leads (ha.md §10.3); undefined: it does not settle the matter. */
function requestedRace(o: KnownObservation, memory: Memory): Verdict | undefined {
  const wanted = request(o);
  if (wanted === undefined) return undefined;
  const { view } = o.cluster;
  const kind = describeRequest(view);
  if (wanted.candidate === o.me) return requestedCandidate(o, memory);
  if (wanted.candidate !== undefined && o.config.isPaused) return stayOut(o, memory);
  const lines: Action[] = [];
  if (wanted.candidate !== undefined) {
    if (isSyncActive(o) && !isQuorumActive(o) && !isSyncMember(view.sync, o.me)) return stayOut(o, memory);
    const candidate = memberNamed(view, wanted.candidate);
    const apiUrl = candidate === undefined ? undefined : apiUrlOf(candidate);
    if (candidate !== undefined && apiUrl !== undefined) {
      if (needsTimeline(o) && o.facts.replicaTimeline === undefined) return ask({ kind: 'read-replica-timeline' });
      const missing = missingAnswers(o, [{ name: candidate.name, apiUrl }]);
      if (missing.length > 0) return ask({ kind: 'ask-peers', peers: missing });
      const status = o.facts.peers?.get(candidate.name);
      const limitation = isKeptOutByMe(o, candidate.name, status) ? 'behind this member' : limitationOf(status);
      if (limitation === undefined) return stayOut(o, memory, [log('info', `${kind}: to ${candidate.name}, i am ${o.me}`)]);
      lines.push(log('warning', `${kind}: member ${candidate.name} is ${limitation}`));
    }
  } else if (o.config.isPaused) return stayOut(o, memory);
  if (wanted.leader === o.me) {
    const takeover = canSomebodyTakeOver(o, { excludeCandidate: wanted.candidate !== undefined });
    if (takeover.kind === 'ask') return ask(takeover.question);
    return takeover.yes ? stayOut(o, memory, [...lines, ...takeover.log]) : acquire([...lines, ...takeover.log]);
  }
  const verdict = runRace(o, memory, { isRequested: true });
  return { ...verdict, actions: [...(verdict.goOn === true && verdict.actions[0]?.kind === 'ask-peers' ? [] : lines), ...verdict.actions] };
}

/** A primary may go on without store by the word of those in the failsafe map. Nobody asked this member, who is not in it. */
function notAskedByPrimary(o: KnownObservation, memory: Memory): Verdict | undefined {
  const { failsafe } = o.cluster.view;
  if (!isFailsafeAtWork(o, memory) || failsafe === undefined || failsafe.size === 0 || failsafe.has(o.me)) return undefined;
  return unlessNoPrimaryLeft(
    o,
    memory,
    (name) =>
      `this member is not in the failsafe map, and ${name} may lead in failsafe mode (if ${name} is gone for good, turn failsafe_mode off)`,
  );
}

/** Whether the mode is on now does not matter: it may have been turned off since. */
function promisedBeforeRestart(o: KnownObservation, memory: Memory): Verdict | undefined {
  const isYoung = o.now - o.failsafe.knownSince < o.config.ttlMs;
  if (!isYoung) return undefined;
  return unlessNoPrimaryLeft(o, memory, (name) => `backoff: this agent started less than ttl ago, and ${name} may lead in failsafe mode`);
}

function unlessNoPrimaryLeft(o: KnownObservation, memory: Memory, line: (name: string) => string): Verdict | undefined {
  const listed = failsafePeers(o);
  const missing = missingAnswers(o, listed);
  if (missing.length > 0) return ask({ kind: 'ask-peers', peers: missing });
  const silent = listed.find(({ name }) => isPerhapsPrimary(o.facts.peers?.get(name)));
  if (silent === undefined) return undefined;
  // In maintenance mode, too: somebody waits for this member to lead.
  return { ...stayOut(o, memory, [log('info', line(silent.name))]), wakeAt: milliseconds(o.now + RETRY_MS) };
}

/** A primary that was let go on without store, and has not heard of maintenance mode, is still believed in. */
function pausedRequest(o: KnownObservation, memory: Memory): Verdict | undefined {
  const promised = request(o)?.candidate === o.me ? (notAskedByPrimary(o, memory) ?? promisedBeforeRestart(o, memory)) : undefined;
  return promised ?? requestedRace(o, memory);
}

/** Nobody holds the lock (ha.md §7). */
export const race: readonly Rule<KnownObservation>[] = [
  rule({
    id: 'race/lost',
    why: 'The store gave the key to somebody else, whom the view does not show yet.',
    match: (o) => o.facts.acquire === 'held-by-other',
    decide: (_, o, memory) =>
      isPrimary(o) && !o.config.isPaused
        ? conclude('demoted self after trying and failing to obtain lock', demoteActions('immediate-nolock'), {
            remember: { rewind: armed(memory, o) },
          })
        : conclude('following new leader after trying and failing to obtain lock', [], { wakeAt: milliseconds(o.now + RETRY_MS) }),
  }),
  rule({
    id: 'race/back-off-from-live-primary',
    why: 'A frozen agent beside a living primary: its standbys still receive WAL.',
    match: (o, memory) => {
      const backoff = o.config.primaryRaceBackoffMs;
      // A primary must not wait without lock: it gets its key back, or stops.
      if (o.config.isPaused || isPrimary(o) || o.config.standbyCluster !== undefined || backoff <= 0) return undefined;
      if (request(o)?.candidate !== undefined || memory.previousLsn === undefined) return undefined;
      const startedAt = memory.raceBackoffStartedAt ?? o.now;
      const left = startedAt + backoff - o.now;
      const status = o.postgres.status;
      const isStreaming = status.kind === 'known' && status.value.replicationState === 'streaming';
      const hasMoved = isStreaming && (ownLsn(o) ?? 0n) > memory.previousLsn;
      return (left > 0 && hasMoved) || left > backoff - o.config.loopWaitMs ? { startedAt, left } : undefined;
    },
    decide: ({ startedAt, left }, o) =>
      conclude(`My (${o.me}) wal position moved since last heart beat loop, ${Math.round(left / 1000)} seconds until leader race`, [], {
        remember: { raceBackoffStartedAt: startedAt },
        wakeAt: milliseconds(startedAt + o.config.primaryRaceBackoffMs),
      }),
  }),
  rule({
    id: 'race/stop-receiving',
    why: 'Who votes for a new leader must not acknowledge commits of the old one, whose server may still be alive.',
    match: (o) =>
      isQuorumActive(o) &&
      !o.config.isPaused &&
      !isPrimary(o) &&
      isSyncMember(o.cluster.view.sync, o.me) &&
      o.postgres.status.kind === 'known' &&
      o.postgres.isCutOff !== true &&
      o.facts.isCutOff === undefined,
    decide: () => ask({ kind: 'stop-receiving' }),
  }),
  rule({
    id: 'race/back-off-after-pre-promote',
    why: 'The script said no; others get their chance for one ttl.',
    match: (o, memory) => memory.releasedKeyAt !== undefined && o.now - memory.releasedKeyAt < o.config.ttlMs,
    decide: (_, o, memory) =>
      stayOut(o, memory, [log('info', 'backoff: skip leader race after pre_promote script failure and releasing the lock voluntarily')]),
  }),
  rule({
    id: 'race/paused-request',
    why: 'In maintenance mode only the named candidate of an unscheduled request may take the lock, unless a primary counts on its word.',
    match: (o, memory) =>
      o.config.isPaused && !o.policy.traits.nofailover && isUnscheduled(o) && !isPrimary(o) && !isForeign(o)
        ? pausedRequest(o, memory)
        : undefined,
    decide: (verdict) => verdict,
  }),
  rule({
    id: 'race/starting',
    why: 'A server that does not answer yet can’t tell its position.',
    match: (o) => isStarting(o.postgres.state),
    decide: (_, o, memory) => stayOut(o, memory),
  }),
  rule({
    id: 'race/stale-primary',
    why: 'A primary of an older timeline missed a promotion; its key would discard the history of others.',
    match: (o) => staleTimeline(o),
    decide: ({ mine, needed }, o, memory) =>
      stayOut(o, memory, [log('warning', `My timeline ${mine} is behind last known cluster timeline ${needed}`)]),
  }),
  rule({
    id: 'race/succeeded-primary',
    why: 'Somebody else was elected since and has claimed /sync; that it did not lead in the end gives no right to go on.',
    match: (o) => (!o.config.isPaused && isSucceeded(o) ? o.cluster.view.sync.leader : undefined),
    decide: (successor, o, memory) => stayOut(o, memory, [log('warning', `The key sync names ${successor}, who was elected meanwhile`)]),
  }),
  rule({
    id: 'race/paused-primary',
    why: 'A living primary gets its key back, unless it is of another cluster.',
    match: (o) => o.config.isPaused && isPrimary(o),
    decide: (_, o, memory) => {
      const { initialize } = o.cluster.view;
      return initialize === undefined || initialize === '' || initialize === o.postgres.systemId ? acquire() : stayOut(o, memory);
    },
  }),
  rule({
    id: 'race/primary',
    why: 'A living primary of the newest timeline gets its key back.',
    match: (o) => isPrimary(o),
    decide: (_, o, memory) => (o.postgres.status.kind === 'known' ? acquire() : stayOut(o, memory)),
  }),
  rule({
    id: 'race/paused',
    why: 'In maintenance mode nobody races.',
    match: (o) => o.config.isPaused,
    decide: (_, o, memory) => stayOut(o, memory),
  }),
  rule({
    id: 'race/nofailover',
    why: 'This member must never lead.',
    match: (o) => o.policy.traits.nofailover,
    decide: (_, o, memory) => stayOut(o, memory),
  }),
  rule({
    id: 'race/server-does-not-answer',
    why: 'Without its own position a member can’t compare itself with others.',
    match: (o) => o.postgres.status.kind !== 'known',
    decide: (_, o, memory) => stayOut(o, memory),
  }),
  rule({
    id: 'race/not-in-failsafe-map',
    why: 'A primary may go on without store by the word of those listed; an unlisted one was never asked, and has to ask them all.',
    match: notAskedByPrimary,
    decide: (verdict) => verdict,
  }),
  rule({
    id: 'race/may-have-promised',
    why: 'Before its restart this member may have let a primary go on without store; that word holds for ttl.',
    match: promisedBeforeRestart,
    decide: (verdict) => verdict,
  }),
  rule({
    id: 'race/switchover-needs-synchronous-standby',
    why: 'Only members of /sync have every acknowledged commit.',
    match: (o) => request(o)?.leader !== undefined && isSyncActive(o) && !isSyncMember(o.cluster.view.sync, o.me),
    decide: (_, o, memory) => stayOut(o, memory),
  }),
  rule({
    id: 'race/requested',
    why: 'The request says who is to lead; its candidate needs no election.',
    match: (o, memory) => requestedRace(o, memory),
    decide: (verdict) => verdict,
  }),
  rule({
    id: 'race/watchdog-unusable',
    why: 'A required watchdog that can’t be armed keeps a member from leading.',
    match: (o) => !o.watchdog.isHealthy,
    decide: (_, o, memory) => stayOut(o, memory, [log('warning', 'Watchdog device is not usable')]),
  }),
  rule({
    id: 'race/not-synchronous',
    why: 'Only members of /sync have every acknowledged commit.',
    match: (o) => isSyncActive(o) && !isQuorumActive(o) && !isSyncMember(o.cluster.view.sync, o.me),
    decide: (_, o, memory) => stayOut(o, memory),
  }),
  rule({
    id: 'race/run',
    why: 'Who has most, with the highest priority, may take the lock; the store decides between equals.',
    match: () => true,
    decide: (_, o, memory) => runRace(o, memory, { isRequested: false }),
  }),
];
