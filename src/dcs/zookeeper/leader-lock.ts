import type { Leader } from '../../cluster/view.js';
import { DcsUnavailable } from '../../ports/dcs.js';
import type { Log } from '../../ports/log.js';
import type { Deadline } from '../shared/retry.js';
import type { ZooKeeperClient } from './client.js';
import { storedKey, type ZooKeeperKeys } from './keys.js';
import { ANY_VERSION, getRequest, isCode, transactionRequest } from './protocol.js';
import type { Session } from './session.js';
import type { WatchedCopy } from './watched-copy.js';

/** A sub-step of a lock operation must not begin with less than this. */
const MIN_STEP_MS = 500;

export interface LeaderLockOptions {
  readonly name: string;
  readonly keys: ZooKeeperKeys;
  readonly client: ZooKeeperClient;
  readonly session: Session;
  readonly copy: WatchedCopy;
  readonly log: Log;
}

/** The leader key as the quorum has it, and the session that it was asked with. */
interface Proof {
  readonly key: { readonly value: string; readonly session?: string; readonly version: string } | undefined;
  readonly session: string;
}

/**
 * The key `leader`, which ends with our session (dcs.md §12.3).
 *
 * A session that is kept alive says nothing of the key, and a server that has lost the others goes on answering reads for a
 * while. So each renewal asks the quorum: an empty transaction about the key, which the leader of the ensemble takes only
 * under a living session and which changes nothing, and a read behind it on the same connection.
 */
export class LeaderLock {
  readonly #options: LeaderLockOptions;

  constructor(options: LeaderLockOptions) {
    this.#options = options;
  }

  async acquire(deadline: Deadline): Promise<boolean> {
    const { keys, session, copy, name } = this.#options;
    await session.freshen(deadline);
    copy.ownWrite('leader', name);
    const created = await keys.create('leader', name, true, deadline, 'repeat');
    if (created.isDone) return true;
    // It may be ours, by an attempt whose answer was lost.
    const proof = await this.#prove(deadline);
    return isOwn(proof, name);
  }

  /** @param mayCreate a key that is gone is created anew. */
  async renew(deadline: Deadline, mayCreate: boolean): Promise<boolean> {
    const { session, name } = this.#options;
    await session.freshen(deadline);
    const proof = await this.#prove(deadline);
    if (isOwn(proof, name)) return true;
    deadline.ensure(MIN_STEP_MS, 'leader lock');
    if (proof.key === undefined) return mayCreate && this.acquire(deadline);
    return proof.key.value === name && this.#takeOver(proof, deadline);
  }

  async release(leader: Leader | undefined, deadline: Deadline): Promise<boolean> {
    const { keys, copy, name } = this.#options;
    if (leader !== undefined && leader.name !== name) return false;
    const proof = await this.#prove(deadline);
    const { key } = proof;
    if (key?.value !== name) return false;
    copy.ownWrite('leader', undefined);
    // Under our own living session nobody else can have taken it since.
    if (isOwn(proof, name)) return (await keys.delete('leader', key.version, deadline, 'once')).isDone;
    const guard = await this.#guard(key.session, deadline);
    const removal = { op: 'delete', path: keys.path('leader'), version: Number(key.version) } as const;
    const check = { op: 'check', path: keys.path(`members/${name}`), version: Number(guard.version) } as const;
    return (await keys.change([check, removal], deadline)).isDone;
  }

  /** @throws DcsUnavailable when the quorum does not answer. */
  async #prove(deadline: Deadline): Promise<Proof> {
    const { client, keys } = this.#options;
    const path = keys.path('leader');
    const answer = await client.exchange('read the leader key', deadline, 'repeat', async (connection, timeoutMs) => {
      const check = transactionRequest([{ op: 'check', path, version: ANY_VERSION }]);
      const [checked, read] = await Promise.allSettled([
        connection.request(check, timeoutMs, deadline.signal),
        connection.request(getRequest(path), timeoutMs, deadline.signal),
      ]);
      const isAbsent = checked.status === 'rejected' && isCode(checked.reason, 'noNode');
      if (checked.status === 'rejected' && !isAbsent) throw checked.reason;
      if (read.status === 'rejected' && !isCode(read.reason, 'noNode')) throw read.reason;
      const key = read.status === 'fulfilled' ? storedKey('leader', read.value) : undefined;
      return { key, session: String(connection.sessionId) };
    });
    if (answer.kind === 'refused') throw answer.error;
    return answer.value;
  }

  /**
   * Moves our keys from the session of a former process of this member, in one step, so that they are never absent.
   *
   * A node that is deleted and created again begins with the same version, so the version does not tell whose it is. The
   * member key does: only this member writes it, and it ends together with the leader key that the same session holds.
   */
  async #takeOver({ key }: Proof, deadline: Deadline): Promise<boolean> {
    const { keys, copy, name, log } = this.#options;
    const guard = await this.#guard(key?.session, deadline);
    log.warning('Recreating the leader ZNode due to ownership mismatch');
    const member = `members/${name}`;
    copy.ownWrite('leader', name);
    copy.ownWrite(member, guard.value);
    const moved = await keys.change(
      [
        { op: 'delete', path: keys.path(member), version: Number(guard.version) },
        { op: 'delete', path: keys.path('leader'), version: Number(key?.version ?? ANY_VERSION) },
        keys.creation(member, guard.value, true),
        keys.creation('leader', name, true),
      ],
      deadline,
    );
    if (moved.isDone) return true;
    const proof = await this.#prove(deadline);
    if (proof.key !== undefined && proof.key.value !== name) return false;
    if (isOwn(proof, name)) return true;
    throw new DcsUnavailable('the leader key of a former session of this member has changed while it was taken over');
  }

  /** The member key, if the same session holds it. @throws DcsUnavailable */
  async #guard(session: string | undefined, deadline: Deadline): Promise<{ readonly value: string; readonly version: string }> {
    const { keys, name } = this.#options;
    const member = await keys.read(`members/${name}`, deadline);
    if (member !== undefined && session !== undefined && member.session === session) return member;
    throw new DcsUnavailable('the leader key is held by a former session of this member and can not be taken over until that has ended');
  }
}

function isOwn({ key, session }: Proof, name: string): boolean {
  return key?.value === name && key.session === session;
}
