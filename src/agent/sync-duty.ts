import type { Observation } from '../ha/observation.js';
import { canBeReleased, isOnDuty, shouldRenounce } from '../ha/sync/duty.js';
import { DcsUnavailable } from '../ports/dcs.js';
import type { AgentPorts } from './environment.js';
import type { Publisher } from './publisher.js';
import type { AgentState } from './state.js';

/** Between two looks at the store; a change of `/sync` is looked at when the store tells of it. */
const LOOK_MS = 2000;
/** How soon a change, or that the work is cancelled, is noticed. */
const NOTICE_MS = 50;
/** After the key the leader changes its server's setting: so long commits may still wait for who left the key. */
const SETTLES_MS = 250;

export interface SyncDutyParts {
  readonly ports: AgentPorts;
  readonly state: AgentState;
  readonly publisher: Publisher;
  readonly observe: () => Observation;
}

/** Keeps this standby out of synchronous replication while its server goes down and comes back (ha.md §17.7). */
export class SyncDuty {
  private readonly p: SyncDutyParts;

  constructor(parts: SyncDutyParts) {
    this.p = parts;
  }

  /**
   * Asks to be released, waits for that at most two loop waits, and does the work in any case.
   * @returns undefined when it was cancelled before the work began.
   */
  async without<T>(work: () => Promise<T>, control: { readonly isCancelled: boolean }): Promise<T | undefined> {
    const { state } = this.p;
    if (!shouldRenounce(this.p.observe())) return work();
    state.renouncing += 1;
    try {
      if (await this.p.publisher.member(this.p.observe())) await this.untilReleased(control);
      else this.p.ports.log.warning('Updating member state failed, skipping synchronous standby disable');
      return control.isCancelled ? undefined : await work();
    } finally {
      state.renouncing -= 1;
    }
  }

  private async untilReleased(control: { readonly isCancelled: boolean }): Promise<void> {
    const { clock, dcs, log } = this.p.ports;
    const until = clock.monotonic() + 2 * this.p.state.config.loopWaitMs;
    let isChanged = false;
    const unsubscribe = dcs.subscribe((event) => {
      isChanged ||= event.kind === 'sync-changed' || event.kind === 'leader-changed' || event.kind === 'reconnected';
    });
    try {
      let wasOnDuty = false;
      while (!control.isCancelled) {
        isChanged = false;
        if (!(await this.isOnDuty())) break;
        wasOnDuty = true;
        if (clock.monotonic() >= until) return;
        log.info('Waiting for primary to release us from synchronous standby');
        const next = Math.min(clock.monotonic() + LOOK_MS, until);
        while (!isChanged && !control.isCancelled && clock.monotonic() < next) await clock.sleep(NOTICE_MS);
      }
      if (wasOnDuty && !control.isCancelled) await clock.sleep(SETTLES_MS);
    } finally {
      unsubscribe();
    }
  }

  private async isOnDuty(): Promise<boolean> {
    const { dcs, log, configuration } = this.p.ports;
    const { retryTimeoutMs, synchronousModeStrict } = this.p.state.config;
    try {
      const view = await dcs.load({ timeoutMs: retryTimeoutMs });
      if (!isOnDuty(view, configuration.name)) return false;
      if (canBeReleased(view, configuration.name, synchronousModeStrict)) return true;
      log.info('no other standby can be synchronous, and the strict mode keeps this one: commits will wait for it');
      return false;
    } catch (error) {
      if (!(error instanceof DcsUnavailable)) throw error;
      log.warning('Could not get cluster state, skipping synchronous standby disable');
      return false;
    }
  }
}
