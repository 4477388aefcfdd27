import { parseGlobalConfig } from '../../src/cluster/dynamic-config.js';
import type { ClusterView } from '../../src/cluster/view.js';
import type { AgentControl, AgentSnapshot, FailsafeAcceptance, RestartRequest, ScheduledRestart } from '../../src/ports/agent-control.js';
import { DcsUnavailable } from '../../src/ports/dcs.js';
import type { FailsafePing } from '../../src/ports/peers.js';
import { healthyCluster, healthyStandby, lsn, ME, type Scene } from './builders.js';

/** The picture that the agent of `scene` shows to its REST API. */
export function snapshotOf(scene: Scene, patch: Partial<AgentSnapshot> = {}): AgentSnapshot {
  const { cluster, config, postgres, isLeaseValid } = scene.observation;
  return {
    postgres,
    timeline: 1,
    view: cluster.kind === 'known' ? cluster.view : undefined,
    config,
    rawConfig: {},
    isLeader: isLeaseValid,
    isFailsafeActive: false,
    failsafe: new Map(),
    dcsLastSeen: 1_932_717_601,
    tags: {},
    scheduledRestart: undefined,
    isWatchdogFailed: false,
    nextCycleInMs: 5000,
    logQueue: { size: 0, lost: 0 },
    ...patch,
  };
}

export const primary = healthyCluster();
export const standby = healthyStandby();

/** An agent that answers as it is told and keeps what it was asked to do. */
export class FakeAgentControl implements AgentControl {
  readonly name = ME;
  readonly scope = 'demo';
  readonly done: string[] = [];
  current: AgentSnapshot;
  /** What a fresh load gives, one after the other; the last one stays. Empty: the store does not answer. */
  loads: ClusterView[];
  writes = true;
  limitations: Readonly<Record<string, string>> = {};
  restarted = { isDone: true, message: 'restarted successfully' };
  refusal: string | undefined;
  scheduled: ScheduledRestart | undefined;
  /** Resolves a restart; for requests that take long. */
  hold: Promise<void> = Promise.resolve();

  constructor(scene: Scene = primary, patch: Partial<AgentSnapshot> = {}) {
    this.current = snapshotOf(scene, patch);
    this.loads = this.current.view === undefined ? [] : [this.current.view];
  }

  snapshot(): AgentSnapshot {
    return this.current;
  }

  async refresh(): Promise<AgentSnapshot> {
    return this.current;
  }

  async loadCluster(): Promise<ClusterView> {
    const [view] = this.loads.length > 1 ? this.loads.splice(0, 1) : this.loads;
    if (view === undefined) throw new DcsUnavailable('no answer');
    return view;
  }

  async writeConfig(value: string, version: string | undefined): Promise<boolean> {
    this.done.push(`config ${value} ${version ?? '-'}`);
    return this.writes;
  }

  async writeFailover(value: string, version: string | undefined): Promise<boolean> {
    this.done.push(`failover ${value} ${version ?? '-'}`);
    return this.writes;
  }

  async limitationOf(memberName: string): Promise<string | undefined> {
    return this.limitations[memberName];
  }

  wake(): void {
    this.done.push('wake');
  }

  async restart(request: RestartRequest): Promise<{ readonly isDone: boolean; readonly message: string }> {
    this.done.push(`restart ${JSON.stringify(request)}`);
    await this.hold;
    return this.restarted;
  }

  async scheduleRestart(request: ScheduledRestart): Promise<boolean> {
    if (this.scheduled !== undefined) return false;
    this.scheduled = request;
    return true;
  }

  async deleteScheduledRestart(): Promise<boolean> {
    const isScheduled = this.scheduled !== undefined;
    this.scheduled = undefined;
    return isScheduled;
  }

  async reinitialize(options: { readonly force: boolean; readonly fromLeader: boolean }): Promise<string | undefined> {
    this.done.push(`reinitialize ${options.force} ${options.fromLeader}`);
    return this.refusal;
  }

  requestReload(): void {
    this.done.push('reload');
  }

  acceptFailsafe({ name }: FailsafePing): FailsafeAcceptance {
    if (name === 'other') return { kind: 'refused', reason: 'b was accepted a moment ago' };
    return this.current.postgres.role === 'primary' ? { kind: 'running-as-leader' } : { kind: 'accepted', lsn: lsn(1000) };
  }

  /** Replaces the dynamic configuration, in the snapshot and in the store. */
  configure(data: Readonly<Record<string, unknown>>): this {
    const parsed = parseGlobalConfig(data);
    if ('invalid' in parsed) throw new Error(parsed.invalid);
    this.current = { ...this.current, config: parsed.config };
    this.loads = this.loads.map((view) => ({ ...view, config: { version: 'c-1', modifyVersion: 'c-1', isValid: true, data } }));
    return this;
  }
}
