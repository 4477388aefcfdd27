import { formatLsn } from '../base/lsn.js';
import type { HistoryLine } from '../cluster/history.js';
import { roleOf } from '../cluster/member.js';
import type { LeaderTimelines, LocalPosition, Upstream } from '../ports/postgres.js';
import { type Action, log, type Question } from './decision.js';
import type { Memory, RewindState } from './memory.js';
import type { KnownObservation, Observation } from './observation.js';
import { leaderUpstream } from './upstream.js';

/** Outcome of comparing this server's history with the leader's (ha.md §14.3). */
export type Divergence =
  | { readonly kind: 'ask'; readonly questions: readonly Question[] }
  /** Nothing can be said this time; the check stays due. `why` only where waiting is worth a line. */
  | { readonly kind: 'undecided'; readonly log: readonly Action[] }
  | { readonly kind: 'decided'; readonly isNeeded: boolean; readonly log: readonly Action[] }
  /** Both are on the timeline of this number, but it began elsewhere: nothing that pg_rewind could repair. */
  | { readonly kind: 'same-number'; readonly timeline: number; readonly log: readonly Action[] };

/**
 * Arms the comparison, if there is a remedy for what it may find (ha.md §14.1). A need once found stays.
 * The facts that are asked for are `canRewind`.
 */
export function armed(memory: Memory, o: Observation): RewindState {
  if (memory.rewind === 'need') return 'need';
  return o.policy.usePgRewind || o.policy.removeOnDivergedTimelines ? 'check' : memory.rewind;
}

/** A pending comparison or rewind that the settings allow to be carried out. */
export function canActOnDivergence(o: KnownObservation, memory: Memory): boolean {
  return (memory.rewind === 'check' || memory.rewind === 'need') && (o.policy.usePgRewind || o.policy.removeOnDivergedTimelines);
}

/** Compares with the leader, asking for one fact after the other. Only to be called while the state is `check`. */
export function checkDivergence(o: KnownObservation): Divergence {
  const leader = leaderUpstream(o);
  const undecided: Divergence = { kind: 'undecided', log: [] };
  if (leader === undefined || leader.connUrl === undefined) return undecided;
  const published = o.cluster.view.leader?.member;
  if (leader.kind === 'member' && (published === undefined || roleOf(published) !== 'primary')) return undecided;

  const { localPosition: local, leaderTimelines: timelines } = o.facts;
  if (local === undefined) return { kind: 'ask', questions: [{ kind: 'read-local-position' }] };
  if (local === 'unknown') return undecided;
  if (local === 'half-rewound') {
    const line = 'a rewind of this data directory broke off half-way, it has to be rebuilt';
    return { kind: 'decided', isNeeded: true, log: [log('error', line)] };
  }
  if (timelines === undefined) return { kind: 'ask', questions: [{ kind: 'read-leader-timelines', leader }] };
  if (leader.kind === 'remote' && timelines.kind === 'known' && local.timeline > 1 && local.timeline <= timelines.timeline) {
    const { localHistory } = o.facts;
    if (localHistory === undefined) return { kind: 'ask', questions: [{ kind: 'read-local-history', timeline: local.timeline }] };
    if (isOfOtherOrigin(local.timeline, localHistory, timelines.history)) return otherOrigin(local, leader, timelines.timeline);
  }
  return compare(o, leader, local, timelines);
}

/**
 * Whether two timelines share nothing but their number: they began at different positions. Members of one cluster reserve
 * numbers, but two clusters that were promoted side by side give the same ones to different histories «RISK».
 */
function isOfOtherOrigin(timeline: number, here: readonly HistoryLine[], there: readonly HistoryLine[]): boolean {
  const begin = (history: readonly HistoryLine[]): HistoryLine | undefined => history.findLast((line) => line.timeline < timeline);
  const ours = begin(here);
  const theirs = begin(there);
  return ours !== undefined && theirs !== undefined && (ours.lsn !== theirs.lsn || ours.timeline !== theirs.timeline);
}

function otherOrigin(local: LocalPosition, leader: Upstream, theirs: number): Divergence {
  const lines = [log('info', `Local timeline=${local.timeline} lsn=${formatLsn(local.lsn)}`), log('info', `primary_timeline=${theirs}`)];
  // With different numbers pg_rewind finds the common ancestor by the positions, too.
  if (local.timeline !== theirs) return { kind: 'decided', isNeeded: true, log: lines };
  const error = `timeline ${theirs} of ${leader.name} began elsewhere than timeline ${local.timeline} here: they are two histories, and pg_rewind takes them for one`;
  return { kind: 'same-number', timeline: theirs, log: [...lines, log('error', error)] };
}

function compare(o: KnownObservation, leader: Upstream, local: LocalPosition, timelines: LeaderTimelines): Divergence {
  const lines: Action[] = [log('info', `Local timeline=${local.timeline} lsn=${formatLsn(local.lsn)}`)];
  if (timelines.kind === 'unreachable') {
    return { kind: 'undecided', log: [...lines, log('warning', `Can not compare timelines with ${leader.name}: ${timelines.error}`)] };
  }
  if (timelines.kind === 'in-recovery') {
    return { kind: 'undecided', log: [...lines, log('info', "Leader is still in_recovery and therefore can't be used for rewind")] };
  }
  lines.push(log('info', `primary_timeline=${timelines.timeline}`));
  const decided = (isNeeded: boolean): Divergence => ({ kind: 'decided', isNeeded, log: lines });
  if (local.timeline > timelines.timeline) return decided(true);
  const entry = timelines.history.findLast((line) => line.timeline < local.timeline);
  // Before the point at which the leader's history entered this timeline: it is another timeline of the same number.
  if (entry !== undefined && local.lsn < entry.lsn) return decided(true);
  // On one timeline a follower can't be beyond its leader: if it is, the two only share the number (ours leave numbers out,
  // but a Python member may have promoted) «RISK».
  if (local.timeline === timelines.timeline) return decided(local.lsn > timelines.lsn);
  const fork = forkOf(timelines.history, local.timeline);
  if (timelines.history.length === 0) return decided(false);
  if (fork === undefined) return decided(true);
  lines.push(
    log(
      'info',
      `primary: history=${timelines.history.map((line) => `${line.timeline}\t${formatLsn(line.lsn)}\t${line.reason}`).join(', ')}`,
    ),
  );
  // What is thrown away is told before it is gone: nobody can ask for it afterwards.
  if (local.lsn > fork.lsn) {
    const surplus = `${local.lsn - fork.lsn} bytes of WAL after ${formatLsn(fork.lsn)} on timeline ${local.timeline}`;
    lines.push(log('warning', `${surplus} are not part of the history of ${leader.name}, and will be lost here`));
  }
  if (local.isInRecovery) return decided(local.lsn > fork.lsn);
  if (local.lsn >= fork.lsn) return decided(true);
  const end = o.facts.checkpointRecordEnd;
  if (end === undefined)
    return { kind: 'ask', questions: [{ kind: 'read-checkpoint-record-end', timeline: local.timeline, lsn: local.lsn }] };
  // A clean shutdown whose checkpoint ends exactly where the leader forked has no surplus; everything else has.
  return decided(end === 'unknown' || end !== fork.lsn);
}

/** The line by which the leader's history left `timeline`; undefined when it never was on it. */
function forkOf(history: readonly HistoryLine[], timeline: number): HistoryLine | undefined {
  for (const line of history) {
    if (line.timeline === timeline) return line;
    if (line.timeline > timeline) return undefined;
  }
  return undefined;
}
