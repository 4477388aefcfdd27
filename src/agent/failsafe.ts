import { assertNever } from '../base/assert.js';
import { type Milliseconds, milliseconds } from '../base/duration.js';
import { stringifyJson } from '../base/json.js';
import type { Lsn } from '../base/lsn.js';
import { compareText } from '../base/python-values.js';
import { apiUrlOf } from '../cluster/member.js';
import type { ClusterView } from '../cluster/view.js';
import { attemptTimeout } from '../ha/failsafe.js';
import type { FailsafeAnswer, FailsafeKnowledge } from '../ha/failsafe-knowledge.js';
import { fencingMargin, type KnownObservation, type Observation, ownLsn } from '../ha/observation.js';
import { publishedSlots } from '../ha/slots-publish.js';
import type { FailsafeAcceptance } from '../ports/agent-control.js';
import { DcsUnavailable } from '../ports/dcs.js';
import type { FailsafePing } from '../ports/peers.js';
import type { AgentPorts } from './environment.js';
import type { JobRunner } from './job-runner.js';
import type { LockKeeper } from './lock-keeper.js';
import type { AgentState } from './state.js';

interface WrittenMap {
  readonly map: ReadonlyMap<string, string>;
  /** When the store answered, or did not in time. */
  readonly at: number;
  /** The store said that it has this map. */
  readonly isSure: boolean;
}

export interface FailsafeParts {
  readonly ports: AgentPorts;
  readonly state: AgentState;
  readonly lock: LockKeeper;
  readonly jobs: JobRunner;
}

/**
 * Failsafe mode (ha.md §19): both ends of the exchange between members, and the map of who takes part.
 *
 * A primary whose store is silent asks every member of the map; when all of them consent, its lease goes on for ttl from
 * **before** the question. Whoever consents promises not to become leader for ttl from **after** it, so no promise ends
 * before the lease that rests on it. A promise is given only by who neither leads nor is about to.
 */
export class Failsafe {
  private readonly p: FailsafeParts;
  private readonly startedAt: Milliseconds;
  private shown: ReadonlyMap<string, string> | undefined = new Map();
  private written: readonly WrittenMap[] = [];
  private promise: FailsafeKnowledge['promise'];
  private positions: ReadonlyMap<string, Lsn> = new Map();

  constructor(parts: FailsafeParts) {
    this.p = parts;
    this.startedAt = parts.ports.clock.monotonic();
  }

  /** The last known `/failsafe`; undefined when it was no object. */
  get map(): ReadonlyMap<string, string> | undefined {
    return this.written.at(-1)?.map ?? this.shown;
  }

  /** The last successful round, or the last consent, is younger than ttl. */
  get isActive(): boolean {
    return this.p.lock.isByFailsafe || this.livingPromise() !== undefined;
  }

  known(): FailsafeKnowledge {
    const members = new Map([...(this.shown ?? []), ...this.written.flatMap(({ map }) => [...map])]);
    return {
      members,
      promise: this.livingPromise(),
      isLeading: this.p.lock.isByFailsafe,
      knownSince: this.startedAt,
      positions: this.positions,
    };
  }

  /** A view was read. `startedAt`: when the reading began. */
  loaded(view: ClusterView, startedAt: number): void {
    this.shown = view.failsafe;
    // A reading shows every write that was confirmed before it; one whose fate is unknown may still be applied late.
    const { ttlMs } = this.p.state.config;
    this.written = this.written.filter(({ at, isSure }) => (isSure ? at > startedAt : startedAt - at < ttlMs));
  }

  /** Writes the map, as leader: everybody who can be asked, and this member. A failure costs nothing but the new names. */
  async publish(o: KnownObservation): Promise<void> {
    const { dcs, clock, log, configuration } = this.p.ports;
    const urls = o.cluster.view.members.flatMap((member) => {
      const url = apiUrlOf(member);
      return url === undefined || member.name === o.me ? [] : [[member.name, url] as const];
    });
    const map = new Map([...urls, [o.me, configuration.identity().apiUrl] as const].sort(([a], [b]) => compareText(a, b)));
    // A map whose fate is unknown is written again.
    if (this.written.at(-1)?.isSure !== false && isSameMap(map, this.map)) return;
    let isSure = false;
    try {
      isSure = await dcs.writeFailsafe(stringifyJson(Object.fromEntries(map)), { timeoutMs: o.config.retryTimeoutMs });
      if (!isSure) return log.warning('failsafe not written: the store refused it');
    } catch (error) {
      if (!(error instanceof DcsUnavailable)) throw error;
      log.warning(`failsafe not written: ${error.message}`);
    }
    this.written = [...this.written, { map, at: clock.monotonic(), isSure }];
  }

  /** Asks all other members of the map at once, and prolongs the own lease when all of them consent. */
  async round(o: Observation): Promise<FailsafeAnswer> {
    const { ports, lock } = this.p;
    const startedAt = ports.clock.monotonic();
    const timeoutMs = attemptTimeout(o.leaseLeftMs - fencingMargin(o.config.ttlMs));
    const ping = this.ping(o);
    const asked = [...(this.known().members ?? [])].filter(([name]) => name !== o.me);
    const answers = await Promise.all(
      asked.map(async ([name, url]) => ({ name, url, ...(await ports.peers.failsafe(name, url, ping, timeoutMs)) })),
    );
    for (const { name, url, accepted, detail = accepted ? 'Accepted' : 'no consent' } of answers) {
      if (accepted) ports.log.info(`Got response from ${name} ${url}: ${detail}`);
      else ports.log.warning(`Request failed to ${name}: POST ${url} (${detail})`);
    }
    const leading = answers.find((answer) => answer.isLeading === true);
    if (leading !== undefined) return { kind: 'other-leader', name: leading.name };
    const missing = answers.filter((answer) => !answer.accepted).map((answer) => answer.name);
    if (missing.length > 0 || !lock.extend(startedAt)) return { kind: 'unconfirmed', missing };
    this.positions = new Map(answers.flatMap(({ name, lsn }) => (lsn === undefined ? [] : [[name, lsn] as const])));
    return { kind: 'confirmed' };
  }

  /** Another member asks whether it may go on as primary without store. */
  accept(ping: FailsafePing, lsn: Lsn | undefined): FailsafeAcceptance {
    const { state, ports } = this.p;
    if (this.mayLead()) return { kind: 'running-as-leader' };
    const leader = state.view?.leader?.name;
    if (leader !== undefined && leader !== ping.name) return { kind: 'refused', reason: `the leader lock belongs to ${leader}` };
    const other = this.livingPromise()?.to.name;
    if (other !== undefined && other !== ping.name) return { kind: 'refused', reason: `${other} was accepted a moment ago` };
    const ttlMs = Math.max(state.config.ttlMs, (ping.ttl ?? 0) * 1000);
    this.promise = { to: ping, until: milliseconds(ports.clock.monotonic() + ttlMs) };
    return { kind: 'accepted', lsn };
  }

  private livingPromise(): FailsafeKnowledge['promise'] {
    return this.promise !== undefined && this.promise.until > this.p.ports.clock.monotonic() ? this.promise : undefined;
  }

  /** This member is, or may be in a moment, the leader itself: two primaries must not confirm each other «RISK». */
  private mayLead(): boolean {
    const { state, lock, jobs } = this.p;
    const { role, status } = state.postgres;
    const isWritable = status.kind === 'known' && !status.value.isInRecovery;
    const isLeading = state.postgres.state === 'running' && (role === 'primary' || role === 'promoted');
    return isLeading || isWritable || lock.isHeld || lock.isAcquiring || makesPrimary(jobs);
  }

  private ping(o: Observation): FailsafePing {
    const { apiUrl, connUrl } = this.p.ports.configuration.identity();
    const lsn = ownLsn(o);
    const slots = lsn === undefined ? undefined : publishedSlots(o, lsn);
    return {
      name: o.me,
      conn_url: connUrl,
      api_url: apiUrl,
      ...(slots === undefined ? {} : { slots: Object.fromEntries(slots) }),
      ttl: o.config.ttlMs / 1000,
    };
  }
}

function makesPrimary({ current }: JobRunner): boolean {
  if (current === undefined) return false;
  const { job } = current;
  switch (job.kind) {
    case 'promote':
    case 'start-primary':
    case 'bootstrap':
    case 'post-bootstrap':
      return true;
    case 'restart':
      return job.isStandby !== true;
    case 'demote':
    case 'copy-logical-slots':
    case 'start-standby':
    case 'restart-standby':
    case 'crash-recovery':
    case 'end-archive-recovery':
    case 'rewind':
    case 'reinitialize-diverged':
    case 'reinitialize':
    case 'clone':
      return false;
    default:
      return assertNever(job);
  }
}

function isSameMap(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string> | undefined): boolean {
  return b !== undefined && a.size === b.size && [...a].every(([name, url]) => b.get(name) === url);
}
