import { LSN_ZERO, type Lsn } from '../base/lsn.js';
import { clusterTimeline } from '../cluster/history.js';
import { apiUrlOf, type Member, traitsOfMember } from '../cluster/member.js';
import { isSyncEmpty, isSyncMember, isSyncVoter } from '../cluster/sync-state.js';
import { traitsOf } from '../cluster/tags.js';
import type { ClusterView } from '../cluster/view.js';
import type { PeerStatus } from '../ports/peers.js';
import { type Action, log } from './decision.js';
import { type KnownObservation, ownLsn } from './observation.js';

export type PeerAnswers = ReadonlyMap<string, PeerStatus>;

/** Who is asked: only members with a REST address can answer. */
export interface Peer {
  readonly name: string;
  readonly apiUrl: string;
}

/** An answer to a yes/no question with the log lines that explain it. */
export interface Judgement {
  readonly yes: boolean;
  readonly log: readonly Action[];
  /** A vote is missing that will be there in a moment. */
  readonly isWaiting?: boolean;
}

const yes = (lines: readonly Action[] = []): Judgement => ({ yes: true, log: lines });
const no = (...lines: readonly Action[]): Judgement => ({ yes: false, log: lines });

export function isSyncActive(o: KnownObservation): boolean {
  return o.config.synchronousMode !== 'off' && !isSyncEmpty(o.cluster.view.sync);
}

/**
 * Whether `/sync` is to be read by the rules of quorum commit. A key with a quorum is one whatever `/config` says at the
 * moment: judging it by the priority rules would let any listed node promote (ha.md §17.8 «RISK»).
 */
export function isQuorumActive(o: KnownObservation): boolean {
  return isSyncActive(o) && (o.config.synchronousMode === 'quorum' || o.cluster.view.sync.quorum > 0);
}

/** Why an answering member can't take over; undefined when nothing speaks against it (ha.md §7.4). */
export function limitationOf(status: PeerStatus | undefined): string | undefined {
  if (status === undefined || status.kind === 'unreachable') return 'not reachable';
  if (traitsOf(status.tags).nofailover) return 'not allowed to promote';
  return status.isWatchdogFailed ? 'not watchdog capable' : undefined;
}

function peersOf(members: readonly Member[], me: string): Peer[] {
  const peers: Peer[] = [];
  for (const member of members) {
    const apiUrl = apiUrlOf(member);
    if (member.name !== me && apiUrl !== undefined) peers.push({ name: member.name, apiUrl });
  }
  return peers;
}

/** Members by name, the later list winning. */
function union(...lists: readonly (readonly Member[])[]): Member[] {
  const byName = new Map<string, Member>();
  for (const member of lists.flat()) byName.set(member.name, member);
  return [...byName.values()];
}

/** Everybody whose word counts in a race without a request: the members of now and of the last view with a leader (ha.md §7.2). */
export function raceMembers(o: KnownObservation): readonly Member[] {
  const { view } = o.cluster;
  const all = union(o.oldView?.members ?? [], failsafeMembers(o), view.members);
  return isSyncActive(o) ? all.filter((member) => isSyncMember(view.sync, member.name)) : all;
}

function failsafeMembers(o: KnownObservation): readonly Member[] {
  if (!o.config.failsafeMode) return [];
  return [...(o.cluster.view.failsafe ?? [])].map(([name, apiUrl]) => ({
    name,
    version: '',
    session: undefined,
    data: { api_url: apiUrl },
  }));
}

/** Whom to ask in a race among `members`: `nofailover` members are left out unless they vote. */
export function racePeers(o: KnownObservation, members: readonly Member[]): Peer[] {
  const isVoter = (name: string): boolean => isQuorumActive(o) && isSyncMember(o.cluster.view.sync, name);
  return peersOf(
    members.filter((member) => !traitsOfMember(member).nofailover || isVoter(member.name)),
    o.me,
  );
}

/**
 * What keeps this member out of a race before anybody is asked: lag behind the last leader, an unknown or old timeline.
 */
export function raceHandicap(o: KnownObservation, checkLag: boolean): string | undefined {
  const { view } = o.cluster;
  const mine = ownLsn(o) ?? LSN_ZERO;
  if (checkLag && view.status.lastLsn - mine > BigInt(o.config.maximumLagOnFailover)) {
    return `My wal position exceeds maximum replication lag`;
  }
  if (o.config.standbyCluster !== undefined || !o.config.checkTimeline) return undefined;
  const needed = clusterTimeline(view.history);
  const timeline = ownTimeline(o);
  if (timeline === undefined) return 'Can not figure out my timeline';
  return timeline < needed ? `My timeline ${timeline} is behind last known cluster timeline ${needed}` : undefined;
}

/** Judges the answers of a race (ha.md §7.3): who is ahead, who has priority, and in quorum mode who votes. */
export function judgeRace(o: KnownObservation, answers: PeerAnswers, formerLeader: string | undefined): Judgement {
  const { sync } = o.cluster.view;
  const lines: Action[] = [];
  const isSync = isSyncActive(o);
  const isQuorum = isQuorumActive(o);
  const former = isSync ? sync.leader : formerLeader;
  let votes = isQuorum && isSyncMember(sync, o.me) ? 0 : -1;
  let ahead = 0;
  let isWaiting = false;

  for (const [name, status] of answers) {
    if (status.kind === 'unreachable' || limitationOf(status) !== undefined) continue;
    const isVoter = isQuorum && isSyncMember(sync, name);
    if (!status.isInRecovery) return no(...lines, log('warning', `Primary (${name}) is still alive`));
    const compared = compareWithMe(o, status);
    const isAhead = compared > 0;
    if (isAhead && isOutdated(o, status.timeline)) {
      // It may not lead, so that waiting for it would be waiting for ever.
      lines.push(log('info', `Ignoring ${name} being ahead of us: its timeline ${status.timeline} is behind the cluster's`));
    } else if (isAhead && isUnlisted(o, name)) {
      ahead++;
      lines.push(log('info', `Ignoring ${name} being ahead of us: it is not in the failsafe map`));
    } else if (isAhead) {
      ahead++;
      lines.push(aheadLine(o, name, status));
      if (!isSync || name !== sync.leader) return no(...lines);
      lines.push(log('info', 'Ignoring the former leader being ahead of us'));
    } else if (status.lsn > LSN_ZERO) {
      const theirs = traitsOf(status.tags).failoverPriority;
      const own = o.policy.traits.failoverPriority;
      if (compared === 0 && own < theirs && !isUnlisted(o, name) && !isOutdated(o, status.timeline)) {
        if (name === former) {
          lines.push(log('info', `Ignoring former leader ${name} having priority ${theirs} higher than this nodes ${own} priority`));
        } else if (!isQuorum || isVoter) {
          return no(
            ...lines,
            log('info', `${name} has equally tolerable WAL position and priority ${theirs}, while this node has priority ${own}`),
          );
        }
      }
      if (isVoter && status.isReceiving === true) {
        lines.push(log('info', `The vote of ${name} counts when it receives no more WAL of the former leader`));
        isWaiting = true;
      } else if (isVoter) {
        votes++;
        lines.push(log('info', `Got quorum vote from ${name}`));
      }
    }
  }
  const isElected = !isQuorum || votes >= sync.quorum || (ahead === 0 && sync.leader === o.me);
  return { yes: isElected, log: lines, ...(isWaiting ? { isWaiting } : {}) };
}

/** Whose timeline is asked for before a race: the rules of quorum commit compare histories, `check_timeline` the cluster's last one. */
export function needsTimeline(o: KnownObservation): boolean {
  return isQuorumActive(o) || (o.config.standbyCluster === undefined && o.config.checkTimeline);
}

/** Own timeline as far as it was found out; undefined: unknown. */
function ownTimeline(o: KnownObservation): number | undefined {
  return typeof o.facts.replicaTimeline === 'number' ? o.facts.replicaTimeline : undefined;
}

/**
 * How far a member is in the history of the cluster, against this one: positive when it has WAL that this one lacks. By quorum commit a
 * vote says "I have no more than you", which positions of different timelines can't tell: who followed the last promotion has what was
 * acknowledged after it, however far the WAL of a former leader goes that nobody took over. Otherwise positions are all that counts
 * (ha.md §7.3), as long as `check_timeline` is off.
 */
export function compareWithMe(o: KnownObservation, status: { readonly lsn: Lsn; readonly timeline: number }): number {
  const timeline = o.facts.isTimelineUnclear === true ? undefined : ownTimeline(o);
  if (isQuorumActive(o) && timeline !== undefined && status.timeline > 0 && status.timeline !== timeline) return status.timeline - timeline;
  const mine = ownLsn(o) ?? LSN_ZERO;
  return status.lsn > mine ? 1 : status.lsn < mine ? -1 : 0;
}

/** Says in what a member is ahead. */
export function aheadLine(o: KnownObservation, name: string, status: { readonly lsn: Lsn; readonly timeline: number }): Action {
  const isByTimeline = status.lsn <= (ownLsn(o) ?? LSN_ZERO);
  const text = isByTimeline
    ? `Timeline ${status.timeline} of ${name} is ahead of my timeline ${ownTimeline(o)}`
    : `Wal position of ${name} is ahead of my wal position`;
  return log('info', text);
}

/** In failsafe mode who is not in the map may not lead (`race/not-in-failsafe-map`), and only a leader can put it there. */
export function isUnlisted(o: KnownObservation, name: string): boolean {
  const { failsafe } = o.cluster.view;
  return o.config.failsafeMode && failsafe !== undefined && failsafe.size > 0 && !failsafe.has(name);
}

/** By `check_timeline` a member of an older timeline than the cluster's may not lead; an unknown timeline counts as new. */
export function isOutdated(o: KnownObservation, timeline: number): boolean {
  return (
    o.config.standbyCluster === undefined && o.config.checkTimeline && timeline > 0 && timeline < clusterTimeline(o.cluster.view.history)
  );
}

export interface TakeoverQuestion {
  /** Position that the successor must have; undefined: the lag limit against the last published position decides. */
  readonly targetLsn?: Lsn;
  /** Ask everybody but the requested candidate. */
  readonly excludeCandidate?: boolean;
  /** A member whose disk is full does not count. */
  readonly needsRoom?: boolean;
}

/** Members who may take over from this one, by the request and the synchronous state (ha.md §10.4). */
export function takeoverPeers(o: KnownObservation, question: TakeoverQuestion): Peer[] {
  const { failover, sync, members } = o.cluster.view;
  const isFailover = failover === undefined || failover.leader === undefined;
  const needsVoter = isSyncActive(o) && !(isFailover && failover !== undefined);
  const eligible = members.filter((member) => {
    if (traitsOfMember(member).nofailover) return false;
    if (needsVoter && !isSyncVoter(sync, member.name)) return false;
    if (question.excludeCandidate === true) return member.name !== failover?.candidate;
    return failover?.candidate === undefined || member.name === failover.candidate;
  });
  return peersOf(eligible, o.me);
}

/** Whether one of the asked members can take over (in quorum mode: enough of them). */
export function judgeTakeover(o: KnownObservation, answers: PeerAnswers, question: TakeoverQuestion): Judgement {
  const { view } = o.cluster;
  const peers = takeoverPeers(o, question);
  if (peers.length === 0) return no(log('warning', emptyCandidates(o)));
  const lines: Action[] = [];
  let able = 0;
  for (const { name } of peers) {
    const reason = takeoverObstacle(o, name, answers.get(name), question);
    if (reason === undefined) able++;
    else lines.push(log('info', reason));
  }
  const isNamed = view.failover?.candidate !== undefined && question.excludeCandidate !== true;
  if (isQuorumActive(o) && !isNamed && able < view.sync.quorum + 1) {
    return no(...lines, log('info', `Quorum requirement ${view.sync.quorum} can not be reached`));
  }
  return able > 0 ? yes(lines) : no(...lines);
}

function takeoverObstacle(
  o: KnownObservation,
  name: string,
  status: PeerStatus | undefined,
  { targetLsn, needsRoom }: TakeoverQuestion,
): string | undefined {
  const limitation = limitationOf(status);
  if (limitation !== undefined || status === undefined || status.kind === 'unreachable')
    return `Member ${name} is ${limitation ?? 'not reachable'}`;
  if (needsRoom === true && status.isDiskFull === true) return `The disk of member ${name} is full as well`;
  const { lastLsn } = o.cluster.view.status;
  const isBehind = targetLsn !== undefined ? status.lsn < targetLsn : lastLsn - status.lsn > BigInt(o.config.maximumLagOnFailover);
  if (isBehind) return `Member ${name} exceeds maximum replication lag`;
  const needed = clusterTimeline(o.cluster.view.history);
  if (o.config.checkTimeline && (status.timeline === 0 || status.timeline < needed)) {
    return `Timeline ${status.timeline} of member ${name} is behind the cluster timeline ${needed}`;
  }
  return undefined;
}

function emptyCandidates(o: KnownObservation): string {
  const { failover, sync } = o.cluster.view;
  const kind = describeRequest(o.cluster.view);
  if (o.config.synchronousMode !== 'off' && failover?.candidate !== undefined) {
    const title = kind.replace(/\b[a-z]/g, (c) => c.toUpperCase());
    return `${title} candidate=${failover.candidate} does not match with sync_standbys=${sync.voters.join(',')}`;
  }
  return `${kind}: candidates list is empty`;
}

/** The word for the request in force, for sentences. */
export function describeRequest(view: ClusterView): string {
  if (view.failover === undefined) return 'failover';
  return view.failover.leader === undefined ? 'manual failover' : 'switchover';
}

/** The members of the race that follows a request: without the leader that hands over, voters only in synchronous mode. */
export function requestedRaceMembers(o: KnownObservation): readonly Member[] {
  const { failover, members, sync } = o.cluster.view;
  return members.filter((member) => member.name !== failover?.leader && (!isSyncActive(o) || isSyncVoter(sync, member.name)));
}
