import { stringifyJson } from '../base/json.js';
import type { Lsn } from '../base/lsn.js';
import { compareVersions, versionOf } from '../cluster/member.js';
import { type Status, statusDocument } from '../cluster/status.js';
import { memberNamed } from '../cluster/view.js';
import { memberDocument } from '../ha/member-document.js';
import { type KnownObservation, type Observation, ownLsn } from '../ha/observation.js';
import { publishedSlots, retainSlots } from '../ha/slots-publish.js';
import { effectiveTags } from '../ha/sync/duty.js';
import { DcsUnavailable } from '../ports/dcs.js';
import type { AgentPorts } from './environment.js';
import type { AgentState } from './state.js';
import { walTimeline } from './wal-timeline.js';

/** Members below this version read `/optime/leader` only. */
const READS_STATUS_FROM = [2, 1, 0];
/** Members that race give an answer up after 2 s. */
const TIMELINE_MS = 500;

/** Writes what this member has to say: its own key, and as leader the status of the cluster. Failures only cost freshness. */
export class Publisher {
  private readonly ports: AgentPorts;
  private readonly state: AgentState;
  private last: Promise<unknown> = Promise.resolve();

  constructor(ports: AgentPorts, state: AgentState) {
    this.ports = ports;
    this.state = state;
  }

  /**
   * `members/<me>`; skipped by the store when nothing changed and the session still owns the key. One after the other:
   * what was collected earlier must not overwrite what was collected later. @returns whether the store has it.
   */
  member(o: Observation): Promise<boolean> {
    const next = this.last.then(() => this.writeMember(o));
    this.last = next.catch(() => undefined);
    return next;
  }

  private async writeMember(o: Observation): Promise<boolean> {
    const { dcs, configuration } = this.ports;
    const identity = configuration.identity();
    const start = o.postgres.status.kind === 'known' ? o.postgres.status.value.postmasterStartTime : undefined;
    const document = memberDocument(
      o,
      this.state.memory,
      { ...identity, tags: effectiveTags(identity.tags, this.state.renouncing > 0) },
      await this.timeline(o),
      this.state.scheduledRestart,
      start,
    );
    const known = this.state.view === undefined ? undefined : memberNamed(this.state.view, o.me);
    return this.quietly('member key', () => dcs.touchMember(stringifyJson(document), known, { timeoutMs: o.config.retryTimeoutMs }));
  }

  /** After a renewal: position, slots, retained slots; the legacy key for old members. */
  async status(o: KnownObservation): Promise<void> {
    const lsn = ownLsn(o);
    if (lsn !== undefined) {
      const slots = publishedSlots(o, lsn);
      const retention = slots === undefined || o.config.memberSlotsTtlMs <= 0 ? undefined : retainSlots(o, slots, this.state.slotRetention);
      if (retention !== undefined) {
        this.state.slotRetention = retention.seen;
        for (const line of retention.log) if (line.kind === 'log') this.ports.log[line.level](line.message);
      }
      await this.writeStatus(o, { lastLsn: lsn, slots, retainSlots: retention?.names ?? [] });
    }
  }

  /** The position by which candidates are measured after this leader stepped down; the rest is carried over. */
  async finalPosition(o: KnownObservation, lastLsn: Lsn): Promise<void> {
    const { slots, retainSlots: retained } = o.cluster.view.status;
    await this.writeStatus(o, { lastLsn, slots, retainSlots: retained });
  }

  private async writeStatus(o: KnownObservation, status: Status): Promise<void> {
    const { dcs } = this.ports;
    const text = stringifyJson(statusDocument(status));
    const timeoutMs = o.config.retryTimeoutMs;
    if (text !== this.state.lastStatus && (await this.quietly('status', () => dcs.writeStatus(text, { timeoutMs }))))
      this.state.lastStatus = text;
    const versions = o.cluster.view.members.map(versionOf).filter((version) => version !== undefined);
    if (versions.some((version) => compareVersions(version, READS_STATUS_FROM) < 0)) {
      await this.quietly('optime', () => dcs.writeLegacyOptime(String(status.lastLsn), { timeoutMs }));
    }
  }

  /**
   * Finds the timeline out as it was at the last look at the server, where other members judge this one by it when they race. An answer
   * that takes too long is none: they do not wait for it.
   */
  async lookAtTimeline(): Promise<void> {
    const { clock, postgres } = this.ports;
    this.state.isTimelineUnclear = false;
    // Only by quorum commit histories are compared.
    if (this.state.config.synchronousMode === 'off' || this.state.postgres.status.kind !== 'known') return;
    const found = (await Promise.race([walTimeline(this.state, postgres), clock.sleep(TIMELINE_MS)])) ?? {
      timeline: undefined,
      isClear: false,
    };
    this.state.isTimelineUnclear = !found.isClear;
    if (found.isClear) this.state.timeline = found.timeline;
  }

  /** A standby's timeline costs a replication connection: it is asked again only when it differs from the leader's. */
  private async timeline(o: Observation): Promise<number | undefined> {
    const { status } = o.postgres;
    if (status.kind !== 'known') return this.state.timeline;
    // What the last race could not be told is told again by now.
    this.state.isTimelineUnclear = false;
    if (!status.value.isInRecovery) this.state.timeline = status.value.primaryTimeline;
    else if (status.value.receivedTimeline !== undefined) this.state.timeline = status.value.receivedTimeline;
    else {
      const leader = this.state.view?.leader;
      // A standby leader that follows an archive has nobody here to compare with.
      if (this.state.timeline === undefined || leader?.name === o.me || this.state.timeline !== leader?.member.data['timeline'])
        this.state.timeline = (await this.ports.postgres.replicaTimeline()) ?? this.state.timeline;
    }
    if (status.value.isInRecovery && this.state.timeline !== undefined) {
      this.state.memory = { ...this.state.memory, lastTimeline: this.state.timeline };
    }
    return this.state.timeline;
  }

  private async quietly(what: string, write: () => Promise<boolean>): Promise<boolean> {
    try {
      const isWritten = await write();
      if (!isWritten) this.ports.log.warning(`${what} not written: the store refused it`);
      return isWritten;
    } catch (error) {
      if (!(error instanceof DcsUnavailable)) throw error;
      this.ports.log.warning(`${what} not written: ${error.message}`);
      return false;
    }
  }
}
