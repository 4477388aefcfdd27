import type { Timings } from '../cluster/dynamic-config.js';
import type { Dcs } from '../ports/dcs.js';
import { override } from './override.js';

/**
 * Until when a member may take itself for the leader, kept beside the agent and independent of it: counted by the
 * member's clock from the start of the last request that was answered with yes, with the ttl that the store was told.
 */
export class LeaseLedger {
  /** Monotonic time of the member; 0: no lease. */
  endsAt = 0;
  private ttlMs: number;
  private readonly monotonic: () => number;

  constructor(ttlMs: number, monotonic: () => number) {
    this.ttlMs = ttlMs;
    this.monotonic = monotonic;
  }

  /** The store's port with every word about the lock written down. */
  watch(dcs: Dcs): Dcs {
    const note = async <T>(request: Promise<T>, isYes: (answer: T) => boolean): Promise<T> => {
      const [startedAt, { ttlMs }] = [this.monotonic(), this];
      const answer = await request;
      this.endsAt = isYes(answer) ? Math.max(this.endsAt, startedAt + ttlMs) : 0;
      return answer;
    };
    return override(dcs, {
      acquireLeaderLock: (options) => note(dcs.acquireLeaderLock(options), (answer) => answer === 'acquired'),
      renewLeaderLock: (leader, options) => note(dcs.renewLeaderLock(leader, options), (answer) => answer === 'renewed'),
      takeLeaderLock: (options) => note(dcs.takeLeaderLock(options), (answer) => answer),
      releaseLeaderLock: (leader, options) => {
        this.endsAt = 0;
        return dcs.releaseLeaderLock(leader, options);
      },
      configure: async (timings: Timings, extra) => {
        await dcs.configure(timings, extra);
        this.ttlMs = timings.ttlMs;
      },
    });
  }
}
