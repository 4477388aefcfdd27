import { seconds } from '../base/duration.js';
import { type ClusterView, memberNamed } from '../cluster/view.js';
import { limitationOf } from '../ha/election.js';
import { jobName } from '../ha/job.js';
import { type Observation, ownLsn } from '../ha/observation.js';
import { effectiveTags } from '../ha/sync/duty.js';
import { cloneSource } from '../ha/upstream.js';
import type { AgentControl, AgentSnapshot, FailsafeAcceptance, RestartRequest, ScheduledRestart } from '../ports/agent-control.js';
import type { FailsafePing } from '../ports/peers.js';
import type { AgentPorts } from './environment.js';
import { PEER_TIMEOUT_MS } from './executor.js';
import type { Failsafe } from './failsafe.js';
import type { JobRunner } from './job-runner.js';
import type { LockKeeper } from './lock-keeper.js';
import type { Publisher } from './publisher.js';
import { restartObstacle } from './restart-conditions.js';
import type { AgentState } from './state.js';

export interface ControllerParts {
  readonly ports: AgentPorts;
  readonly state: AgentState;
  readonly lock: LockKeeper;
  readonly jobs: JobRunner;
  readonly publisher: Publisher;
  readonly failsafe: Failsafe;
  readonly wake: () => void;
  readonly requestReload: () => void;
  readonly betweenCycles: <T>(work: () => Promise<T>) => Promise<T>;
  /** Looks at the server and keeps what it saw in the state. */
  readonly observe: () => Promise<void>;
  readonly buildObservation: () => Observation;
}

/** What the REST API may see and ask. Snapshots are built on demand and kept until something changed. */
export class AgentController implements AgentControl {
  private readonly p: ControllerParts;
  private cached: AgentSnapshot | undefined;
  private cachedUntil = 0;
  private looking: { readonly startedAt: number; readonly done: Promise<void> } | undefined;

  constructor(parts: ControllerParts) {
    this.p = parts;
  }

  get name(): string {
    return this.p.ports.configuration.name;
  }

  get scope(): string {
    return this.p.ports.configuration.scope;
  }

  /** Something changed: the next request gets a new picture. */
  invalidate(): void {
    this.cached = undefined;
  }

  snapshot(): AgentSnapshot {
    const now = this.p.ports.clock.monotonic();
    if (this.cached === undefined || now >= this.cachedUntil) this.build(now);
    return this.cached ?? this.build(now);
  }

  async refresh(maxAgeMs: number): Promise<AgentSnapshot> {
    const { clock } = this.p.ports;
    const wantedFrom = clock.monotonic() - maxAgeMs;
    if (this.p.state.postgresAt < wantedFrom) {
      if (this.looking === undefined || this.looking.startedAt < wantedFrom) this.look();
      await this.looking?.done;
      if (maxAgeMs === 0) await this.p.publisher.lookAtTimeline();
      this.invalidate();
    }
    return this.snapshot();
  }

  loadCluster(): Promise<ClusterView> {
    return this.p.ports.dcs.load({ timeoutMs: this.p.state.config.retryTimeoutMs });
  }

  writeConfig(value: string, version: string | undefined): Promise<boolean> {
    return this.p.ports.dcs.writeConfig(value, version, { timeoutMs: this.p.state.config.retryTimeoutMs });
  }

  writeFailover(value: string, version: string | undefined): Promise<boolean> {
    return this.p.ports.dcs.writeFailover(value, version, { timeoutMs: this.p.state.config.retryTimeoutMs });
  }

  async limitationOf(memberName: string, apiUrl: string): Promise<string | undefined> {
    return limitationOf(await this.p.ports.peers.status(memberName, apiUrl, PEER_TIMEOUT_MS));
  }

  wake(): void {
    this.p.wake();
  }

  requestReload(): void {
    this.p.requestReload();
  }

  async restart(request: RestartRequest): Promise<{ readonly isDone: boolean; readonly message: string }> {
    const refusal = await this.p.betweenCycles(async () => {
      const obstacle = restartObstacle(request, this.p.buildObservation());
      if (obstacle !== undefined) {
        this.p.ports.log.info(`not proceeding with the restart: ${obstacle}`);
        return 'restart conditions are not satisfied';
      }
      const busyWith = (): string | undefined => {
        const running = this.p.jobs.current;
        return running === undefined ? undefined : `${jobName(running.job)} already in progress`;
      };
      const isBusy = busyWith();
      if (isBusy !== undefined) return isBusy;
      // A rewind that ended since the last look took the standby's signal file with it: started now, it would be a primary.
      await this.p.observe();
      const isBusyNow = busyWith();
      if (isBusyNow === undefined) this.beginRestart(request.timeout);
      return isBusyNow;
    });
    if (refusal !== undefined) return { isDone: false, message: refusal };
    await this.p.jobs.idle();
    const { state } = await this.refresh(0).then((snapshot) => snapshot.postgres);
    if (state === 'running') return { isDone: true, message: 'restarted successfully' };
    return { isDone: false, message: state === 'starting' || state === 'restarting' ? 'postgres is still starting' : 'restart failed' };
  }

  /** Starts the job; the next cycles judge how it ended. @param timeout seconds. */
  beginRestart(timeout: number | undefined): void {
    const { state, jobs } = this.p;
    const timeoutMs = timeout === undefined ? state.config.primaryStartTimeoutMs : seconds(timeout);
    const { hasRecoveryConfiguration: isStandby, isProcessRunning } = state.postgres;
    if (jobs.start({ kind: 'restart', timeoutMs, isStandby, isStopped: !isProcessRunning }) !== undefined) return;
    state.memory = { ...state.memory, isRecovering: true, startTimeoutMs: timeoutMs };
  }

  async scheduleRestart(request: ScheduledRestart): Promise<boolean> {
    const { state } = this.p;
    if (state.scheduledRestart !== undefined) return false;
    state.scheduledRestart = request;
    state.scheduledAfterStart = state.postgres.status.kind === 'known' ? state.postgres.status.value.postmasterStartTime : undefined;
    await this.publish();
    return true;
  }

  async deleteScheduledRestart(): Promise<boolean> {
    if (this.p.state.scheduledRestart === undefined) return false;
    this.p.state.scheduledRestart = undefined;
    await this.publish();
    return true;
  }

  async reinitialize(options: { readonly force: boolean; readonly fromLeader: boolean }): Promise<string | undefined> {
    // No cycle waits for a server that may not answer.
    const obstacle = await this.copyObstacle(options.fromLeader);
    if (obstacle !== undefined) return obstacle;
    return this.p.betweenCycles(async () => {
      const refusal = this.reinitializeRefusal(await this.loadCluster());
      if (refusal !== undefined) return refusal;
      if (options.force) await this.p.jobs.cancel();
      const running = this.p.jobs.current;
      if (running !== undefined) return `${jobName(running.job)} already in progress`;
      this.p.jobs.start({ kind: 'reinitialize', fromLeader: options.fromLeader });
      return undefined;
    });
  }

  private reinitializeRefusal({ leader }: ClusterView): string | undefined {
    if (leader === undefined) return 'Cluster has no leader, can not reinitialize';
    return leader.name === this.name ? 'I am the leader, can not reinitialize' : undefined;
  }

  /** The job looks once more before it removes anything; here the operator is told. */
  private async copyObstacle(fromLeader: boolean): Promise<string | undefined> {
    const view = await this.loadCluster();
    const refusal = this.reinitializeRefusal(view);
    if (refusal !== undefined) return refusal;
    const o = this.p.buildObservation();
    const { source } = cloneSource({ ...o, cluster: { kind: 'known', view } }, fromLeader) ?? {};
    if (source === undefined) return 'The leader does not say where its server is, can not reinitialize';
    // Who takes everything from an archive need not reach anybody.
    const obstacle = o.policy.traits.nostream ? undefined : await this.p.ports.postgres.cloneObstacle(source);
    return obstacle === undefined ? undefined : `can not copy from ${source.name}: ${obstacle}`;
  }

  acceptFailsafe(ping: FailsafePing): FailsafeAcceptance {
    const answer = this.p.failsafe.accept(ping, ownLsn(this.p.buildObservation()));
    this.invalidate();
    return answer;
  }

  private async publish(): Promise<void> {
    this.invalidate();
    await this.p.betweenCycles(() => this.p.publisher.member(this.p.buildObservation()));
  }

  /** One look serves all who asked before it began. */
  private look(): void {
    const startedAt = this.p.ports.clock.monotonic();
    const looking = { startedAt, done: this.p.observe() };
    this.looking = looking;
    const end = (): void => {
      if (this.looking === looking) this.looking = undefined;
    };
    looking.done = looking.done.then(end, (error: unknown) => {
      end();
      this.p.ports.log.warning('the server could not be looked at for a request', error);
    });
  }

  private build(now: number): AgentSnapshot {
    const { ports, state, lock, failsafe } = this.p;
    const { ttlMs } = state.config;
    const isViewFresh = state.view !== undefined && now - state.viewAt < ttlMs;
    const view = isViewFresh ? state.view : undefined;
    const member = view === undefined ? undefined : memberNamed(view, this.name);
    this.cachedUntil = Math.min(
      lock.isHeld ? lock.leaseEnd : Number.POSITIVE_INFINITY,
      isViewFresh ? state.viewAt + ttlMs : Number.POSITIVE_INFINITY,
      now + 1000,
    );
    const published = member?.data['timeline'];
    const known = state.timeline ?? (typeof published === 'number' ? published : undefined);
    this.cached = {
      postgres: state.postgres,
      timeline: state.isTimelineUnclear ? undefined : known,
      view,
      config: state.config,
      rawConfig: state.rawConfig,
      isLeader: lock.isHeld,
      isFailsafeActive: failsafe.isActive,
      failsafe: failsafe.map,
      dcsLastSeen: state.dcsLastSeen,
      tags: effectiveTags(ports.configuration.identity().tags, state.renouncing > 0),
      scheduledRestart: state.scheduledRestart,
      isWatchdogFailed: !ports.watchdog.isHealthy(),
      nextCycleInMs: state.nextRun - now,
      logQueue: ports.configuration.logQueue(),
    };
    return this.cached;
  }
}
