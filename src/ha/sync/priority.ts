import { common, isSame, listed, type Names, NOBODY } from './names.js';
import type { SyncLook } from './standbys.js';
import { DONE, type SyncStep, WAIT } from './step.js';

export interface SyncKey {
  readonly leader: string | undefined;
  readonly voters: Names;
  readonly quorum: number;
}

/** Begins, or takes the key over from a former leader: at first nobody is promised anything. */
export function claimKey(key: SyncKey, me: string): SyncStep | undefined {
  if (key.leader === undefined)
    return { kind: 'write-key', leader: me, voters: NOBODY, quorum: 0, after: 'Enabled synchronous replication' };
  if (key.leader === me) return undefined;
  const message = `Inconsistent state of /sync key detected, leader = ${key.leader} doesn't match ${me}, updating synchronous replication key`;
  return { kind: 'write-key', leader: me, voters: NOBODY, quorum: 0, before: { level: 'warning', message } };
}

/**
 * The next step of the priority mode, after the key is our own and the strict mode has nothing to hold (ha.md §17.3).
 *
 * Whoever `/sync` names may be promoted, so a commit must have waited for each of them: a name enters
 * `synchronous_standby_names` first and the key when it is proven to have everything; it leaves the key first.
 */
export function priorityStep(key: SyncKey, look: SyncLook, me: string): SyncStep {
  const { active: picked, confirmed: allowed, inForce } = look;
  const { voters } = key;
  const write = (
    names: Names,
    texts: { readonly before?: string; readonly level?: 'warning' | 'info'; readonly after?: string },
  ): SyncStep => ({
    kind: 'write-key',
    leader: me,
    voters: names,
    quorum: 0,
    ...(texts.before === undefined ? {} : { before: { level: texts.level ?? 'info', message: texts.before } }),
    ...(texts.after === undefined ? {} : { after: texts.after }),
  });
  // A key that counts a quorum was written by the other mode: read as a list it would promise too much.
  if (key.quorum > 0) return write(NOBODY, { before: `Updating /sync key temporarily from ${listed(voters)} to []` });
  if (isSame(picked, voters) && !isSame(voters, allowed)) {
    const message = `Inconsistent state between synchronous_standby_names = ${listed(allowed)} and /sync = ${listed(voters)} key detected, updating synchronous replication key...`;
    return write(allowed, { before: message, level: 'warning' });
  }
  const value = { type: picked.length === 0 ? 'off' : 'priority', number: picked.length, members: picked } as const;
  const isInForce = isSame(inForce.members, picked) && inForce.number === picked.length && inForce.type === value.type;
  if (isSame(picked, voters) && isInForce) return DONE;
  const kept = common(voters, allowed);
  if (!isSame(kept, voters)) return write(kept, { before: `Updating /sync key temporarily from ${listed(voters)} to ${listed(kept)}` });
  if (!isInForce) return { kind: 'set-names', value };
  if (allowed.length > 0 && !isSame(allowed, kept))
    return write(allowed, { after: `Synchronous standby status assigned to ${listed(allowed)}` });
  return WAIT;
}
