import type { SyncState } from '../../cluster/sync-state.js';
import type { KnownObservation } from '../observation.js';
import { has, isSame, minus, type Names, NOBODY, names } from './names.js';
import { claimKey, priorityStep, type SyncKey } from './priority.js';
import { QuorumBroken, type QuorumTransition, quorumTransitions } from './quorum.js';
import { NO_STANDBY_NAMES, type StandbyNames } from './standby-names.js';
import type { SyncLook } from './standbys.js';
import { DONE, type SyncStep, WAIT } from './step.js';
import { holdStrictly } from './strict.js';

/** The next step of the leader's work on `/sync` and `synchronous_standby_names` (ha.md §17.3, §18.2). Pure. */
export function nextSyncStep(o: KnownObservation, state: SyncState, look: SyncLook): SyncStep {
  const key: SyncKey = { leader: state.leader, voters: names(state.voters), quorum: state.quorum };
  const isQuorum = o.config.synchronousMode === 'quorum';
  // In quorum mode the key of a former leader is not void: it says who has what was acknowledged.
  const claim = isQuorum && key.leader !== undefined ? undefined : claimKey(key, o.me);
  if (claim !== undefined) return claim;
  if (key.leader === o.me) {
    const parts = { isStrict: o.config.synchronousModeStrict, isQuorumKey: isQuorum, majorVersion: o.postgres.majorVersion };
    const held = holdStrictly(key, look, parts);
    if (held !== undefined) return held;
  }
  const isNobodyThere = key.leader === o.me && look.active.length === 0 && key.voters.length === 0;
  if (isNobodyThere && look.inForce.type !== 'off') return { kind: 'set-names', value: NO_STANDBY_NAMES };
  return isQuorum ? quorumStep(o, key, look) : priorityStep(key, look, o.me);
}

function quorumStep(o: KnownObservation, key: SyncKey, look: SyncLook): SyncStep {
  const { inForce, active, confirmed } = look;
  const state = {
    leader: key.leader ?? o.me,
    quorum: key.quorum,
    voters: key.voters,
    number: inForce.number,
    standbys: inForce.members,
  };
  const wish = { me: o.me, confirmed: confirmed.length, active, wanted: o.config.synchronousNodeCount };
  let transitions: readonly QuorumTransition[];
  try {
    transitions = quorumTransitions(state, wish);
  } catch (error) {
    if (!(error instanceof QuorumBroken)) throw error;
    return { kind: 'hold', warning: `synchronous replication is left as it is: ${error.message}` };
  }
  // One that asks for what is in force already has been done.
  const first = transitions.find(
    (each) =>
      each.kind !== 'sync' ||
      inForce.type !== standbyNames(each.number, each.standbys).type ||
      each.number !== inForce.number ||
      !isSame(each.standbys, inForce.members),
  );
  if (first === undefined) {
    const isPlain = inForce.type !== 'quorum' && inForce.members.length > 0;
    return isPlain ? { kind: 'set-names', value: { ...inForce, type: 'quorum' } } : DONE;
  }
  if (first.kind === 'restart') return WAIT;
  if (first.kind === 'sync') return { kind: 'set-names', value: standbyNames(first.number, first.standbys) };
  if (!isSafeForThePast(state, first, o.me, look.complete)) return WAIT;
  const message = `Setting leader to ${first.leader}, quorum to ${first.quorum} of (${first.voters.join(', ')})`;
  const { leader, quorum, voters } = first;
  return { kind: 'write-key', leader, quorum, voters, before: { level: 'info', message } };
}

/**
 * The numbers say that whoever is elected has what is acknowledged from now on. What was acknowledged before may be with a
 * standby that is to leave the key: then enough of those that stay must have it, too.
 */
function isSafeForThePast(
  before: { readonly leader: string; readonly quorum: number; readonly voters: Names },
  after: { readonly leader: string; readonly quorum: number; readonly voters: Names },
  me: string,
  complete: Names,
): boolean {
  const electing = (key: typeof before): Names => minus(names(key.voters, [key.leader]), [me]);
  const added = minus(electing(after), electing(before)).length;
  // Everybody who could be elected now could have been before.
  if (after.quorum >= before.quorum + added) return true;
  return minus(electing(after), complete).length <= after.quorum;
}

const standbyNames = (number: number, members: Names): StandbyNames => ({
  type: members.length > 0 ? 'quorum' : 'off',
  number,
  members,
});

/**
 * What a member must write before it is promoted (ha.md §9.1). By quorum commit the key goes on with the former leader in the place of
 * the new one. A key that still named the former leader would let that one come back without a vote, though others acknowledge commits
 * of its successor already. Who was no voter makes one node more, so that the quorum rises by one: every set that can elect still meets
 * every set that has acknowledged.
 */
export function preparation(
  o: KnownObservation,
  state: SyncState,
): { readonly key: Extract<SyncStep, { kind: 'write-key' }> | undefined; readonly value: StandbyNames } {
  const least = o.config.synchronousModeStrict ? 1 : 0;
  const members = state.leader === undefined ? NOBODY : names(state.voters, [state.leader]);
  if (o.config.synchronousMode === 'quorum') {
    const others = minus(members, [o.me]);
    const isTaken = state.leader === undefined || state.leader === o.me;
    const isNew = isSame(others, members) && state.voters.length > 0;
    const quorum = isTaken || !isNew ? state.quorum : state.quorum + 1;
    const key = isTaken ? undefined : ({ kind: 'write-key', leader: o.me, voters: others, quorum } as const);
    return { key, value: { type: 'quorum', number: Math.max(others.length - quorum, least), members: others } };
  }
  const others = o.config.synchronousModeStrict ? minus(members, [o.me]) : NOBODY;
  const kept = state.leader !== undefined && has(others, state.leader) ? [state.leader] : others.slice(0, 1);
  const key = { kind: 'write-key', leader: o.me, voters: kept, quorum: 0 } as const;
  return { key, value: { type: 'priority', number: Math.max(kept.length, least), members: kept } };
}
