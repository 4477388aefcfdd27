import { LockKeeper } from '../../../src/agent/lock-keeper.js';
import { noWatchdog } from '../../../src/agent/no-watchdog.js';
import type { Timings } from '../../../src/cluster/dynamic-config.js';
import { nodeClock } from '../../../src/platform/node-clock.js';
import { type Dcs, DcsUnavailable } from '../../../src/ports/dcs.js';
import { silentLog } from '../../support/silent-log.js';

/** The part of an agent that wants the lock: the real keeper of the lease, and a cycle that reads, renews and acquires. */
export class Contender {
  readonly #dcs: Dcs;
  readonly #timings: Timings;
  readonly #name: string;
  readonly #keeper: LockKeeper;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;

  constructor(dcs: Dcs, timings: Timings, name: string) {
    this.#dcs = dcs;
    this.#timings = timings;
    this.#name = name;
    this.#keeper = new LockKeeper({
      clock: nodeClock,
      dcs,
      watchdog: noWatchdog,
      log: silentLog,
      timings: () => timings,
      budget: () => timings.retryTimeoutMs,
      onHeld: () => undefined,
      onExpired: () => undefined,
      onLost: () => undefined,
    });
  }

  /** By its own clock. */
  get isHolder(): boolean {
    return this.#keeper.isHeld;
  }

  /** Whom the store names. */
  async word(): Promise<string | undefined> {
    return (await this.#dcs.load({ timeoutMs: this.#timings.retryTimeoutMs })).leader?.name;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    this.#keeper.drop();
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#cycle();
      } catch (error) {
        if (!(error instanceof DcsUnavailable)) throw error;
      }
      await nodeClock.sleep(this.#timings.loopWaitMs, this.#stopping.signal);
    }
  }

  async #cycle(): Promise<void> {
    const viewAt = nodeClock.monotonic();
    const { leader } = await this.#dcs.load({ timeoutMs: this.#timings.retryTimeoutMs });
    if (leader?.name === this.#name) await this.#keeper.renew(leader, viewAt);
    else {
      this.#keeper.drop();
      if (leader === undefined) await this.#keeper.acquire();
    }
    this.#keeper.noteCycle(leader);
  }
}
