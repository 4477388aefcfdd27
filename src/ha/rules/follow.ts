import { timelineOf } from '../../cluster/member.js';
import { isStarting } from '../../cluster/postgres-state.js';
import { log } from '../decision.js';
import { isRewindExecuted, isRewindPending, type Memory } from '../memory.js';
import { hasLock, isPrimary, type KnownObservation } from '../observation.js';
import { armed, canActOnDivergence } from '../rewind.js';
import { ask, conclude, delegate, type Rule, rule, type Verdict } from '../rule.js';
import { upstreamOf } from '../upstream.js';
import { demoteActions } from './demote.js';
import { divergence } from './divergence.js';

/** PostgreSQL pauses replay from 14 on instead of failing when a parameter of the primary grew. */
const RESUMES_REPLAY_FROM = 140_000;

export interface FollowReasons {
  /** The sentence when this server runs as primary and is taken down. */
  readonly demote: string;
  readonly follow: string;
}

function wantedRole(o: KnownObservation): 'replica' | 'standby_leader' {
  return o.config.standbyCluster !== undefined && hasLock(o) ? 'standby_leader' : 'replica';
}

/** Being a standby of whoever should be followed (ha.md §8.3). The last row always fires. */
export function followTable(reasons: FollowReasons): readonly Rule<KnownObservation>[] {
  return [
    rule({
      id: 'follow/paused-primary',
      why: 'In maintenance mode a primary without lock is left alone; that is the operator’s word.',
      match: (o, memory) => isLeftAlone(o, memory) && isPrimary(o),
      decide: () => conclude('continue to run as primary without lock', [{ kind: 'set-role', role: 'primary' }]),
    }),
    rule({
      id: 'follow/paused-alone',
      why: 'Nobody to follow, and nothing to change in maintenance mode.',
      match: (o, memory) => isLeftAlone(o, memory) && upstreamOf(o) === undefined,
      decide: (_, o) =>
        conclude(`no action. I am (${o.me})`, o.postgres.role === 'standby_leader' ? [] : [{ kind: 'set-role', role: 'replica' }]),
    }),
    rule({
      id: 'follow/demote-cluster',
      why: 'The cluster became a standby cluster: a clean end under the lock, so that nothing acknowledged is missing on the other side.',
      match: (o) => isPrimary(o) && !o.config.isPaused && o.config.standbyCluster !== undefined && hasLock(o) && o.facts.lock !== 'lost',
      decide: (_, o, memory) => conclude(reasons.demote, demoteActions('demote-cluster'), { remember: { rewind: armed(memory, o) } }),
    }),
    rule({
      id: 'follow/demote',
      why: 'Two primaries must never accept writes: stop first, ask later.',
      match: (o) => isPrimary(o) && !o.config.isPaused,
      decide: (_, o, memory) => conclude(reasons.demote, demoteActions('immediate-nolock'), { remember: { rewind: armed(memory, o) } }),
    }),
    rule({
      id: 'follow/remote-has-newer-timeline',
      why: 'The history file of the next timeline has come from outside: perhaps this server can’t go there.',
      match: (o, memory) => {
        if (isLeftAlone(o, memory) || o.config.standbyCluster === undefined || isPrimary(o) || isRewindExecuted(memory)) return undefined;
        const timeline = o.cluster.view.leader === undefined ? undefined : timelineOf(o.cluster.view.leader.member);
        const isDue = timeline !== undefined && !isRewindPending(memory) && o.facts.localPosition === undefined;
        return isDue && o.facts.hasNextTimeline !== false && armed(memory, o) === 'check' ? timeline : undefined;
      },
      decide: (timeline, o) =>
        o.facts.hasNextTimeline === undefined
          ? ask({ kind: 'read-next-timeline', timeline })
          : { reason: '', actions: [], goOn: true, remember: { rewind: 'check' } },
    }),
    rule({
      id: 'follow/divergence',
      why: 'See the table of divergence.',
      match: (o, memory) => (isLeftAlone(o, memory) ? undefined : delegate(divergence, o, memory)),
      decide: (verdict) => verdict,
    }),
    rule({
      id: 'follow/resume-replay',
      why: 'From 14 on replay pauses when a parameter of the primary grew; it must not stay so.',
      match: (o) =>
        !o.config.isPaused &&
        o.postgres.majorVersion >= RESUMES_REPLAY_FROM &&
        o.postgres.status.kind === 'known' &&
        o.postgres.status.value.isReplayPaused &&
        o.facts.recovery === undefined,
      decide: (_, o) => ({
        reason: '',
        actions: [
          log('info', 'Resuming paused WAL replay for PostgreSQL 14+'),
          { kind: 'resume-replay' },
          { kind: 'compare-recovery', upstream: upstreamOf(o) },
        ],
        goOn: true,
      }),
    }),
    rule({
      id: 'follow/unknown-standby-leader',
      why: 'A cascade without a known head keeps what it has.',
      match: (o) => o.config.standbyCluster !== undefined && wantedRole(o) === 'replica' && upstreamOf(o)?.connUrl === undefined,
      decide: () => conclude('continue following the old known standby leader'),
    }),
    rule({
      id: 'follow/compare',
      why: 'The settings of the running server tell whether anything has to change.',
      match: (o) => o.facts.recovery === undefined,
      decide: (_, o) => ask({ kind: 'compare-recovery', upstream: upstreamOf(o) }),
    }),
    rule({
      id: 'follow/compare-with-remote-first',
      why: 'The server outside may be of another history on a timeline of the same number, which streaming would not tell.',
      match: (o, memory) => {
        const isNew = o.facts.recovery?.change === true && upstreamOf(o)?.kind === 'remote' && o.facts.localPosition === undefined;
        return isNew && !isRewindPending(memory) && !isRewindExecuted(memory) && armed(memory, o) === 'check';
      },
      decide: () => ({ reason: '', actions: [], goOn: true, remember: { rewind: 'check' } }),
    }),
    rule({
      id: 'follow/restart',
      why: 'Old servers take a new upstream only at start.',
      match: (o) => o.facts.recovery?.change === true && o.facts.recovery.restart && !isStarting(o.postgres.state),
      decide: (_, o, memory) =>
        conclude(reasons.follow, [{ kind: 'start-job', job: { kind: 'restart-standby', upstream: upstreamOf(o), role: wantedRole(o) } }], {
          remember: { rewind: armed(memory, o) },
        }),
    }),
    rule({
      id: 'follow/reload',
      why: 'A new upstream, applied while the server runs.',
      match: (o) => o.facts.recovery?.change === true && !isStarting(o.postgres.state),
      decide: (_, o, memory) =>
        conclude(reasons.follow, [{ kind: 'reload-recovery', upstream: upstreamOf(o), role: wantedRole(o) }], {
          remember: { rewind: armed(memory, o) },
        }),
    }),
    rule({
      id: 'follow/leader-has-newer-timeline',
      why: 'The leader went on to a timeline that this server did not: perhaps it can’t.',
      match: (o, memory) => {
        const theirs = o.cluster.view.leader === undefined ? undefined : timelineOf(o.cluster.view.leader.member);
        const isBehind = theirs !== undefined && memory.lastTimeline !== undefined && memory.lastTimeline < theirs;
        const isDue = isBehind && memory.rewind !== 'check' && memory.rewind !== 'need' && o.facts.localPosition === undefined;
        return isDue && armed(memory, o) === 'check' ? true : undefined;
      },
      decide: () => ({ reason: '', actions: [], goOn: true, remember: { rewind: 'check' } }),
    }),
    rule({
      id: 'follow/leader-has-older-timeline',
      why: 'A former history leads again, and this server has gone beyond it: it would wait for WAL that never comes.',
      match: (o, memory) => {
        const theirs = o.cluster.view.leader === undefined ? undefined : timelineOf(o.cluster.view.leader.member);
        const isBeyond = theirs !== undefined && memory.lastTimeline !== undefined && memory.lastTimeline > theirs;
        const isDue = isBeyond && memory.rewind !== 'check' && memory.rewind !== 'need' && o.facts.localPosition === undefined;
        return isDue && o.config.standbyCluster === undefined && armed(memory, o) === 'check' ? true : undefined;
      },
      decide: () => ({ reason: '', actions: [], goOn: true, remember: { rewind: 'check' } }),
    }),
    rule({
      id: 'follow/standby-leader',
      why: 'The holder of a standby cluster’s lock leads without writing.',
      match: (o) => wantedRole(o) === 'standby_leader' && o.postgres.role !== 'standby_leader' && !isPrimary(o),
      decide: () =>
        conclude(reasons.follow, [
          { kind: 'set-role', role: 'standby_leader' },
          { kind: 'callback', action: 'on_role_change' },
        ]),
    }),
    rule({
      id: 'follow/steady',
      why: 'All is as it should be.',
      match: () => true,
      decide: (_, o) => {
        const isAdrift = o.postgres.role !== 'replica' && o.postgres.role !== 'standby_leader' && !isPrimary(o);
        return conclude(reasons.follow, isAdrift && !isStarting(o.postgres.state) ? [{ kind: 'set-role', role: wantedRole(o) }] : []);
      },
    }),
  ];
}

/** In maintenance mode nothing is changed, but for a rewind of a standby that is due under a known leader. */
function isLeftAlone(o: KnownObservation, memory: Memory): boolean {
  return o.config.isPaused && (isPrimary(o) || !canActOnDivergence(o, memory) || o.cluster.view.leader === undefined);
}

export function follow(o: KnownObservation, memory: Memory, reasons: FollowReasons): Verdict | undefined {
  return delegate(followTable(reasons), o, memory);
}
