import { type Milliseconds, milliseconds } from '../../src/base/duration.js';
import { type Lsn, lsnFromBytes } from '../../src/base/lsn.js';
import { parseGlobalConfig } from '../../src/cluster/dynamic-config.js';
import { parseFailoverRequest } from '../../src/cluster/failover-request.js';
import { parseHistory } from '../../src/cluster/history.js';
import type { Member } from '../../src/cluster/member.js';
import type { PostgresRole, PostgresState } from '../../src/cluster/postgres-state.js';
import { NO_SYNC_STATE } from '../../src/cluster/sync-state.js';
import { type Tags, traitsOf } from '../../src/cluster/tags.js';
import { type ClusterView, memberNamed } from '../../src/cluster/view.js';
import type { FailsafeKnowledge } from '../../src/ha/failsafe-knowledge.js';
import type { Job, JobEnd } from '../../src/ha/job.js';
import { INITIAL_MEMORY, type Memory } from '../../src/ha/memory.js';
import type { Facts, LocalPolicy, Observation } from '../../src/ha/observation.js';
import { NO_LOGICAL_SLOTS } from '../../src/ha/slots-knowledge.js';
import type { PeerStatus } from '../../src/ports/peers.js';
import type { ControlData, PostgresObservation, ReplicationSlot, ServerStatus } from '../../src/ports/postgres.js';

export const ME = 'a';
export const SYSTEM_ID = '7000000000000000001';
/** Monotonic and wall time of every scene: long after the start, so that "ago" stays positive. */
export const NOW = milliseconds(10_000_000);
export const WALL_NOW = Date.UTC(2031, 4, 4, 3, 0, 0);
const NAMES = ['a', 'b', 'c', 'd', 'e'];

export function lsn(bytes: number | bigint): Lsn {
  const value = lsnFromBytes(bytes);
  if (value === undefined) throw new Error(`${bytes} is no position`);
  return value;
}

/** A peer that answers, in recovery at `position`. */
export function at(
  position: number,
  rest: { tags?: Tags; timeline?: number; isWatchdogFailed?: boolean; isReceiving?: boolean } = {},
): PeerStatus {
  const { tags = {}, timeline = 1, isWatchdogFailed = false, isReceiving } = rest;
  const extension = isReceiving === undefined ? {} : { isReceiving };
  return { kind: 'answered', isInRecovery: true, lsn: lsn(position), timeline, tags, isWatchdogFailed, ...extension };
}

export const RUNNING_AS_PRIMARY: PeerStatus = {
  kind: 'answered',
  isInRecovery: false,
  lsn: lsn(0),
  timeline: 1,
  tags: {},
  isWatchdogFailed: false,
};

export function control(clusterState: string, rest: Partial<ControlData> = {}): ControlData {
  return {
    clusterState,
    systemId: SYSTEM_ID,
    checkpointLsn: lsn(1000),
    checkpointTimeline: 1,
    checkpointRedoWalFile: undefined,
    minRecoveryEndLsn: lsn(0),
    minRecoveryEndTimeline: 0,
    walLogHints: true,
    dataChecksumVersion: 0,
    raw: {},
    ...rest,
  };
}

export function slot(name: string, rest: Partial<ReplicationSlot> = {}): ReplicationSlot {
  return {
    name,
    type: 'physical',
    isActive: false,
    xmin: undefined,
    catalogXmin: undefined,
    restartLsn: lsn(900),
    confirmedFlushLsn: undefined,
    database: undefined,
    plugin: undefined,
    walStatus: undefined,
    isFailover: false,
    isSynced: false,
    ...rest,
  };
}

/** How the world answers what a decision asks or does. Members that are not in `peers` are unreachable. */
export interface World {
  readonly peers: Readonly<Record<string, PeerStatus>>;
  readonly lock: 'renewed' | 'lost';
  /** The name of another member: it was quicker. */
  readonly acquire: 'acquired' | { readonly heldBy: string };
  readonly facts: Omit<Facts, 'lock' | 'acquire' | 'peers' | 'isReloaded'>;
}

const OBLIGING: World = {
  peers: {},
  lock: 'renewed',
  acquire: 'acquired',
  facts: {
    isWatchdogActive: true,
    controlData: control('shut down'),
    canRewind: true,
    canSkipSingleUserRecovery: false,
    localPosition: 'unknown',
    leaderTimelines: { kind: 'unreachable', error: 'no route' },
    checkpointRecordEnd: 'unknown',
    recovery: { change: false, restart: false },
    hasNextTimeline: false,
    localHistory: [],
    replicaTimeline: 1,
    isInitializeWritten: true,
    isSyncPrepared: true,
    isCutOff: true,
  },
};

const STATUS: ServerStatus = {
  isInRecovery: false,
  primaryTimeline: 1,
  walLsn: lsn(1000),
  replayLsn: lsn(0),
  receiveLsn: lsn(0),
  isReplayPaused: false,
  receivedTimeline: undefined,
  replicationState: undefined,
  latestEndLsn: undefined,
  slots: [],
  synchronousCommit: 'on',
  synchronousStandbyNames: '',
  standbys: [],
  postmasterStartTime: '2031-05-01 10:00:00.123456+00:00',
  serverVersion: 150_004,
  replayTimestamp: undefined,
  walSenders: [],
};

function member(name: string, data: Readonly<Record<string, unknown>> = {}): Member {
  return {
    name,
    version: `m-${name}`,
    session: undefined,
    data: {
      conn_url: `postgres://${name}:5432/postgres`,
      api_url: `http://${name}:8008/patroni`,
      state: 'running',
      role: 'replica',
      version: '4.1.4',
      xlog_location: 1000,
      timeline: 1,
      ...data,
    },
  };
}

/** What one member sees, remembers and is answered. Every method gives a changed copy; a scene states only what matters. */
export class Scene {
  readonly observation: Observation;
  readonly memory: Memory;
  readonly world: World;

  constructor(observation: Observation, memory: Memory, world: World) {
    this.observation = observation;
    this.memory = memory;
    this.world = world;
  }

  /** Changes any part of the observation. */
  see(patch: Partial<Observation>): Scene {
    return new Scene({ ...this.observation, ...patch }, this.memory, this.world);
  }

  remember(patch: Partial<Memory>): Scene {
    return new Scene(this.observation, { ...this.memory, ...patch }, this.world);
  }

  answering(patch: Partial<World['facts']>): Scene {
    return new Scene(this.observation, this.memory, { ...this.world, facts: { ...this.world.facts, ...patch } });
  }

  peers(peers: World['peers']): Scene {
    return new Scene(this.observation, this.memory, { ...this.world, peers });
  }

  /** The store says that the key is not ours. */
  losingLock(): Scene {
    return new Scene(this.observation, this.memory, { ...this.world, lock: 'lost' });
  }

  losingRaceTo(heldBy: string): Scene {
    return new Scene(this.observation, this.memory, { ...this.world, acquire: { heldBy } });
  }

  /** Facts of this cycle that are known before the first round. */
  facts(patch: Facts): Scene {
    return this.see({ facts: { ...this.observation.facts, ...patch } });
  }

  get seen(): ClusterView {
    const { cluster } = this.observation;
    if (cluster.kind !== 'known') throw new Error('the store does not answer');
    return cluster.view;
  }

  view(patch: Partial<ClusterView>): Scene {
    return this.see({ cluster: { kind: 'known', view: { ...this.seen, ...patch } } });
  }

  server(patch: Partial<PostgresObservation>): Scene {
    return this.see({ postgres: { ...this.observation.postgres, ...patch } });
  }

  /** Changes what the running server tells. */
  telling(patch: Partial<ServerStatus>): Scene {
    const { status } = this.observation.postgres;
    return this.server({ status: { kind: 'known', value: { ...(status.kind === 'known' ? status.value : STATUS), ...patch } } });
  }

  dcsUnavailable(): Scene {
    return this.see({ cluster: { kind: 'unavailable', error: 'no answer' } });
  }

  ledBy(name: string): Scene {
    const led = memberNamed(this.seen, name) ?? member(name);
    const members = this.seen.members.map((m) => ({ ...m, data: { ...m.data, role: m.name === name ? 'primary' : 'replica' } }));
    const version = 'leader-1';
    const leader = { name, version, session: undefined, member: members.find((m) => m.name === name) ?? led };
    const view = { ...this.seen, leader, members };
    return this.view(view).see({ oldView: view });
  }

  /** Nobody holds the lock; nothing is known of who did. */
  withoutLeader(): Scene {
    return this.view({ leader: undefined }).see({ oldView: undefined });
  }

  /** `name` held the lock until a moment ago. */
  after(name: string): Scene {
    const oldView = this.ledBy(name).observation.oldView;
    return this.view({ leader: undefined }).see({ oldView });
  }

  /** The own server is writable (nothing is said about the lock). */
  asPrimary(timeline = 1): Scene {
    return this.server({ role: 'primary', isProcessRunning: true, state: 'running', hasRecoveryConfiguration: false }).telling({
      ...STATUS,
      primaryTimeline: timeline,
    });
  }

  /** The own server is a streaming standby at `position` (nothing is said about the lock). */
  asStandby(position = 1000): Scene {
    return this.server({ role: 'replica', isProcessRunning: true, state: 'running', hasRecoveryConfiguration: true })
      .telling({
        ...STATUS,
        isInRecovery: true,
        primaryTimeline: 0,
        walLsn: lsn(0),
        receiveLsn: lsn(position),
        replayLsn: lsn(position),
        replicationState: 'streaming',
      })
      .see({ firstCheckpoint: 'unknown' });
  }

  stopped(state: PostgresState = 'stopped', role: PostgresRole = 'replica', rest: Partial<PostgresObservation> = {}): Scene {
    const hasRecoveryConfiguration = role !== 'primary';
    return this.server({ isProcessRunning: false, state, role, hasRecoveryConfiguration, status: { kind: 'not-running' }, ...rest });
  }

  starting(forSeconds = 0, role: PostgresRole = this.observation.postgres.role): Scene {
    const stateSince = milliseconds(NOW - forSeconds * 1000);
    return this.server({ state: 'starting', role, stateSince, status: { kind: 'unavailable', error: 'the server is starting up' } });
  }

  /** The server runs but does not answer. */
  mute(): Scene {
    return this.server({ status: { kind: 'unavailable', error: 'timeout' } });
  }

  emptyDirectory(): Scene {
    return this.stopped('stopped', 'uninitialized', { dataDirectory: { kind: 'empty' }, systemId: undefined });
  }

  job(job: Job, rest: { agoMs?: number; isPrePromoteOpen?: boolean } = {}): Scene {
    const { agoMs = 1000, isPrePromoteOpen = false } = rest;
    return this.see({ job: { job, startedAt: milliseconds(NOW - agoMs), isPrePromoteOpen } });
  }

  ended(...endedJobs: readonly JobEnd[]): Scene {
    return this.see({ endedJobs });
  }

  /** Keys of the dynamic configuration, as an operator writes them; each call replaces all. Slots are off unless asked for. */
  config(data: Readonly<Record<string, unknown>>): Scene {
    const paused = this.observation.config.isPaused ? { pause: true } : {};
    const parsed = parseGlobalConfig({ postgresql: { use_slots: false }, ...paused, ...data });
    if ('invalid' in parsed) throw new Error(parsed.invalid);
    return this.see({ config: parsed.config });
  }

  paused(): Scene {
    return this.see({ config: { ...this.observation.config, isPaused: true } });
  }

  standbyCluster(): Scene {
    return this.config({ standby_cluster: { host: 'far', port: 5433 } });
  }

  policy(patch: Partial<LocalPolicy>): Scene {
    return this.see({ policy: { ...this.observation.policy, ...patch } });
  }

  tags(tags: Tags): Scene {
    return this.policy({ traits: traitsOf(tags) });
  }

  /** Changes what `name` publishes; undefined: it has no key. */
  member(name: string, data: Readonly<Record<string, unknown>> | undefined): Scene {
    const others = this.seen.members.filter((m) => m.name !== name);
    const old = memberNamed(this.seen, name) ?? member(name);
    const changed = data === undefined ? undefined : { ...old, data: { ...old.data, ...data } };
    const { leader } = this.seen;
    const view = {
      ...this.seen,
      members: changed === undefined ? others : [...others, changed].sort((x, y) => (x.name < y.name ? -1 : 1)),
      leader: leader?.name === name ? { ...leader, member: changed ?? { ...old, data: {} } } : leader,
    };
    return this.view(view);
  }

  /** `/failover` as stored. */
  request(document: { leader?: string; member?: string; scheduled_at?: string }): Scene {
    return this.view({ failover: parseFailoverRequest(JSON.stringify(document), 'f-1') });
  }

  /** A request that is due `seconds` from now (negative: ago). */
  scheduledIn(secondsFromNow: number): Scene {
    const scheduledAt = new Date(WALL_NOW + secondsFromNow * 1000).toISOString();
    return this.view({ failover: { version: 'f-1', leader: ME, candidate: 'b', scheduledAt } });
  }

  /** `/sync` as in ha.md §29: `c:a,b/1` is leader c, voters a and b, quorum 1. */
  sync(text: string): Scene {
    const [, leader, voters = '', quorum = '0'] = /^(\w+):([\w,]*)(?:\/(\d+))?$/.exec(text) ?? [];
    const state = { version: 's-1', leader, voters: voters === '' ? [] : voters.split(','), quorum: Number(quorum) };
    return this.view({ sync: state });
  }

  history(...lines: readonly (readonly [number, number])[]): Scene {
    const document = lines.map(([timeline, position]) => [timeline, position, 'no recovery target specified', '2031-01-01T00:00:00', 'a']);
    return this.view({ history: parseHistory(JSON.stringify(document), 'h-1') });
  }

  /** `status.last_lsn`. */
  lastLsn(position: number): Scene {
    return this.view({ status: { ...this.seen.status, lastLsn: lsn(position) } });
  }

  /** Failsafe mode is on, and these members have to consent. */
  failsafe(...names: readonly string[]): Scene {
    const members = new Map(names.map((name) => [name, `http://${name}:8008/patroni`] as const));
    const { cluster } = this.observation;
    const scene = cluster.kind === 'known' ? this.view({ failsafe: members }) : this;
    return scene.config({ failsafe_mode: true }).knowing({ members });
  }

  knowing(patch: Partial<FailsafeKnowledge>): Scene {
    return this.see({ failsafe: { ...this.observation.failsafe, ...patch } });
  }

  /** This member let `name` go on as primary without store, for so many seconds more. */
  promised(name: string, secondsLeft: number, slots?: Readonly<Record<string, Lsn>>): Scene {
    const to = { name, conn_url: `postgres://${name}:5432/postgres`, api_url: `http://${name}:8008/patroni`, ...(slots && { slots }) };
    return this.knowing({ promise: { to, until: milliseconds(NOW + secondsLeft * 1000) } });
  }

  /** The agent started so many seconds ago. */
  young(seconds: number): Scene {
    return this.knowing({ knownSince: milliseconds(NOW - seconds * 1000) });
  }

  /** Own lease by own clock. */
  leaseLeft(ms: number): Scene {
    return this.see({ isLeaseValid: ms > 0, leaseLeftMs: ms });
  }

  watchdog(patch: Partial<Observation['watchdog']>): Scene {
    return this.see({ watchdog: { ...this.observation.watchdog, ...patch } });
  }
}

/** A cluster in its everyday state, seen by its leader `a`: timeline 1, everybody at position 1000, no slots in use. */
export function healthyCluster(options: { members?: number } = {}): Scene {
  const view: ClusterView = {
    initialize: SYSTEM_ID,
    config: { version: 'c-1', modifyVersion: 'c-1', isValid: true, data: { ttl: 30 } },
    leader: undefined,
    status: { lastLsn: lsn(1000), slots: undefined, retainSlots: [] },
    members: NAMES.slice(0, options.members ?? 3).map((name) => member(name)),
    failover: undefined,
    sync: NO_SYNC_STATE,
    history: undefined,
    reservedTimeline: 0,
    failsafe: undefined,
  };
  const parsed = parseGlobalConfig({ postgresql: { use_slots: false } });
  if ('invalid' in parsed) throw new Error(parsed.invalid);
  const observation: Observation = {
    now: NOW,
    wallNow: WALL_NOW,
    me: ME,
    config: parsed.config,
    policy: {
      traits: traitsOf({}),
      usePgRewind: true,
      removeOnRewindFailure: false,
      removeOnDivergedTimelines: false,
      hasBootstrapSection: true,
      hasLeaderlessMethod: false,
    },
    cluster: { kind: 'known', view },
    oldView: undefined,
    postgres: {
      isProcessRunning: true,
      state: 'running',
      stateSince: milliseconds(NOW - 3_600_000) as Milliseconds,
      role: 'primary',
      dataDirectory: { kind: 'present' },
      majorVersion: 150_000,
      systemId: SYSTEM_ID,
      status: { kind: 'known', value: STATUS },
      isTakenOver: true,
      pendingRestart: {},
      hasRecoveryConfiguration: false,
    },
    job: undefined,
    endedJobs: [],
    watchdog: { needsActivation: false, isHealthy: true },
    firstCheckpoint: 'done',
    isLeaseValid: true,
    leaseLeftMs: 20_000,
    logicalSlots: NO_LOGICAL_SLOTS,
    failsafe: { members: new Map(), promise: undefined, isLeading: false, knownSince: milliseconds(NOW - 3_600_000), positions: new Map() },
    facts: {},
  };
  return new Scene(observation, INITIAL_MEMORY, OBLIGING).ledBy(ME);
}

/** The same cluster seen by a standby of `b`. */
export function healthyStandby(options: { members?: number } = {}): Scene {
  return healthyCluster(options).asStandby().ledBy('b').leaseLeft(0);
}

/** The race of ha.md §29: nobody leads, `a` is a standby at 1000. */
export function leaderless(): Scene {
  return healthyStandby().withoutLeader();
}
