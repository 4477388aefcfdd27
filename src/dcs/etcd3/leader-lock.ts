import type { Leader } from '../../cluster/view.js';
import type { Log } from '../../ports/log.js';
import type { Deadline } from '../shared/retry.js';
import { EtcdError } from './errors.js';
import type { KeyWriter } from './key-writer.js';
import type { Lease } from './lease.js';
import type { WatchCache } from './watch-cache.js';

/** A sub-step of a lock operation must not begin with less than this. */
const MIN_STEP_MS = 500;

export interface LeaderLockOptions {
  readonly name: string;
  readonly keys: KeyWriter;
  readonly lease: Lease;
  readonly cache: WatchCache;
  readonly log: Log;
}

/**
 * The key `leader` under our lease (dcs.md §10.5). `false` is told only by a transaction that etcd has answered: errors are
 * thrown, and mean unknown. Everything here may be sent twice: it says what it expects, and the lease tells whose work it was.
 */
export class LeaderLock {
  readonly #options: LeaderLockOptions;

  constructor(options: LeaderLockOptions) {
    this.#options = options;
  }

  acquire(deadline: Deadline): Promise<boolean> {
    return this.#withLease(deadline, { isForced: false }, (lease) => this.#createWith(lease, deadline));
  }

  /** @param mayCreate a key that is gone is created anew. */
  renew(leader: Leader | undefined, deadline: Deadline, mayCreate: boolean): Promise<boolean> {
    return this.#withLease(deadline, { isForced: true }, (lease) => this.#renewWith(lease, leader, deadline, mayCreate));
  }

  async take(deadline: Deadline): Promise<void> {
    const { keys, name } = this.#options;
    await this.#withLease(deadline, { isForced: false }, (lease) => keys.put('leader', name, lease, deadline, 'repeat'));
  }

  async release(deadline: Deadline): Promise<boolean> {
    const { keys, name } = this.#options;
    const transaction = { compare: [keys.isValue('leader', name)], success: [keys.deleteOp('leader')], failure: [keys.readOp('leader')] };
    const options = { key: 'leader', value: undefined, attempts: 'once' } as const;
    const { isDone, isAmbiguous, found } = await keys.transact(transaction, deadline, options);
    return isDone || (isAmbiguous && found === undefined);
  }

  /** A lease may expire between its refresh and its use: one new lease, once. */
  async #withLease<T>(deadline: Deadline, options: { readonly isForced: boolean }, use: (lease: string) => Promise<T>): Promise<T> {
    const { lease } = this.#options;
    const id = await lease.refresh(deadline, options);
    deadline.ensure(MIN_STEP_MS, 'leader lock');
    try {
      return await use(id);
    } catch (error) {
      if (!isLeaseGone(error)) throw error;
      lease.forget();
      const granted = await lease.refresh(deadline, { isForced: true });
      deadline.ensure(MIN_STEP_MS, 'leader lock');
      return use(granted);
    }
  }

  async #createWith(lease: string, deadline: Deadline): Promise<boolean> {
    const { keys, name } = this.#options;
    const transaction = {
      compare: [keys.isAbsent('leader')],
      success: [keys.putOp('leader', name, lease)],
      failure: [keys.readOp('leader')],
    };
    const { isDone, found } = await keys.transact(transaction, deadline, { key: 'leader', value: name, lease, attempts: 'repeat' });
    // Our name with our lease: an attempt without an answer was applied.
    return isDone || (found?.value === name && found.session === lease);
  }

  async #renewWith(lease: string, leader: Leader | undefined, deadline: Deadline, mayCreate: boolean): Promise<boolean> {
    const { keys, cache, name, log } = this.#options;
    const isInView = leader?.name === name && leader.session === lease;
    // The key is bound to the lease that was just prolonged, and the copy that says so is as new as the answer: no write.
    if (isInView && (await cache.isCurrent(deadline)) && this.#isHeldInCopy(lease)) return true;
    const now = await keys.read('leader', deadline);
    if (now?.value === name && now.session === lease) return true;
    if (now?.value === name) log.warning('I am the leader but not owner of the lease');
    const put = keys.putOp('leader', name, lease);
    const create = { request_txn: { compare: [keys.isAbsent('leader')], success: [put], failure: [keys.readOp('leader')] } };
    const transaction = { compare: [keys.isValue('leader', name)], success: [put], failure: [mayCreate ? create : keys.readOp('leader')] };
    return (await keys.transact(transaction, deadline, { key: 'leader', value: name, lease, attempts: 'repeat' })).isDone;
  }

  #isHeldInCopy(lease: string): boolean {
    const { cache, name } = this.#options;
    const key = cache.get('leader');
    return key?.value === name && key.session === lease;
  }
}

export function isLeaseGone(error: unknown): boolean {
  return error instanceof EtcdError && error.kind === 'lease-not-found';
}
