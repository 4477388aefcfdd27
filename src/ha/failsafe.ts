import { type Milliseconds, milliseconds } from '../base/duration.js';
import { type Lsn, maxLsn } from '../base/lsn.js';
import type { Member } from '../cluster/member.js';
import { traitsOfMember } from '../cluster/member.js';
import type { ClusterView, Leader } from '../cluster/view.js';
import type { FailsafePing } from '../ports/peers.js';
import type { KnownObservation, Observation } from './observation.js';

/** An attempt at a member takes this long at most; there are two of them in a round (ha.md §19.2). */
const ATTEMPT_MS = 2000;
const LEAST_ATTEMPT_MS = 100;
/** Share of ttl that is kept for a round before the fencing margin of the lease. */
const ROUND_SHARE = 6;
/** Of a leader that stands in no store. */
const NO_VERSION = '';

/** Time that must be left, before the fencing margin, when the store is given up for this cycle. */
export function roundReserve(ttlMs: number): number {
  return Math.min(2 * ATTEMPT_MS, ttlMs / ROUND_SHARE);
}

/** Time-out of one attempt, so that both end before the time that is to spare does. */
export function attemptTimeout(spareMs: number): Milliseconds {
  return milliseconds(Math.max(LEAST_ATTEMPT_MS, Math.min(ATTEMPT_MS, spareMs / 2)));
}

/**
 * The observation of a member that promised to let a primary go on: while the store shows no leader, that primary is it
 * (dcs.md §4.6). A promise holds whatever `failsafe_mode` says meanwhile: the primary may not have heard of the change.
 */
export function underPromise(o: Observation): Observation {
  const primary = promisedTo(o);
  if (o.cluster.kind !== 'known' || primary === undefined) return o;
  const { view } = o.cluster;
  if (view.leader === undefined) return { ...o, cluster: { kind: 'known', view: ledByPromise(view, primary) } };
  // Its key is still there, but it may not be able to write its status: its word about slots counts where it is newer.
  if (view.leader.name !== primary.name || primary.slots === undefined) return o;
  const slots = new Map(view.status.slots);
  for (const [name, lsn] of Object.entries(primary.slots)) slots.set(name, maxLsn(slots.get(name), lsn));
  return { ...o, cluster: { kind: 'known', view: { ...view, status: { ...view.status, slots } } } };
}

/**
 * The primary that this member lets lead at the moment. One that says since that it is a standby has given up: its lease
 * can't be taken up again, so nothing rests on the promise any more.
 */
export function promisedTo({ failsafe: { promise }, facts, now }: Observation): FailsafePing | undefined {
  if (promise === undefined || promise.until <= now) return undefined;
  const answer = facts.peers?.get(promise.to.name);
  return answer?.kind === 'answered' && answer.isInRecovery ? undefined : promise.to;
}

/** The leader of the view is none of the store's. */
export function isByPromise(o: KnownObservation): boolean {
  return o.cluster.view.leader?.version === NO_VERSION;
}

function ledByPromise(view: ClusterView, { name, conn_url, api_url, slots }: FailsafePing): ClusterView {
  const own = view.members.find((member) => member.name === name);
  const member: Member = { name, version: '', session: undefined, data: { ...own?.data, conn_url, api_url } };
  const leader: Leader = { name, version: NO_VERSION, session: undefined, member };
  if (slots === undefined) return { ...view, leader };
  return {
    ...view,
    leader,
    status: { ...view.status, slots: new Map(Object.entries(slots)) },
    members: withPositions(view.members, new Map(Object.entries(slots))),
  };
}

/**
 * The last view that had a leader, as far as it helps with the upkeep of slots while the store is silent: on a follower
 * with what the primary told, on the primary with what the members told. Undefined: failsafe mode is not at work.
 */
export function rememberedView(o: Observation): ClusterView | undefined {
  const primary = promisedTo(o);
  if (o.oldView === undefined) return undefined;
  if (primary !== undefined) return ledByPromise(o.oldView, primary);
  if (o.facts.failsafe?.kind !== 'confirmed') return undefined;
  return { ...o.oldView, members: withPositions(o.oldView.members, o.failsafe.positions) };
}

/** Members that replicate from another one are known to the leader by what they publish; here that is what was told. */
function withPositions(members: readonly Member[], positions: ReadonlyMap<string, Lsn>): readonly Member[] {
  return members.map((member) => {
    const lsn = positions.get(member.name);
    if (lsn === undefined || traitsOfMember(member).replicatefrom === undefined) return member;
    return { ...member, data: { ...member.data, xlog_location: lsn } };
  });
}
