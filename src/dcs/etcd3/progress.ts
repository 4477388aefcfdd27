import { isJsonObject } from '../../base/json.js';
import type { Log } from '../../ports/log.js';
import { EtcdError } from './errors.js';
import { integerOf } from './wire.js';

/** How far the store is, as its answers tell; refuses what is behind (dcs.md §8.5). */
export class Progress {
  readonly #log: Log;
  #clusterId: string | undefined;
  #raftTerm = 0n;
  #revision = 0n;

  constructor(log: Log) {
    this.#log = log;
  }

  get clusterId(): string | undefined {
    return this.#clusterId;
  }

  get raftTerm(): bigint {
    return this.#raftTerm;
  }

  /** The highest revision that any answer has told: a copy that is behind it may be stale. */
  get revision(): bigint {
    return this.#revision;
  }

  /**
   * Takes note of an answer's header.
   * @throws EtcdError when it is no answer of etcd's, or one of a member that is behind: unknown, never "no".
   */
  check(header: unknown): void {
    const clusterId = isJsonObject(header) ? header['cluster_id'] : undefined;
    if (!isJsonObject(header) || clusterId === undefined) throw new EtcdError('unavailable', 'not an answer of etcd: no header');
    const numbers = ['cluster_id', 'raft_term', 'revision'].map((key) => String(header[key] ?? '0'));
    if (!numbers.every((text) => /^\d{1,20}$/.test(text)))
      throw new EtcdError('unavailable', 'not an answer of etcd: a header without numbers');
    const term = integerOf(header['raft_term']);
    const revision = integerOf(header['revision']);
    if (String(clusterId) !== this.#clusterId) {
      // Another cluster at the same address, such as one restored from a backup, counts its own terms and revisions.
      if (this.#clusterId !== undefined) this.#log.warning(`etcd cluster id changed from ${this.#clusterId} to ${clusterId}`);
      this.#clusterId = String(clusterId);
      this.#raftTerm = term;
      this.#revision = revision;
      return;
    }
    if (term !== 0n && term < this.#raftTerm) throw new EtcdError('unavailable', `answer of raft term ${term}, ${this.#raftTerm} is known`);
    if (term > this.#raftTerm) this.#raftTerm = term;
    if (revision > this.#revision) this.#revision = revision;
  }
}
