import { type Lsn, lagBytes, maxLsn } from '../../base/lsn.js';
import { compareText } from '../../base/python-values.js';
import { isRunning, type Member, traitsOfMember } from '../../cluster/member.js';
import type { ServerStatus, StreamingStandby } from '../../ports/postgres.js';
import type { KnownObservation } from '../observation.js';
import { has, type Names, NOBODY, names } from './names.js';
import { NO_STANDBY_NAMES, parseStandbyNames, type StandbyNames } from './standby-names.js';

/** After a change of the setting the server's processes take so long to read it; nothing is taken for proven before. */
const SETTLES_MS = 250;
/** A standby whose position stands still for so long, while another is further, keeps commits waiting: the other is preferred. */
const STUCK_MS = 5000;

/**
 * What is remembered of the setting that was seen last. A standby that was just named may lack commits that were
 * acknowledged before; it is *ready* once it has the position that the primary had when the setting was in force.
 */
export interface Readiness {
  readonly text: string;
  readonly type: StandbyNames['type'];
  /** When this text was seen first, by the monotonic clock. */
  readonly since: number;
  /** What a named standby must have; undefined: the setting is too young. */
  readonly barrier: Lsn | undefined;
  readonly ready: Names;
  readonly progress: Progress;
}

/** The standbys behind the furthest one: where each was when it was looked at last, and since when it has stood there, behind. */
type Progress = ReadonlyMap<string, { readonly lsn: Lsn; readonly since: number }>;

export const NOT_READY: Readiness = {
  text: '',
  type: 'off',
  since: Number.NEGATIVE_INFINITY,
  barrier: undefined,
  ready: NOBODY,
  progress: new Map(),
};

/** The standbys as one look at the server shows them (ha.md §17.2). */
export interface SyncLook {
  readonly inForce: StandbyNames;
  /** The setting is not what PostgreSQL could use. */
  readonly isUnparsable: boolean;
  /** Worth being synchronous, best first. */
  readonly active: Names;
  /** Of these: proven to have everything that was acknowledged. */
  readonly confirmed: Names;
  /**
   * Those streaming that have all that was acknowledged before the setting in force. In a quorum a member that was proven
   * once may lag since: others acknowledged for it.
   */
  readonly complete: Names;
  readonly readiness: Readiness;
}

/** @param voters of `/sync` as far as each of them was proven to have everything: of our own key, without a quorum. */
export function lookAtStandbys(o: KnownObservation, status: ServerStatus, before: Readiness, voters: Names): SyncLook {
  const isQuorum = o.config.synchronousMode === 'quorum';
  const parsed = parseStandbyNames(status.synchronousStandbyNames);
  const inForce = parsed ?? NO_STANDBY_NAMES;
  const readiness = settled(status, before, inForce, o.now);
  const candidates = candidatesOf(o, status);
  const progress = progressOf(candidates, before.progress, o.now);
  const isProven = ({ name, lsn, syncState }: Candidate): boolean => {
    if (!isQuorum && has(voters, name)) return true;
    const isNamed = isQuorum ? syncState === 'quorum' : syncState === 'sync';
    return isNamed && readiness.barrier !== undefined && lsn >= readiness.barrier;
  };
  const ready = names(
    readiness.ready,
    candidates.filter((each) => has(inForce.members, each.name) && isProven(each)).map(({ name }) => name),
  );
  const picked = isQuorum ? pickForQuorum(o, status, candidates) : pickByPriority(o, status, stuckLast(candidates, progress, o.now));
  return {
    inForce,
    isUnparsable: parsed === undefined,
    active: names(picked.map(({ name }) => name)),
    confirmed: names(
      picked.filter(({ name, syncState }) => has(ready, name) && (isQuorum || syncState === 'sync')).map(({ name }) => name),
    ),
    complete: names(candidates.filter(({ lsn }) => readiness.barrier !== undefined && lsn >= readiness.barrier).map(({ name }) => name)),
    readiness: { ...readiness, ready, progress },
  };
}

function settled(status: ServerStatus, before: Readiness, { type, members }: StandbyNames, now: number): Readiness {
  const text = status.synchronousStandbyNames;
  if (text !== before.text) {
    // One of a quorum need not have what the others acknowledged: for the priority mode it has to prove itself anew.
    const isProofVoid = before.type === 'quorum' && type !== 'quorum';
    const ready = isProofVoid ? NOBODY : before.ready.filter((name) => has(members, name));
    return { ...before, text, type, since: now, barrier: undefined, ready };
  }
  if (before.barrier !== undefined || now - before.since < SETTLES_MS) return before;
  return { ...before, barrier: status.walLsn };
}

interface Candidate {
  readonly name: string;
  readonly member: Member;
  readonly lsn: Lsn;
  readonly syncState: string;
}

function candidatesOf(o: KnownObservation, status: ServerStatus): readonly Candidate[] {
  const byName = new Map<string, StreamingStandby>();
  for (const standby of status.standbys) byName.set(standby.applicationName.toLowerCase(), standby);
  const streams = (name: string): boolean => byName.has(name.toLowerCase());
  const found: Candidate[] = [];
  const eligible = new Map(
    o.cluster.view.members
      .filter((member) => isRunning(member) && !traitsOfMember(member).nosync && member.name !== o.me && streams(member.name))
      .map((member) => [member.name, member] as const),
  );
  for (const member of eligible.values()) {
    const standby = byName.get(member.name.toLowerCase());
    const lsn = standby === undefined ? undefined : positionOf(standby, status.synchronousCommit);
    if (standby === undefined || lsn === undefined || isCascading(member, eligible)) continue;
    found.push({ name: member.name, member, lsn, syncState: standby.syncState });
  }
  return found.sort(byWorth).sort((a, b) => Number(traitsOfMember(a.member).nofailover) - Number(traitsOfMember(b.member).nofailover));
}

function progressOf(candidates: readonly Candidate[], before: Progress, now: number): Progress {
  const furthest = maxLsn(...candidates.map(({ lsn }) => lsn));
  const behind = candidates.filter(({ lsn }) => lsn < furthest);
  return new Map(
    behind.map(({ name, lsn }) => {
      const last = before.get(name);
      return [name, last?.lsn === lsn ? last : { lsn, since: now }];
    }),
  );
}

/**
 * PostgreSQL goes on waiting for a standby that vanished without a word until `wal_sender_timeout`, 60 s. It is not left
 * out: without another that could take its place it stays, since commits that wait are better than commits on one server.
 */
function stuckLast(candidates: readonly Candidate[], progress: Progress, now: number): readonly Candidate[] {
  const isStuck = ({ name }: Candidate): boolean => now - (progress.get(name)?.since ?? now) >= STUCK_MS;
  return [...candidates.filter((each) => !isStuck(each)), ...candidates.filter(isStuck)];
}

function positionOf(standby: StreamingStandby, synchronousCommit: string): Lsn | undefined {
  if (synchronousCommit === 'remote_apply') return standby.replayLsn;
  return synchronousCommit === 'remote_write' ? standby.writeLsn : standby.flushLsn;
}

/** It is to replicate from another standby that streams from here: it is here only until it finds its way. */
function isCascading(member: Member, eligible: ReadonlyMap<string, Member>, depth = 0): boolean {
  const { replicatefrom } = traitsOfMember(member);
  const upstream = replicatefrom === undefined ? undefined : eligible.get(replicatefrom);
  if (upstream === undefined || upstream === member || depth > eligible.size) return false;
  return traitsOfMember(upstream).replicatefrom === undefined || isCascading(upstream, eligible, depth + 1);
}

/** `sync` > `quorum` > `potential` > `async`, as their texts compare. */
function byWorth(a: Candidate, b: Candidate): number {
  const priority = traitsOfMember(b.member).syncPriority - traitsOfMember(a.member).syncPriority;
  if (priority !== 0) return priority;
  const state = compareText(b.syncState, a.syncState);
  if (state !== 0) return state;
  return b.lsn > a.lsn ? 1 : Number(b.lsn < a.lsn) * -1;
}

function isNear(o: KnownObservation, status: ServerStatus, candidates: readonly Candidate[]): (candidate: Candidate) => boolean {
  const most = o.config.maximumLagOnSyncnode;
  const reference = candidates.length > 1 ? maxLsn(...candidates.map(({ lsn }) => lsn)) : status.walLsn;
  return ({ lsn }) => most <= 0 || lagBytes(reference, lsn) <= BigInt(most);
}

function pickByPriority(o: KnownObservation, status: ServerStatus, candidates: readonly Candidate[]): readonly Candidate[] {
  const count = status.serverVersion < 90_600 ? 1 : o.config.synchronousNodeCount;
  return candidates.filter(isNear(o, status, candidates)).slice(0, count);
}

function pickForQuorum(o: KnownObservation, status: ServerStatus, candidates: readonly Candidate[]): readonly Candidate[] {
  const picked: Candidate[] = [];
  for (const candidate of candidates.filter(isNear(o, status, candidates))) {
    if (traitsOfMember(candidate.member).nofailover && picked.length >= o.config.synchronousNodeCount) continue;
    picked.push(candidate);
  }
  return picked;
}
