import { DcsUnavailable } from '../../ports/dcs.js';
import type { Log } from '../../ports/log.js';
import type { Deadline } from '../shared/retry.js';
import { KubernetesError } from './errors.js';
import type { LeaderEndpoint } from './leader-endpoint.js';
import { type LeaderRecord, ownerOf, type RecordKey } from './leader-record.js';
import type { ObjectCache } from './object-cache.js';
import type { Annotations, KubeObject } from './objects.js';
import type { RenewTime } from './renew-time.js';
import type { Change, Resource } from './resource.js';

/** A sub-step of a lock operation must not begin with less than this. */
const MIN_STEP_MS = 500;
/** Writes that were overtaken by somebody else's before an operation gives up. */
const MAX_TRIES = 3;

export interface LeaderLockOptions {
  readonly name: string;
  /** Of the leader's object. */
  readonly objectName: string;
  readonly resource: Resource;
  readonly cache: ObjectCache;
  readonly record: LeaderRecord;
  /** Where traffic to the leader goes; undefined in ConfigMaps mode. */
  readonly endpoint: LeaderEndpoint | undefined;
  readonly renewTime: RenewTime;
  readonly ttlMs: () => number;
  readonly log: Log;
}

/** What a lock operation writes into the record. */
type Claim = Readonly<Record<RecordKey, string>>;

/**
 * The leader lock: annotations of one object, changed only as long as it has the resourceVersion that we have seen
 * (dcs.md §14.6). `false` is told only after a fresh read of the object. Errors are thrown, and mean unknown.
 *
 * A write that was overtaken may have been overtaken by its own first attempt, whose answer was lost: the record then
 * holds the very times that we wrote.
 */
export class LeaderLock {
  readonly #options: LeaderLockOptions;

  constructor(options: LeaderLockOptions) {
    this.#options = options;
  }

  /** Takes the lock if nobody has it: no owner is named, or its lease has ended by our own observation. */
  async acquire(deadline: Deadline): Promise<boolean> {
    const { name, record } = this.#options;
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      // Fresh: a record that has changed since we last looked belongs to somebody who is alive.
      const object = await this.#read(deadline);
      const owner = ownerOf(object);
      if (owner !== undefined && owner !== name && record.isValid) return false;
      if (await this.#claim(object, deadline, 'acquire')) return true;
    }
    throw new DcsUnavailable(`leader lock: overtaken ${MAX_TRIES} times, each time by no owner (kubernetes)`);
  }

  /** @param mayCreate a lock that nobody has any more is taken anew. */
  async renew(deadline: Deadline, mayCreate: boolean): Promise<boolean> {
    const { name, cache, objectName } = this.#options;
    // Our last write is in the copy, and its version guards this one.
    let object = cache.get(objectName);
    if (ownerOf(object) !== name) object = await this.#read(deadline);
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const owner = ownerOf(object);
      if (owner !== name && (owner !== undefined || !mayCreate)) return false;
      if (await this.#claim(object, deadline, 'renew')) return true;
      object = await this.#read(deadline);
    }
    throw new DcsUnavailable(`leader lock: overtaken ${MAX_TRIES} times while it was ours (kubernetes)`);
  }

  /** Takes our name off, and traffic away. */
  async release(deadline: Deadline): Promise<boolean> {
    const { name, cache, objectName, endpoint } = this.#options;
    let object = cache.get(objectName);
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      if (tries > 0 || ownerOf(object) !== name) object = await this.#read(deadline);
      if (object === undefined || ownerOf(object) !== name) return false;
      const change = { annotations: { leader: null }, ...(endpoint === undefined ? {} : { subsets: [] }) };
      if ((await this.#write(object, change, deadline, false)) !== undefined) return true;
    }
    return false;
  }

  /** @returns false: overtaken, the object has to be read again. */
  async #claim(object: KubeObject | undefined, deadline: Deadline, purpose: 'acquire' | 'renew'): Promise<boolean> {
    const { endpoint, log } = this.#options;
    const claim = this.#claimOn(object?.annotations);
    const change = { annotations: claim, subsets: endpoint?.subsetsFor(object) };
    if ((await this.#write(object, change, deadline, purpose === 'renew')) !== undefined) return true;
    const found = await this.#read(deadline);
    const isOurs = found !== undefined && Object.entries(claim).every(([key, value]) => found.annotations[key] === value);
    if (!isOurs) log.debug(`leader object changed before it could be written (${purpose})`);
    return isOurs;
  }

  /** @returns undefined: the object has another version by now, is there already, or is gone. */
  async #write(object: KubeObject | undefined, change: Change, deadline: Deadline, isRenewal: boolean): Promise<KubeObject | undefined> {
    const { resource, cache, objectName } = this.#options;
    deadline.ensure(MIN_STEP_MS, 'leader lock');
    const sending = { deadline, attempts: 'repeat', repeatsDenied: isRenewal } as const;
    try {
      return await cache.write(objectName, () =>
        object === undefined
          ? resource.create(objectName, change, sending)
          : resource.patch(objectName, { ...change, resourceVersion: object.resourceVersion }, sending),
      );
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      if (error.kind === 'conflict' || (error.kind === 'absent' && object !== undefined)) return undefined;
      throw error;
    }
  }

  #read(deadline: Deadline): Promise<KubeObject | undefined> {
    deadline.ensure(MIN_STEP_MS, 'leader lock');
    return this.#options.cache.read(this.#options.objectName, deadline);
  }

  /** The owner keeps its time of acquisition; another one counts a transition. */
  #claimOn(annotations: Annotations | undefined): Claim {
    const { name, renewTime, ttlMs } = this.#options;
    const now = renewTime.next();
    const isOurs = annotations?.['leader'] === name;
    const count = /^\d{1,15}$/.test(annotations?.['transitions'] ?? '') ? Number(annotations?.['transitions']) : 0;
    const transitions = annotations === undefined || isOurs ? count : count + 1;
    return {
      leader: name,
      // Whole seconds, never less than ours: others must not take it for ended before we do.
      ttl: String(Math.ceil(ttlMs() / 1000)),
      renewTime: now,
      acquireTime: (isOurs && annotations?.['acquireTime']) || now,
      transitions: String(transitions),
    };
  }
}
