import { type AgentState, initialState } from '../../src/agent/state.js';
import { SyncKeeper } from '../../src/agent/sync-keeper.js';
import { NO_SYNC_STATE, parseSyncState, type SyncState } from '../../src/cluster/sync-state.js';
import type { Tags } from '../../src/cluster/tags.js';
import type { KnownObservation } from '../../src/ha/observation.js';
import { type Dcs, DcsUnavailable } from '../../src/ports/dcs.js';
import type { PostgresObservation } from '../../src/ports/postgres.js';
import { parseSynchronousNames, syncStatesOf } from '../../src/sim/synchronous.js';
import { healthyCluster, lsn, ME } from './builders.js';
import { memoryLog } from './postgres-server.js';
import { SteppingClock } from './stepping-clock.js';

/** A standby as the primary sees it. */
export interface SyncStandby {
  isStreaming: boolean;
  /** What it has on disk. */
  flushed: number;
  tags: Tags;
}

/** How the store answers one write of `/sync`. */
export type WriteOutcome = 'done' | 'changed-by-another' | 'unknown-done' | 'unknown-not-done' | 'unknown-late';

/** Built once: it costs more than the work under test. */
const SCENE = healthyCluster({ members: 5 });
const SERVER = SCENE.observation.postgres;

/**
 * A primary, its standbys and the key `/sync`, as far as synchronous replication goes. The keeper is the real one; the
 * server reads a changed setting at once, and nothing happens meanwhile but what `onLook` and `onEffect` do.
 */
export class SyncCluster {
  readonly clock = new SteppingClock();
  readonly log: string[] = [];
  /** What was done, in order: `names 2 (b,c)`, `names -`, `key a:b,c/1`, `key -`. */
  readonly effects: string[] = [];
  readonly standbys = new Map<string, SyncStandby>();
  primary = ME;
  isInRecovery = false;
  wal = 1000;
  /** `synchronous_standby_names` in force. */
  names = '';
  key: SyncState = NO_SYNC_STATE;
  config: Readonly<Record<string, unknown>> = { synchronous_mode: true };
  /** How the next writes are answered; afterwards `done`. */
  outcomes: WriteOutcome[] = [];
  /** Writes whose answer is unknown and that have not arrived yet. */
  readonly late: (() => void)[] = [];
  releases = 0;
  onLook: () => void = () => undefined;
  onEffect: () => void = () => undefined;
  keeper: SyncKeeper;
  private state: AgentState;
  private versions = 0;

  constructor() {
    this.state = initialState(SCENE.observation.config, {}, SERVER);
    this.keeper = this.newKeeper();
  }

  /** The agent of the primary, or of who is to be promoted, begins anew. */
  newKeeper(): SyncKeeper {
    const { clock } = this;
    const dcs = {
      writeSync: async (text: string, version: string | undefined) => {
        const sync = parseSyncState(text, '');
        return this.write(version, { ...sync, version: `s-${++this.versions}` });
      },
      deleteSync: async (version: string | undefined) => (await this.write(version, NO_SYNC_STATE)) !== undefined,
    } as unknown as Dcs;
    const postgres = {
      observe: async () => {
        this.onLook();
        return this.server();
      },
      setSynchronousStandbyNames: async (value: string | undefined) => this.reads(value ?? ''),
    };
    const ports = { clock, log: memoryLog(this.log), dcs, postgres } as unknown as ConstructorParameters<typeof SyncKeeper>[0]['ports'];
    const lock = {
      isHeld: true,
      release: async () => {
        this.releases += 1;
      },
    } as unknown as ConstructorParameters<typeof SyncKeeper>[0]['lock'];
    this.keeper = new SyncKeeper({ ports, state: this.state, lock, wake: () => undefined });
    return this.keeper;
  }

  standby(name: string, rest: Partial<SyncStandby> = {}): this {
    this.standbys.set(name, { isStreaming: true, flushed: this.wal, tags: {}, ...this.standbys.get(name), ...rest });
    return this;
  }

  /** `/sync` and the setting in force: `a:b,c/1` and `ANY 1 (b,c)`. */
  having(key: string, names: string): this {
    const [, leader, voters = '', quorum = '0'] = /^(\w+):([\w,]*)(?:\/(\d+))?$/.exec(key) ?? [];
    this.key = { version: `s-${++this.versions}`, leader, voters: voters.split(',').filter(Boolean), quorum: Number(quorum) };
    this.names = names;
    return this;
  }

  /** What the cycle sees. */
  observation(): KnownObservation {
    const members = SCENE.seen.members.map((member) => ({
      ...member,
      data: { ...member.data, tags: this.standbys.get(member.name)?.tags ?? {} },
    }));
    const { config } = SCENE.config(this.config).observation;
    const view = { ...SCENE.ledBy(this.primary).seen, members, sync: this.key };
    this.state.view = view;
    this.state.config = config;
    return { ...SCENE.observation, me: this.primary, config, postgres: this.server(), cluster: { kind: 'known', view } };
  }

  /** One cycle's work on the primary. @returns false when the store gave no answer. */
  async cycle(): Promise<boolean> {
    return this.asking(() => this.keeper.maintain(this.observation())).then((answer) => answer !== 'unknown');
  }

  /** @returns whether the member that holds the lock may be promoted. */
  async prepare(): Promise<boolean> {
    return (await this.asking(() => this.keeper.prepare(this.observation()))) === true;
  }

  /** The server of the primary is started again. @returns whether it may. */
  async beforeStart(): Promise<boolean> {
    return (await this.asking(() => this.keeper.beforeStart(this.observation()))) === true;
  }

  /** Cycles for so long, every 200 ms. @returns what they did. */
  async work(ms = 2000): Promise<readonly string[]> {
    const before = this.effects.length;
    for (let passed = 0; passed <= ms; passed += 200) {
      await this.cycle();
      this.clock.pass(200);
    }
    return this.effects.slice(before);
  }

  private async asking<T>(work: () => Promise<T>): Promise<T | 'unknown'> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DcsUnavailable)) throw error;
      return 'unknown';
    }
  }

  private write(version: string | undefined, next: SyncState): Promise<string | undefined> {
    const outcome = this.outcomes.shift() ?? 'done';
    if (outcome === 'changed-by-another') this.key = { ...this.key, version: `s-${++this.versions}` };
    const apply = (): string | undefined => {
      if (this.key.version !== version) return undefined;
      const isChanged = keyText(next) !== keyText(this.key);
      this.key = next;
      if (isChanged) this.done(next.leader === undefined ? 'key -' : `key ${keyText(next)}`);
      return next.version ?? 'deleted';
    };
    if (outcome === 'unknown-late') this.late.push(apply);
    const isApplied = outcome === 'unknown-late' || outcome === 'unknown-not-done' ? undefined : apply();
    if (outcome.startsWith('unknown')) return Promise.reject(new DcsUnavailable('no answer'));
    return Promise.resolve(isApplied);
  }

  private reads(value: string): void {
    if (value === this.names) return;
    this.names = value;
    this.done(`names ${value === '' ? '-' : value}`);
  }

  private done(effect: string): void {
    this.effects.push(effect);
    this.onEffect();
  }

  private server(): PostgresObservation {
    const streaming = [...this.standbys].filter(([, { isStreaming }]) => isStreaming);
    const states = syncStatesOf(
      parseSynchronousNames(this.names),
      streaming.map(([name]) => name),
    );
    const standbys = streaming.map(([applicationName, { flushed }], index) => {
      const position = lsn(flushed);
      return { applicationName, syncState: states[index] ?? 'async', writeLsn: position, flushLsn: position, replayLsn: position };
    });
    if (SERVER.status.kind !== 'known') throw new Error('the server answers here');
    const value = {
      ...SERVER.status.value,
      isInRecovery: this.isInRecovery,
      walLsn: this.isInRecovery ? lsn(0) : lsn(this.wal),
      synchronousStandbyNames: this.names,
      standbys: this.isInRecovery ? [] : standbys,
    };
    return { ...SERVER, status: { kind: 'known', value } };
  }
}

export function keyText({ leader, voters, quorum }: SyncState): string {
  return `${leader}:${voters.join(',')}${quorum > 0 ? `/${quorum}` : ''}`;
}
