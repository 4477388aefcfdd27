import { milliseconds } from '../base/duration.js';
import { stringifyJson } from '../base/json.js';
import { isSyncEmpty, type SyncState } from '../cluster/sync-state.js';
import type { KnownObservation } from '../ha/observation.js';
import { names } from '../ha/sync/names.js';
import { nextSyncStep, preparation } from '../ha/sync/plan.js';
import { formatStandbyNames, type StandbyNames } from '../ha/sync/standby-names.js';
import { lookAtStandbys, NOT_READY, type Readiness } from '../ha/sync/standbys.js';
import type { SyncStep } from '../ha/sync/step.js';
import type { ServerStatus } from '../ports/postgres.js';
import type { AgentPorts } from './environment.js';
import type { LockKeeper } from './lock-keeper.js';
import { observeTimeout } from './observe-timeout.js';
import type { AgentState } from './state.js';

/** A sequence is short; more steps mean that two of them undo each other. */
const MOST_STEPS = 20;
/** What is left after so long is done in the next cycle. */
const MOST_MS = 3000;
/** Until a standby that has to catch up is looked at again. */
const CATCH_UP_MS = 200;
/** Between two looks whether the server has read a changed setting, and how long that may take before the cycle goes on. */
const RELOAD = { pollMs: 30, mostMs: 1500, givenUpMs: 10_000 };
/** While a standby that went away is still named, every commit waits for it: the leader looks this often. */
const WATCH_MS = 1000;

export interface SyncKeeperParts {
  readonly ports: AgentPorts;
  readonly state: AgentState;
  readonly lock: LockKeeper;
  readonly wake: () => void;
}

/**
 * Keeps `/sync` (who may be promoted) and `synchronous_standby_names` (whom commits wait for) in step, as leader. What to
 * do next is decided by pure functions (src/ha/sync); this class looks, does one step, and looks again. Every write of
 * the key is a compare-and-set on what was seen; one that lost, or no answer, ends the work of the cycle.
 */
export class SyncKeeper {
  private readonly p: SyncKeeperParts;
  private readiness: Readiness = NOT_READY;
  private isHoldAnnounced = false;
  private isWatching = false;
  /** The version of the key by which this member asked for the lock; undefined: it has led since. */
  private electedBy: { readonly version: string | undefined } | undefined;
  /** The version of the key that was written here, with an answer: no request that was sent before can replace it any more. */
  private ownVersion: string | undefined;
  /** What was written last; until the server has read it, nothing is decided by what it shows. */
  private ordered: string | undefined;
  private orderedAt = 0;
  /** The streaming standbys at the last look, as text. */
  private seen = '';

  constructor(parts: SyncKeeperParts) {
    this.p = parts;
  }

  /** The lock is asked for by a decision that rests on this version of the key. */
  runsFor(version: string | undefined): void {
    this.electedBy = { version };
    // Somebody may have led meanwhile and claimed this version of the key: the next work on it begins with another one.
    this.ownVersion = undefined;
  }

  /** One cycle's work on a primary that holds the lock. @throws DcsUnavailable */
  async maintain(o: KnownObservation): Promise<void> {
    this.electedBy = undefined;
    if (o.config.synchronousMode === 'off') return this.disable(o);
    const { clock, log } = this.p.ports;
    const until = clock.monotonic() + MOST_MS;
    const seen = o.cluster.view.sync;
    let key = isSyncEmpty(seen) ? seen : await this.ownKey(undefined, o);
    if (key === undefined) return;
    for (let done = 0; done < MOST_STEPS && clock.monotonic() < until && this.p.lock.isHeld; done++) {
      const status = await this.status(o);
      if (status === undefined || status.isInRecovery) return;
      if (this.isUnread(status)) {
        clock.after(CATCH_UP_MS, this.p.wake);
        return;
      }
      const proven = key.leader === o.me && key.quorum === 0 ? key.voters : [];
      const now = milliseconds(clock.monotonic());
      const look = lookAtStandbys({ ...o, now }, status, this.readiness, proven);
      if (look.isUnparsable) log.warning(`Unparsable synchronous_standby_names value '${status.synchronousStandbyNames}'`);
      this.readiness = look.readiness;
      this.watch();
      const step = nextSyncStep(o, key, look);
      if (step.kind === 'wait') {
        clock.after(CATCH_UP_MS, this.p.wake);
        return;
      }
      if (step.kind === 'hold') return this.announce(step.warning);
      this.isHoldAnnounced = false;
      if (step.kind === 'done') return;
      if (step.kind === 'set-names') await this.setNames(step.value, o);
      else {
        const written = await this.writeKey(step, key, o);
        if (written === undefined) return;
        key = written;
      }
    }
    this.p.wake();
  }

  /**
   * Before a promotion: the key must not name anybody who may lack what this member is about to acknowledge, and commits
   * must wait from the first one on (ha.md §9.1 «RISK»). False: somebody else changed the key, nothing may be promoted.
   * @throws DcsUnavailable
   */
  async prepare(o: KnownObservation): Promise<boolean> {
    const key = o.cluster.view.sync;
    if (o.config.synchronousMode === 'off') return isSyncEmpty(key) || (await this.deleteKey(key, o));
    const { electedBy } = this;
    const { log } = this.p.ports;
    const isOfAnother = !isSyncEmpty(key) && key.leader?.toLowerCase() !== o.me.toLowerCase();
    if (electedBy === undefined ? isOfAnother : electedBy.version !== key.version) {
      // Between the look and the lock the former leader named others: this member may lack what they have. Or the lock is left from
      // before a restart of the agent, and nobody knows any more by which key it was won.
      this.electedBy = undefined;
      await this.p.lock.release(o.cluster.view.leader);
      return false;
    }
    // Without the lock the key is not ours to claim.
    if (!this.p.lock.isHeld) return false;
    const plan = preparation(o, key);
    const claimed = await this.ownKey(plan.key, o);
    if (claimed === undefined) return false;
    if (electedBy !== undefined) this.electedBy = { version: claimed.version };
    if (!(await this.setNames(plan.value, o))) {
      log.warning('synchronous_standby_names is not in force yet');
      return false;
    }
    return true;
  }

  /**
   * Before this member's server is started as primary again: whom the key counts on must be waited for from the first commit
   * on. False: it must not be started now. @throws DcsUnavailable
   */
  async beforeStart(o: KnownObservation): Promise<boolean> {
    const key = o.cluster.view.sync;
    if (o.config.synchronousMode === 'off' || isSyncEmpty(key)) return true;
    const { leader, voters, quorum } = key;
    // Promoted and crashed before its first cycle: the key still speaks of the leader before.
    if (leader !== o.me) return this.claim(o);
    const type = quorum > 0 ? 'quorum' : 'priority';
    if ((await this.ownKey(undefined, o)) === undefined) return false;
    // The server reads it when it starts.
    if (voters.length > 0) await this.writeNames({ type, number: voters.length - quorum, members: names(voters) }, o);
    return true;
  }

  /** As `prepare`, for a server that is not running. */
  private async claim(o: KnownObservation): Promise<boolean> {
    const plan = preparation(o, o.cluster.view.sync);
    if ((await this.ownKey(plan.key, o)) === undefined) return false;
    await this.writeNames(plan.value, o);
    return true;
  }

  /** The key as it has to be before anything rests on it; undefined: somebody else changed it. @param wanted undefined: as it is. */
  private async ownKey(wanted: Extract<SyncStep, { kind: 'write-key' }> | undefined, o: KnownObservation): Promise<SyncState | undefined> {
    const key = o.cluster.view.sync;
    if (wanted !== undefined) return this.writeKey(wanted, key, o);
    return key.version === this.ownVersion ? key : this.rewriteKey(key, o);
  }

  private async disable(o: KnownObservation): Promise<void> {
    const key = o.cluster.view.sync;
    // First nobody may be promoted on the word of the key, then commits need not wait.
    if (!isSyncEmpty(key) && !(await this.deleteKey(key, o))) return;
    await this.p.ports.postgres.setSynchronousStandbyNames(undefined);
    this.ordered = undefined;
    this.readiness = NOT_READY;
    if (!isSyncEmpty(key)) this.p.ports.log.info('Disabled synchronous replication');
  }

  private async deleteKey(key: SyncState, o: KnownObservation): Promise<boolean> {
    this.ownVersion = undefined;
    const isDeleted = await this.p.ports.dcs.deleteSync(key.version, { timeoutMs: o.config.retryTimeoutMs });
    if (isDeleted) this.adopt({ version: undefined, leader: undefined, voters: [], quorum: 0 });
    else this.p.ports.log.warning('Synchronous replication key updated by someone else.');
    return isDeleted;
  }

  private async writeKey(
    step: Extract<SyncStep, { kind: 'write-key' }>,
    key: SyncState,
    o: KnownObservation,
  ): Promise<SyncState | undefined> {
    const { log } = this.p.ports;
    const { leader, voters, quorum, before, after } = step;
    if (before !== undefined) log[before.level](before.message);
    const text = textOf(step);
    const version = await this.put(text, key, o);
    if (version === undefined) return undefined;
    if (after !== undefined) log.info(after);
    return this.adopt({ version, leader, voters, quorum });
  }

  /**
   * Writes the key as it is, so that it gets another version. A write whose answer was lost, here or by who led before, may
   * still be on its way; it was safe beside the setting of its time, and must not arrive beside another one.
   */
  private async rewriteKey(key: SyncState, o: KnownObservation): Promise<SyncState | undefined> {
    const text = textOf(key);
    let version = await this.put(text, key, o);
    // Consul gives a new version to a changed value only.
    if (version !== undefined && version === key.version) version = await this.put(`${text} `, key, o);
    return version === undefined ? undefined : this.adopt({ ...key, version });
  }

  private async put(text: string, key: SyncState, o: KnownObservation): Promise<string | undefined> {
    const { dcs, log } = this.p.ports;
    this.ownVersion = undefined;
    const version = await dcs.writeSync(text, key.version, { timeoutMs: o.config.retryTimeoutMs });
    if (version === undefined) log.info('Synchronous replication key updated by someone else.');
    this.ownVersion = version;
    return version;
  }

  /** The rest of the agent sees the key as it is now. */
  private adopt(sync: SyncState): SyncState {
    const { state } = this.p;
    if (state.view !== undefined) state.view = { ...state.view, sync };
    return sync;
  }

  /** @returns whether the server goes by them now. */
  private async setNames(value: StandbyNames, o: KnownObservation): Promise<boolean> {
    const { clock } = this.p.ports;
    await this.writeNames(value, o);
    const until = clock.monotonic() + RELOAD.mostMs;
    for (;;) {
      const status = await this.status(o);
      if (status?.synchronousStandbyNames === this.ordered) return true;
      if (clock.monotonic() >= until) return false;
      await clock.sleep(RELOAD.pollMs);
    }
  }

  private async writeNames(value: StandbyNames, o: KnownObservation): Promise<void> {
    const { clock, postgres, log } = this.p.ports;
    const text = formatStandbyNames(value, o.postgres.majorVersion);
    if (text !== undefined) log.info(`Assigning synchronous_standby_names to ${text}`);
    this.ordered = text ?? '';
    this.orderedAt = clock.monotonic();
    await postgres.setSynchronousStandbyNames(text);
  }

  private async status(o: KnownObservation): Promise<ServerStatus | undefined> {
    const timeoutMs = observeTimeout(o.config.retryTimeoutMs);
    const { status } = await this.p.ports.postgres.observe({ timeoutMs, withSynchronousState: true });
    if (status.kind !== 'known') return undefined;
    this.seen = streaming(status.value);
    return status.value;
  }

  /** What was written is not in force yet. For ever that is not so: somebody else may have set it, or taken it back. */
  private isUnread({ synchronousStandbyNames: text }: ServerStatus): boolean {
    if (this.ordered === undefined || text === this.ordered) return false;
    if (this.p.ports.clock.monotonic() - this.orderedAt < RELOAD.givenUpMs) return true;
    this.p.ports.log.warning(`synchronous_standby_names is '${text}', not '${this.ordered}' as it was set`);
    this.ordered = undefined;
    return false;
  }

  private announce(warning: string): void {
    if (!this.isHoldAnnounced) this.p.ports.log.warning(warning);
    this.isHoldAnnounced = true;
  }

  /** Looks at the standbys between the cycles, for as long as this member leads. */
  private watch(): void {
    if (this.isWatching) return;
    this.isWatching = true;
    this.p.ports.clock.after(WATCH_MS, () => {
      this.isWatching = false;
      this.glance().catch((error: unknown) => this.p.ports.log.error('the standbys could not be looked at', error));
    });
  }

  private async glance(): Promise<void> {
    const { lock, state, ports, wake } = this.p;
    if (!lock.isHeld || state.config.synchronousMode === 'off') return;
    const before = this.seen;
    const { status } = await ports.postgres.observe({
      timeoutMs: observeTimeout(state.config.retryTimeoutMs),
      withSynchronousState: true,
    });
    if (status.kind === 'known' && streaming(status.value) !== before) wake();
    this.watch();
  }
}

function textOf({ leader, voters, quorum }: Pick<SyncState, 'voters' | 'quorum'> & { readonly leader: string | undefined }): string {
  return stringifyJson({ leader: leader ?? null, quorum, sync_standby: voters.length > 0 ? names(voters).join(',') : null });
}

/** Who streams, and how the server counts them. */
function streaming({ standbys, synchronousStandbyNames }: ServerStatus): string {
  const rows = standbys.map(({ applicationName, syncState }) => `${applicationName} ${syncState}`).sort();
  return [synchronousStandbyNames, ...rows].join('\n');
}
