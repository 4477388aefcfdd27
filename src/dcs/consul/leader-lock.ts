import type { Leader, StoredKey } from '../../cluster/view.js';
import type { Clock } from '../../ports/clock.js';
import type { Log } from '../../ports/log.js';
import type { Deadline } from '../shared/retry.js';
import { ConsulError } from './errors.js';
import type { ConsulKeys } from './keys.js';
import type { Session } from './session.js';
import type { Watch } from './watch.js';

/** A sub-step of a lock operation must not begin with less than this. */
const MIN_STEP_MS = 500;

export interface LeaderLockOptions {
  readonly name: string;
  readonly keys: ConsulKeys;
  readonly session: Session;
  readonly watch: Watch;
  readonly clock: Clock;
  readonly log: Log;
}

/** The leader key as a read of the quorum has shown it, good for one renewal. */
interface Proof {
  readonly key: StoredKey | undefined;
  readonly goodUntil: number;
}

/**
 * The key `leader`, held by our session (dcs.md §11.3). `false` is told only by an answer of Consul's about the key itself:
 * errors are thrown, and mean unknown. Everything here may be sent twice: the session tells whose work it was.
 *
 * A session that was renewed says nothing of the key. The read that the cycle begins with does, if the quorum gave it;
 * without such a read the renewal asks for the key.
 */
export class LeaderLock {
  readonly #options: LeaderLockOptions;
  #proof: Proof | undefined;
  #isHeld = false;

  constructor(options: LeaderLockOptions) {
    this.#options = options;
  }

  /** Whether the next read should be one of the quorum, because a renewal will rest on it. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Tells what a read of the quorum has shown. @param goodForMs from its beginning. */
  prove(key: StoredKey | undefined, startedAt: number, goodForMs: number): void {
    this.#proof = { key, goodUntil: startedAt + goodForMs };
  }

  async acquire(deadline: Deadline): Promise<boolean> {
    const isAcquired = await this.#withSession(deadline, { isForced: false }, (session) => this.#acquireWith(session, deadline));
    this.#isHeld = isAcquired;
    return isAcquired;
  }

  /** @param mayCreate a key that is gone is created anew. */
  async renew(deadline: Deadline, mayCreate: boolean): Promise<boolean> {
    const proof = this.#proof;
    this.#proof = undefined;
    const isRenewed = await this.#withSession(deadline, { isForced: true }, (session) =>
      this.#renewWith(session, proof, deadline, mayCreate),
    );
    this.#isHeld = isRenewed;
    return isRenewed;
  }

  async release(leader: Leader | undefined, deadline: Deadline): Promise<boolean> {
    const { keys, watch, name } = this.#options;
    this.#proof = undefined;
    this.#isHeld = false;
    // What the view says may be old, and a compare-and-set that lost would not tell whether the key is still ours.
    const key = leader !== undefined && leader.name !== name ? undefined : await keys.read('leader', deadline);
    if (key?.value !== name) return false;
    watch.ownWrite('leader', undefined);
    return (await keys.delete('leader', key.version, deadline, 'once')).isDone;
  }

  /** A session may end between its renewal and its use: one new session, once. */
  async #withSession(
    deadline: Deadline,
    options: { readonly isForced: boolean },
    use: (session: string) => Promise<boolean>,
  ): Promise<boolean> {
    const { session, log } = this.#options;
    const id = await session.refresh(deadline, options);
    deadline.ensure(MIN_STEP_MS, 'leader lock');
    try {
      return await use(id);
    } catch (error) {
      if (!(error instanceof ConsulError) || error.kind !== 'session-lost') throw error;
      log.warning('our session disappeared from Consul; a new one is made');
      session.forget();
      const created = await session.refresh(deadline, { isForced: true });
      deadline.ensure(MIN_STEP_MS, 'leader lock');
      return use(created);
    }
  }

  #acquireWith(session: string, deadline: Deadline): Promise<boolean> {
    const { keys, watch, name } = this.#options;
    this.#proof = undefined;
    watch.ownWrite('leader', name);
    return keys.acquire('leader', name, session, deadline, 'repeat');
  }

  async #renewWith(session: string, proof: Proof | undefined, deadline: Deadline, mayCreate: boolean): Promise<boolean> {
    const { keys, watch, clock, name, log } = this.#options;
    const isProven = proof !== undefined && clock.monotonic() < proof.goodUntil && isOwnKey(proof.key, name, session);
    if (isProven) return true;
    const key = await keys.read('leader', deadline);
    if (key === undefined) return mayCreate && this.#acquireWith(session, deadline);
    if (isOwnKey(key, name, session)) return true;
    if (key.value !== name) return false;
    log.warning('Recreating the leader key due to session mismatch');
    watch.ownWrite('leader', name);
    const { isDone, isAmbiguous } = await keys.move('leader', name, session, key.version, deadline, 'repeat');
    return isDone || (isAmbiguous && isOwnKey(await keys.read('leader', deadline), name, session));
  }
}

function isOwnKey(key: StoredKey | undefined, name: string, session: string): boolean {
  return key?.value === name && key.session === session;
}
