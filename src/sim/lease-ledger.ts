import type { Timings } from '../cluster/dynamic-config.js';
import type { Dcs } from '../ports/dcs.js';
import type { Peers } from '../ports/peers.js';
import { override } from './override.js';

/**
 * Until when a member may take itself for the leader, kept beside the agent and independent of it: counted by the
 * member's clock from the start of the last request that was answered with yes, with the ttl that the store was told.
 */
export class LeaseLedger {
  private byStore = 0;
  private byMembers = 0;
  private ttlMs: number;
  private readonly monotonic: () => number;

  constructor(ttlMs: number, monotonic: () => number) {
    this.ttlMs = ttlMs;
    this.monotonic = monotonic;
  }

  /** Monotonic time of the member; 0: no lease. */
  get endsAt(): number {
    return Math.max(this.byStore, this.byMembers);
  }

  /** Members who let a primary go on without store (failsafe mode) stand for a renewal. */
  watchPeers(peers: Peers): Peers {
    return override(peers, {
      failsafe: async (name, url, ping, timeoutMs) => {
        const startedAt = this.monotonic();
        const answer = await peers.failsafe(name, url, ping, timeoutMs);
        if (answer.accepted) this.byMembers = Math.max(this.byMembers, startedAt + this.ttlMs);
        return answer;
      },
    });
  }

  /** The store's port with every word about the lock written down. */
  watch(dcs: Dcs): Dcs {
    const note = async <T>(request: Promise<T>, isYes: (answer: T) => boolean): Promise<T> => {
      const [startedAt, { ttlMs }] = [this.monotonic(), this];
      const answer = await request;
      this.byStore = isYes(answer) ? Math.max(this.byStore, startedAt + ttlMs) : 0;
      return answer;
    };
    return override(dcs, {
      acquireLeaderLock: (options) => note(dcs.acquireLeaderLock(options), (answer) => answer === 'acquired'),
      renewLeaderLock: (leader, options) => note(dcs.renewLeaderLock(leader, options), (answer) => answer === 'renewed'),
      takeLeaderLock: (options) => note(dcs.takeLeaderLock(options), (answer) => answer),
      releaseLeaderLock: (leader, options) => {
        this.byStore = 0;
        this.byMembers = 0;
        return dcs.releaseLeaderLock(leader, options);
      },
      configure: async (timings: Timings, extra) => {
        await dcs.configure(timings, extra);
        this.ttlMs = timings.ttlMs;
      },
    });
  }
}
