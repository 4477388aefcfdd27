import { AssertionFailed } from '../base/assert.js';
import { type Milliseconds, milliseconds } from '../base/duration.js';
import type { Lsn } from '../base/lsn.js';
import { deepEqualByText } from '../base/python-values.js';
import { parseGlobalConfig } from '../cluster/dynamic-config.js';
import { clusterTimeline } from '../cluster/history.js';
import { apiUrlOf } from '../cluster/member.js';
import { type ClusterView, isValidSystemId, memberNamed } from '../cluster/view.js';
import { decide } from '../ha/decide.js';
import type { Decision } from '../ha/decision.js';
import { judgeTakeover, limitationOf, takeoverPeers } from '../ha/election.js';
import { roundReserve, underPromise } from '../ha/failsafe.js';
import { isFencing } from '../ha/job.js';
import { type Facts, fencingMargin, type KnownObservation, mayBecomePrimary, type Observation } from '../ha/observation.js';
import { armed } from '../ha/rewind.js';
import { cloneSource, remoteMember, upstreamOf } from '../ha/upstream.js';
import type { AgentControl } from '../ports/agent-control.js';
import { type CallOptions, type DcsEvent, DcsUnavailable } from '../ports/dcs.js';
import type { PostgresObservation } from '../ports/postgres.js';
import { AgentController } from './control.js';
import type { AgentPorts } from './environment.js';
import { askPeers, type Effect, type ExecutorParts, execute } from './executor.js';
import { Failsafe } from './failsafe.js';
import { JobRunner } from './job-runner.js';
import { runJob } from './jobs/bodies.js';
import type { JobServices } from './jobs/services.js';
import { LockKeeper } from './lock-keeper.js';
import { LogicalSlotKeeper } from './logical-slots.js';
import { observeTimeout } from './observe-timeout.js';
import { Publisher } from './publisher.js';
import { applyScheduledRestart } from './scheduled-restart.js';
import { shutdown } from './shutdown.js';
import { type AgentState, initialState } from './state.js';
import { SyncDuty } from './sync-duty.js';
import { SyncKeeper } from './sync-keeper.js';
import { receivedOf } from './wal-timeline.js';

/** A decision needs a handful of rounds; more means that two rules hand the cycle to each other. */
const MAX_ROUNDS = 50;
/** The loop never runs more often than this, whatever events say. */
const LEAST_CYCLE_GAP_MS = 25;
/** A look at the server that is older than this is repeated before anything is decided. */
const STALE_LOOK_MS = 200;
/** A read of the store gets at least so much time. */
const LEAST_STORE_BUDGET_MS = 500;
/** After a cycle that ended unexpectedly. */
const RETRY_AFTER_BUG_MS = 1000;
/** Beyond retry_timeout: a store that does not answer is noticed by then, and what is decided about that is milder than a fence. */
const DECISION_MS = 1000;
/** Between two attempts to read the store at start. */
const START_RETRY_MS = 1000;
/** Somebody with our name who answers within this time is alive. */
const NAMESAKE_TIMEOUT_MS = 3000;

type Exit = NonNullable<Effect['exit']>;

/**
 * One member: observes, decides, executes, reports, again and again, and reacts to events in between.
 *
 * Life: `run` (waits for the store, refuses a namesake, loops) until `stop` or an exit that a rule ordered; then the
 * shutdown procedure. Everything that changes the server or the lock goes through a decision or a job.
 */
export class Agent {
  readonly control: AgentControl;
  private readonly ports: AgentPorts;
  private readonly state: AgentState;
  private readonly lock: LockKeeper;
  private readonly failsafe: Failsafe;
  private readonly sync: SyncKeeper;
  private readonly logicalSlots: LogicalSlotKeeper;
  private readonly jobs: JobRunner;
  private readonly publisher: Publisher;
  private readonly parts: ExecutorParts;
  private readonly services: JobServices;
  private readonly controller: AgentController;
  private wakeUp: (() => void) | undefined;
  private isWoken = false;
  /** Aborted by `stop`: gives up the reading of a store that does not answer. */
  private readonly stopping = new AbortController();
  private isReloadWanted = false;
  private wakesOnMembers = false;
  private isNameChecked = false;
  /** Calls off what `fenceUnlessConfirmed` ordered; undefined: nothing. */
  private cancelFence: (() => void) | undefined;
  /** How the reading at start ended, for the first cycle. */
  private firstLoad: boolean | undefined;
  private cycle: Promise<unknown> = Promise.resolve();
  private appliedConfig: Readonly<Record<string, unknown>> | undefined;
  private savedConfig: Readonly<Record<string, unknown>> | undefined;
  private storeTtlMs: number;
  private lastRoleClass: string | undefined;

  /** @param initial how the server looks before the first cycle. */
  constructor(ports: AgentPorts, initial: PostgresObservation) {
    this.ports = ports;
    const raw = ports.configuration.initialDynamic();
    const parsed = parseGlobalConfig(raw);
    const fallback = parseGlobalConfig({});
    if ('invalid' in fallback) throw new Error('the defaults are invalid');
    if ('invalid' in parsed) ports.log.error(`dynamic configuration refused: ${parsed.invalid}; the defaults are used`);
    this.state = initialState('invalid' in parsed ? fallback.config : parsed.config, 'invalid' in parsed ? {} : raw, initial);
    this.storeTtlMs = this.state.config.ttlMs;
    this.publisher = new Publisher(ports, this.state);
    this.logicalSlots = new LogicalSlotKeeper(ports.logicalSlots, ports.log, () => this.wake());
    this.lock = new LockKeeper({
      ...ports,
      // A lease in the store has the ttl that the store was told, not the one that was read a moment ago.
      timings: () => ({ ...this.state.config, ttlMs: Math.min(this.state.config.ttlMs, this.storeTtlMs) }),
      budget: () => this.storeBudget(),
      onHeld: () => this.callOffFence(),
      onExpired: () => this.beside('fencing', this.fence('the lease of the leader lock ended before it could be renewed, demoting self')),
      onLost: () => this.wake(),
    });
    this.jobs = new JobRunner({
      ...ports,
      body: (job, control) => runJob(job, this.services, control),
      onEnd: () => {
        // A copy or a rewind brings the cached configuration of the server that it came from, perhaps of another cluster.
        this.savedConfig = undefined;
        this.controller.invalidate();
        this.wake();
      },
    });
    this.failsafe = new Failsafe({ ports, state: this.state, lock: this.lock, jobs: this.jobs });
    this.sync = new SyncKeeper({ ports, state: this.state, lock: this.lock, wake: () => this.wake() });
    this.services = this.jobServices();
    this.parts = {
      ports,
      state: this.state,
      lock: this.lock,
      jobs: this.jobs,
      publisher: this.publisher,
      failsafe: this.failsafe,
      sync: this.sync,
      logicalSlots: this.logicalSlots,
      look: () => this.lookAtServer(),
      reload: () => this.load({ signal: this.stopping.signal }),
      applyScheduledRestart: (o) =>
        applyScheduledRestart(o, { ...ports, state: this.state, jobs: this.jobs, controller: this.controller, wake: () => this.wake() }),
      checkpointAfterPromote: () => this.beside('the first checkpoint', this.checkpointAfterPromote()),
    };
    this.controller = new AgentController({
      ports,
      state: this.state,
      lock: this.lock,
      jobs: this.jobs,
      publisher: this.publisher,
      failsafe: this.failsafe,
      wake: () => this.wake(),
      requestReload: () => {
        this.isReloadWanted = true;
        this.wake();
      },
      betweenCycles: (work) => this.betweenCycles(work),
      observe: () => this.lookAtServer(),
      buildObservation: () => this.observation({}, []),
    });
    this.control = this.controller;
  }

  /** Work beside the cycle: whatever goes wrong with it is told. */
  private beside(what: string, work: Promise<void>): void {
    work.catch((error: unknown) => this.ports.log.error(`Unexpected exception in ${what}`, error));
  }

  /** Ends the wait between two cycles. */
  wake(): void {
    this.isWoken = true;
    this.wakeUp?.();
  }

  /** Orders the shutdown; `run` resolves when it is done. */
  stop(): void {
    this.stopping.abort();
    this.wake();
  }

  private get isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  /**
   * Reads the store, and looks for a running member of our name there. To be awaited before the REST API begins to answer:
   * afterwards the one who answers at our address is ourselves.
   * @param isStoreSilent the store was already given its time and has not answered.
   * @returns why this member must not start; undefined: nothing speaks against it.
   */
  async prepare(isStoreSilent = false): Promise<string | undefined> {
    if (isStoreSilent) this.firstLoad = false;
    else await this.awaitStore();
    this.isNameChecked = this.firstLoad === true;
    if (!this.isNameChecked || !(await this.hasLivingNamesake())) return undefined;
    this.callOffFence();
    return this.namesakeMessage();
  }

  /** Works until `stop`, or until a rule ends it. @returns the exit code of the process. */
  async run(): Promise<number> {
    const { dcs, postgres, watchdog, log } = this.ports;
    const listening = [dcs.subscribe((event) => this.onStoreEvent(event)), postgres.subscribe(() => this.onServerEvent())];
    const unsubscribe = [...listening, watchdog.subscribe(() => this.wake())];
    try {
      const exit = await this.loop();
      await shutdown(this.services, this.jobs, this.state, {
        stopServer: exit?.stopServer ?? true,
        publish: () => this.publishFinal(),
        deleteInitialize: () => this.deleteInitialize(),
      });
      if (exit !== undefined) log.critical(exit.message);
      return exit?.code ?? 0;
    } finally {
      for (const end of unsubscribe) end();
      this.lock.drop();
      this.callOffFence();
    }
  }

  private async loop(): Promise<Exit | undefined> {
    const { clock, log } = this.ports;
    this.state.nextRun = clock.monotonic();
    while (!this.isStopping) {
      const startedAt = clock.monotonic();
      this.isWoken = false;
      const outcome = await this.betweenCycles(() => this.guardedCycle());
      if (outcome.exit !== undefined) return outcome.exit;
      this.controller.invalidate();
      await this.sleep(startedAt, outcome.wakeAt);
    }
    log.info('shutting down');
    return undefined;
  }

  /** Waits for the next period, for an earlier time that a rule gave, or for an event. */
  private async sleep(startedAt: number, wakeAt: number | undefined): Promise<void> {
    const { clock } = this.ports;
    this.state.nextRun += this.state.config.loopWaitMs;
    if (this.state.nextRun <= clock.monotonic()) {
      this.ports.log.warning('Loop time exceeded, rescheduling immediately.');
      this.state.nextRun = clock.monotonic();
    }
    const least = startedAt + LEAST_CYCLE_GAP_MS - clock.monotonic();
    if (least > 0) await clock.sleep(least);
    if (!this.isWoken && !this.isStopping) {
      const until = Math.min(this.state.nextRun, wakeAt ?? Number.POSITIVE_INFINITY);
      await new Promise<void>((resolve) => {
        const cancel = clock.after(Math.max(until - clock.monotonic(), 0), resolve);
        this.wakeUp = () => {
          cancel();
          resolve();
        };
      });
      this.wakeUp = undefined;
    }
    if (this.isWoken || (wakeAt !== undefined && wakeAt < this.state.nextRun)) this.state.nextRun = clock.monotonic();
  }

  /** Cycles and requests that change something exclude each other. */
  private betweenCycles<T>(work: () => Promise<T>): Promise<T> {
    const next = this.cycle.then(work, work);
    this.cycle = next.catch(() => undefined);
    return next;
  }

  /** A cycle whose unexpected end is told and survived: the next one looks anew. Only a broken invariant ends the agent. */
  private async guardedCycle(): Promise<{ readonly exit?: Exit; readonly wakeAt?: Milliseconds }> {
    const { clock, log } = this.ports;
    try {
      const outcome = await this.runCycle();
      if (outcome.exit === undefined) await this.afterCycle();
      return outcome;
    } catch (error) {
      if (error instanceof AssertionFailed) throw error;
      log.error('Unexpected exception', error);
      log.info(`${this.state.config.isPaused ? 'PAUSE: ' : ''}Unexpected exception raised, please report it as a BUG`);
      return { wakeAt: milliseconds(clock.monotonic() + RETRY_AFTER_BUG_MS) };
    }
  }

  private async runCycle(): Promise<{ readonly exit?: Exit; readonly wakeAt?: Milliseconds }> {
    const { log } = this.ports;
    let ended = this.jobs.takeEnded();
    if (this.isReloadWanted) {
      this.isReloadWanted = false;
      await this.ports.configuration.reloadLocal();
    }
    const startedAt = this.ports.clock.monotonic();
    const [isLoaded] = await Promise.all([
      this.firstLoad ?? this.tryLoad({ timeoutMs: this.storeBudget(), signal: this.stopping.signal }),
      this.lookAtServer(),
    ]);
    this.firstLoad = undefined;
    // While the store was slow the server may have changed: decisions rest on how it is now.
    if (this.ports.clock.monotonic() - startedAt > STALE_LOOK_MS) await this.lookAtServer();
    this.watchUnconfirmed();
    if (isLoaded && !this.isNameChecked) {
      this.isNameChecked = true;
      // Too late to ask our own address: whoever answers there now is ourselves.
      const isElsewhere = this.ownApiUrl() !== this.ports.configuration.identity().apiUrl;
      if (isElsewhere && (await this.hasLivingNamesake())) return { exit: { code: 1, message: this.namesakeMessage(), stopServer: false } };
    }
    let facts: Facts = {};
    let isKnown = isLoaded;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      // Without a view only the shutdown follows, which stops the server in order; to demote it first would be a second way.
      if (this.isStopping && !isKnown) return {};
      // What was seen of the server while a job ran counts no more when it has ended; nor do answers that rest on it.
      for (let more = this.jobs.takeEnded(); more.length > 0; more = this.jobs.takeEnded()) {
        ended = [...ended, ...more];
        facts = {};
        await this.lookAtServer();
      }
      const o = this.observation(facts, ended, isKnown);
      ended = [];
      const decision = decide(o, this.state.memory);
      this.state.memory = decision.memory;
      if (!decision.isFinal) log.debug(`asked by rule ${decision.rule}`);
      const effect = await this.carryOut(decision, o, isKnown);
      if (effect.exit !== undefined) log.debug(`rule ${decision.rule}`);
      if (effect.exit !== undefined) return { exit: effect.exit };
      if (effect.isUnavailable) {
        isKnown = false;
        continue;
      }
      facts = { ...facts, ...effect.facts };
      if (decision.isFinal) return this.conclude(decision, isKnown);
    }
    log.error(`no decision after ${MAX_ROUNDS} rounds: please report it as a bug`);
    return {};
  }

  /** Executes the actions in order; the first failure drops the rest. */
  private async carryOut(decision: Decision, o: Observation, isKnown: boolean): Promise<Effect & { readonly isUnavailable?: boolean }> {
    let facts: Facts = {};
    for (const action of decision.actions) {
      try {
        const effect = await execute(action, { ...o, facts: { ...o.facts, ...facts } }, this.parts);
        if (effect.exit !== undefined) return effect;
        facts = { ...facts, ...effect.facts };
        if (effect.isFailed === true) break;
      } catch (error) {
        if (!(error instanceof DcsUnavailable) || !isKnown) throw error;
        if (!this.isStopping) this.storeFailed(error);
        return { facts, isUnavailable: true };
      }
    }
    return { facts };
  }

  private async conclude(decision: Decision, isKnown: boolean): Promise<{ readonly wakeAt?: Milliseconds }> {
    const { log } = this.ports;
    const view = this.state.view;
    log.info(`Lock owner: ${view?.leader?.name ?? 'None'}; I am ${this.ports.configuration.name}`);
    log.info(`${this.state.config.isPaused ? 'PAUSE: ' : ''}${decision.reason}`);
    log.debug(`rule ${decision.rule}`);
    this.wakesOnMembers = decision.wakeOnMembers === true;
    if (isKnown) await this.publisher.member(this.observation({}, [], true));
    this.lock.noteCycle(this.state.view?.leader);
    return decision.wakeAt === undefined ? {} : { wakeAt: decision.wakeAt };
  }

  private observation(facts: Facts, endedJobs: Observation['endedJobs'], isKnown = this.state.view !== undefined): Observation {
    const { clock, configuration, watchdog } = this.ports;
    const { state } = this;
    return {
      now: milliseconds(clock.monotonic()),
      wallNow: clock.wall(),
      me: configuration.name,
      config: state.config,
      policy: configuration.policy(),
      cluster:
        isKnown && state.view !== undefined ? { kind: 'known', view: state.view } : { kind: 'unavailable', error: 'DCS is not accessible' },
      oldView: state.oldView,
      postgres: state.postgres,
      job: this.jobs.current,
      endedJobs,
      watchdog: { needsActivation: !watchdog.isRunning, isHealthy: watchdog.isHealthy(), isArmed: watchdog.isArmed },
      firstCheckpoint: state.firstCheckpoint,
      isLeaseValid: this.lock.isHeld,
      leaseLeftMs: this.lock.isHeld ? this.lock.stopBy - clock.monotonic() : 0,
      failsafe: this.failsafe.known(),
      logicalSlots: this.logicalSlots.known(),
      facts,
    };
  }

  private knownObservation(): KnownObservation | undefined {
    const o = underPromise(this.observation({}, []));
    return o.cluster.kind === 'known' ? { ...o, cluster: o.cluster } : undefined;
  }

  /** Reads the view into the state, with the configuration that it carries. @throws DcsUnavailable */
  private async load(options: Partial<CallOptions> = {}): Promise<void> {
    const { clock, dcs, configuration } = this.ports;
    const startedAt = clock.monotonic();
    const view = await dcs.load({ timeoutMs: this.state.config.retryTimeoutMs, ...options });
    this.state.view = view;
    this.state.viewAt = clock.monotonic();
    this.state.dcsLastSeen = Math.floor(clock.wall() / 1000);
    this.failsafe.loaded(view, startedAt);
    if (view.leader !== undefined || this.state.oldView === undefined) this.state.oldView = view;
    if (this.lock.isHeld && view.leader === undefined) this.lock.keyGone();
    else if (this.lock.isHeld && view.leader?.name !== configuration.name) this.lock.withdraw();
    this.adoptConfig(view);
  }

  /** A leader must know in time that the store does not answer: while there is time to stop before the lease ends. */
  private storeBudget(): Milliseconds {
    const { retryTimeoutMs, ttlMs, failsafeMode } = this.state.config;
    if (!this.lock.isHeld) return retryTimeoutMs;
    const reserve = fencingMargin(ttlMs) + (failsafeMode ? roundReserve(ttlMs) : 0);
    const spare = this.lock.stopBy - this.ports.clock.monotonic() - reserve;
    return milliseconds(Math.min(retryTimeoutMs, Math.max(spare, LEAST_STORE_BUDGET_MS)));
  }

  private async tryLoad(options: Partial<CallOptions> = {}): Promise<boolean> {
    try {
      await this.load(options);
      return true;
    } catch (error) {
      if (!(error instanceof DcsUnavailable)) throw error;
      if (options.signal?.aborted !== true) this.storeFailed(error);
      return false;
    }
  }

  /** Not called for a reading that the shutdown gave up: that says nothing of the store, and the last view helps to hand over. */
  private storeFailed(error: DcsUnavailable): void {
    this.ports.log.error(`Error communicating with DCS: ${error.message}`);
    this.state.view = undefined;
  }

  /** Takes a changed `/config` over for the decisions; an unusable one leaves the last valid in force. */
  private adoptConfig(view: ClusterView): void {
    const entry = view.config;
    if (entry === undefined || entry.modifyVersion === this.state.configVersion) return;
    this.state.configVersion = entry.modifyVersion;
    if (!entry.isValid || Object.keys(entry.data).length === 0) {
      const found = entry.found ?? 'an empty object';
      this.ports.log.error(
        `dynamic configuration refused, the one before stays in force: the key config holds ${found}, not the JSON object of settings`,
      );
      return;
    }
    const parsed = parseGlobalConfig(entry.data);
    if ('invalid' in parsed) {
      this.ports.log.error(`dynamic configuration refused, the one before stays in force: ${parsed.invalid}`);
      return;
    }
    for (const warning of parsed.warnings) this.ports.log.warning(warning);
    if (parsed.config.isPaused) this.callOffFence();
    else if (this.state.config.isPaused && !this.lock.isHeld) this.fenceUnlessConfirmed(parsed.config.retryTimeoutMs);
    this.state.config = parsed.config;
    this.state.rawConfig = entry.data;
    // The cycle that goes by it may take long, and requests are answered meanwhile.
    this.controller.invalidate();
  }

  /** A primary without lock that this agent has found: the decision is made in this cycle, but the requests before it may be slow. */
  private watchUnconfirmed(): void {
    const o = this.observation({}, []);
    // What can't be identified is left alone, or stopped, by the rules.
    const mayLackLock = mayBecomePrimary(o) && isValidSystemId(o.postgres.systemId) && !this.lock.isHeld;
    if (mayLackLock && !o.config.isPaused && o.job === undefined)
      this.fenceUnlessConfirmed(milliseconds(o.config.retryTimeoutMs + DECISION_MS));
  }

  /**
   * A primary that was left alone, in maintenance mode or before the agent started, has this long to find its lock confirmed.
   * Cycles may take longer, while a server that does not answer is looked at and the store is slow. The first deadline counts.
   */
  private fenceUnlessConfirmed(withinMs: Milliseconds): void {
    this.cancelFence ??= this.ports.clock.after(withinMs, () => {
      this.cancelFence = undefined;
      const running = this.jobs.current?.job.kind;
      // A cluster that is being made gets its lock at the end.
      if (running === 'bootstrap' || running === 'post-bootstrap') return;
      if (!this.lock.isHeld) this.beside('fencing', this.fence('the leader lock was not confirmed in time, demoting self'));
    });
  }

  private callOffFence(): void {
    this.cancelFence?.();
    this.cancelFence = undefined;
  }

  /** What changed in the cycle reaches the rest: settings of the server, timings of the store, the cached copy. */
  private async afterCycle(): Promise<void> {
    const { configuration, dcs, log } = this.ports;
    const { rawConfig, config, postgres } = this.state;
    if (this.appliedConfig === undefined || !deepEqualByText(this.appliedConfig, rawConfig)) {
      this.appliedConfig = rawConfig;
      const refusal = await configuration.applyDynamic(rawConfig, config);
      if (refusal !== undefined) log.error(`dynamic configuration not applied: ${refusal}`);
      await dcs.configure(config, {});
      this.storeTtlMs = config.ttlMs;
      this.ports.watchdog.configure(config);
      // A restart that is pending now belongs into the member key at once.
      this.wake();
    }
    // Not while there is no data directory to keep the copy in; what could not be saved is tried again after the next cycle.
    if (postgres.role !== 'uninitialized' && this.savedConfig !== rawConfig && (await configuration.saveDynamic(rawConfig))) {
      this.savedConfig = rawConfig;
    }
    const roleClass = roleClassOf(this.state.postgres.role);
    if (this.lastRoleClass !== undefined && roleClass !== this.lastRoleClass) await configuration.applyRole();
    this.lastRoleClass = roleClass;
  }

  /** Looks at the server; what was seen is the state's, for the cycle and for the REST API alike. */
  private async lookAtServer(): Promise<void> {
    const { clock, postgres } = this.ports;
    const at = clock.monotonic();
    const seen = await postgres.observe({
      timeoutMs: observeTimeout(this.state.config.retryTimeoutMs),
      withSynchronousState: this.state.config.synchronousMode !== 'off',
    });
    if (at >= this.state.postgresAt) {
      this.state.postgres = seen;
      this.state.postgresAt = at;
      // Whoever promotes it next, the first checkpoint of the new timeline is due again.
      const status = seen.status.kind === 'known' ? seen.status.value : undefined;
      if (status !== undefined) this.state.received = receivedOf(status) ?? this.state.received;
      const isStandby = status?.isInRecovery === true;
      if (isStandby && this.state.firstCheckpoint === 'done') this.state.firstCheckpoint = 'unknown';
    }
  }

  private onStoreEvent(event: DcsEvent): void {
    if (
      event.kind === 'leader-changed' ||
      event.kind === 'config-changed' ||
      event.kind === 'failover-changed' ||
      event.kind === 'sync-changed' ||
      event.kind === 'reconnected'
    )
      this.wake();
    // A new member needs its slot on the leader at once, else its first streaming attempt fails.
    if (event.kind === 'members-changed' && (event.isMembership || this.wakesOnMembers)) this.wake();
  }

  private onServerEvent(): void {
    this.controller.invalidate();
    this.wake();
  }

  private async beforeStartAsPrimary(): Promise<boolean> {
    const { config } = this.state;
    if (config.synchronousMode === 'off') return true;
    // The view is gone when the key was just given away.
    if (this.knownObservation() === undefined) await this.tryLoad();
    const o = this.knownObservation();
    // A demotion takes the names away. Without store the server that it left can't be told from one that an operator stopped.
    if (o === undefined) return false;
    // Without the lock, in maintenance mode: the key is not taken from another leader by who only starts its server.
    if (!this.lock.isHeld && o.cluster.view.sync.leader !== o.me) return true;
    try {
      return await this.sync.beforeStart(o);
    } catch (error) {
      if (!(error instanceof DcsUnavailable)) throw error;
      return false;
    }
  }

  /** Without a lease by own clock a primary stops now, whatever the cycle is waiting for. */
  private async fence(why: string): Promise<void> {
    this.onServerEvent();
    const o = this.observation({}, []);
    const running = this.jobs.current?.job;
    // What was a standby, or down, when it was looked at last may have been promoted or started since.
    const mayBePrimary = mayBecomePrimary(o) || this.jobs.lastMadePrimaryAt >= this.state.postgresAt;
    if (o.config.isPaused || !mayBePrimary || (running !== undefined && isFencing(running))) return;
    this.ports.log.error(why);
    await this.jobs.cancel();
    this.state.memory = { ...this.state.memory, rewind: armed(this.state.memory, o) };
    const refusal = this.jobs.start({ kind: 'demote', mode: 'immediate-nolock', request: undefined });
    if (refusal !== undefined) this.ports.log.error(refusal);
  }

  /**
   * Gives the store retry_timeout to answer before the first cycle. Then the cycles begin in any case: a primary that was
   * found running must not go on for ever without anybody who can confirm its lock.
   */
  private async awaitStore(): Promise<void> {
    const { clock, log } = this.ports;
    const until = clock.monotonic() + this.state.config.retryTimeoutMs;
    for (let left = until - clock.monotonic(); left > 0 && !this.isStopping; left = until - clock.monotonic()) {
      this.firstLoad = await this.tryLoad({ timeoutMs: milliseconds(left), signal: this.stopping.signal });
      if (this.firstLoad) return;
      log.info('Can not get cluster from dcs');
      await clock.sleep(Math.min(START_RETRY_MS, until - clock.monotonic()));
    }
  }

  /** Where a member of our name said that it answers. */
  private ownApiUrl(): string | undefined {
    const { view } = this.state;
    const member = view === undefined ? undefined : memberNamed(view, this.ports.configuration.name);
    return member === undefined ? undefined : apiUrlOf(member);
  }

  private namesakeMessage(): string {
    return `Can't start; there is already a node named '${this.ports.configuration.name}' running`;
  }

  private async hasLivingNamesake(): Promise<boolean> {
    const apiUrl = this.ownApiUrl();
    return apiUrl !== undefined && (await this.ports.peers.isAlive(apiUrl, NAMESAKE_TIMEOUT_MS));
  }

  private async publishFinal(): Promise<void> {
    await this.lookAtServer();
    if (await this.tryLoad()) await this.publisher.member(this.observation({}, []));
  }

  private async deleteInitialize(): Promise<void> {
    const { dcs, log } = this.ports;
    try {
      await dcs.deleteInitialize({ timeoutMs: this.state.config.retryTimeoutMs });
    } catch (error) {
      if (!(error instanceof DcsUnavailable)) throw error;
      log.error('the initialize key could not be removed: nobody can create this cluster before patronictl remove', error);
    }
  }

  /** The first checkpoint of a new timeline: until it is done nobody may rewind from this server (ha.md §14.6). */
  private async checkpointAfterPromote(): Promise<void> {
    if (this.state.firstCheckpoint === 'running') return;
    this.state.firstCheckpoint = 'running';
    let isDone = false;
    try {
      isDone = await this.isNewTimelineCheckpointed();
    } finally {
      if (this.state.firstCheckpoint === 'running') this.state.firstCheckpoint = isDone ? 'done' : 'unknown';
    }
    if (isDone) this.wake();
  }

  private async isNewTimelineCheckpointed(): Promise<boolean> {
    const { postgres } = this.ports;
    const timeline = this.state.postgres.status.kind === 'known' ? this.state.postgres.status.value.primaryTimeline : 0;
    const control = await postgres.controlData();
    return (timeline > 0 && control?.checkpointTimeline === timeline) || postgres.checkpoint({});
  }

  private jobServices(): JobServices {
    const { ports, state } = this;
    return {
      ...ports,
      duty: new SyncDuty({ ports, state, publisher: this.publisher, observe: () => this.observation({}, []) }),
      config: () => state.config,
      policy: () => ports.configuration.policy(),
      leaseEnd: () => this.lock.stopBy,
      dropLease: () => this.lock.drop(),
      holdsLock: () => this.lock.isHeld,
      reserveTimeline: () => this.reserveTimeline(),
      beforeStartAsPrimary: () => this.beforeStartAsPrimary(),
      releaseLock: (lastLsn) => this.releaseLock(lastLsn),
      successorWith: (target) => this.successorWith(target),
      freshUpstream: async () => {
        const o = (await this.tryLoad()) ? this.knownObservation() : undefined;
        return o === undefined ? undefined : (upstreamOf(o) ?? (o.cluster.view.leader === undefined ? remoteMember(o) : undefined));
      },
      freshCloneSource: async (fromLeader) => {
        const o = (await this.tryLoad()) ? this.knownObservation() : undefined;
        return o === undefined ? undefined : cloneSource(o, fromLeader);
      },
      awaitOtherLeader: (timeoutMs) => this.awaitOtherLeader(timeoutMs),
      forgetLogicalSlots: () => this.logicalSlots.forget(),
      resetFirstCheckpoint: () => {
        state.firstCheckpoint = 'unknown';
      },
    };
  }

  private async releaseLock(lastLsn: Lsn | undefined): Promise<void> {
    const o = this.knownObservation();
    if (lastLsn !== undefined && o !== undefined) await this.publisher.finalPosition(o, lastLsn);
    await this.lock.release(o?.cluster.view.leader);
    this.ports.log.info('Leader key released');
    this.controller.invalidate();
  }

  private async reserveTimeline(): Promise<number | undefined> {
    const { dcs, log, postgres } = this.ports;
    const own = (await postgres.replicaTimeline()) ?? 0;
    const { view, config } = this.state;
    const timeline = Math.max(own, clusterTimeline(view?.history), view?.reservedTimeline ?? 0) + 1;
    try {
      if (await dcs.writeTimeline(String(timeline), { timeoutMs: config.retryTimeoutMs })) return timeline;
      log.warning(`not promoting: the store refused to reserve timeline ${timeline}`);
    } catch (error) {
      if (!(error instanceof DcsUnavailable)) throw error;
      log.warning(`not promoting: timeline ${timeline} could not be reserved: ${error.message}`);
    }
    return undefined;
  }

  /** `nobody`: no member that answers may take over, and waiting for one is in vain. */
  private async successorWith(target: Lsn): Promise<'found' | 'not-yet' | 'nobody'> {
    const o = this.knownObservation();
    if (o === undefined) return 'nobody';
    const question = { targetLsn: target };
    const answers = await askPeers(takeoverPeers(o, question), o, this.ports);
    if (judgeTakeover(o, answers, question).yes) return 'found';
    return [...answers.values()].some((answer) => limitationOf(answer) === undefined) ? 'not-yet' : 'nobody';
  }

  private async awaitOtherLeader(timeoutMs: number): Promise<void> {
    const { clock, configuration, dcs } = this.ports;
    const until = clock.monotonic() + timeoutMs;
    let isChanged = false;
    const unsubscribe = dcs.subscribe((event) => {
      isChanged ||= event.kind === 'leader-changed' || event.kind === 'reconnected';
    });
    try {
      while (clock.monotonic() < until) {
        const isLoaded = await this.tryLoad();
        const leader = this.state.view?.leader?.name;
        if (isLoaded && leader !== undefined && leader !== configuration.name) return;
        isChanged = false;
        for (let waited = 0; !isChanged && waited < 500; waited += 50) await clock.sleep(50);
      }
    } finally {
      unsubscribe();
    }
  }
}

function roleClassOf(role: string): string {
  return role === 'promoted' ? 'primary' : role === 'demoted' ? 'replica' : role;
}
