import { connUrlOf, isRunning, type Member, traitsOfMember } from '../cluster/member.js';
import { slotNameOf } from '../cluster/slot-name.js';
import { remoteConnUrl } from '../cluster/standby-cluster.js';
import { isSyncMember } from '../cluster/sync-state.js';
import { type ClusterView, memberNamed } from '../cluster/view.js';
import type { Upstream } from '../ports/postgres.js';
import { hasLock, type KnownObservation } from './observation.js';

/** Whom this member follows; undefined: nobody, archive recovery only (ha.md §15.1). */
export function upstreamOf(o: KnownObservation): Upstream | undefined {
  const { view } = o.cluster;
  const { traits } = o.policy;
  if (traits.nostream) return undefined;
  if (o.config.standbyCluster !== undefined && (hasLock(o) || (view.leader === undefined && !o.config.isPaused))) return remoteMember(o);
  const wanted = traits.replicatefrom !== undefined && traits.replicatefrom !== o.me ? memberNamed(view, traits.replicatefrom) : undefined;
  const member = wanted ?? view.leader?.member;
  if (member === undefined || member.name === o.me) return undefined;
  return memberUpstream(o, member);
}

/** The leader as the one to compare and rewind with. */
export function leaderUpstream(o: KnownObservation): Upstream | undefined {
  if (o.config.standbyCluster !== undefined) return remoteMember(o);
  const leader = o.cluster.view.leader?.member;
  return leader === undefined || leader.name === o.me ? undefined : memberUpstream(o, leader);
}

export function memberUpstream(o: KnownObservation, member: Member): Upstream {
  const standby = o.config.standbyCluster;
  return {
    name: member.name,
    kind: 'member',
    connUrl: connUrlOf(member),
    ...(standby?.restoreCommand === undefined ? {} : { restoreCommand: standby.restoreCommand }),
    ...(standby?.archiveCleanupCommand === undefined ? {} : { archiveCleanupCommand: standby.archiveCleanupCommand }),
  };
}

/** The server outside that a standby cluster replicates from. */
export function remoteMember(o: KnownObservation): Upstream | undefined {
  const standby = o.config.standbyCluster;
  if (standby === undefined) return undefined;
  return {
    name: 'remote_member',
    kind: 'remote',
    connUrl: remoteConnUrl(standby),
    slotName: standby.primarySlotName === undefined ? null : slotNameOf(standby.primarySlotName),
    createReplicaMethods: standby.createReplicaMethods,
    ...(standby.restoreCommand === undefined ? {} : { restoreCommand: standby.restoreCommand }),
    ...(standby.archiveCleanupCommand === undefined ? {} : { archiveCleanupCommand: standby.archiveCleanupCommand }),
    ...(standby.recoveryMinApplyDelay === undefined ? {} : { recoveryMinApplyDelay: standby.recoveryMinApplyDelay }),
  };
}

/** Others rest on what this member acknowledged: a copy must have all of it from its first moment on. */
export function isCountedOn(o: KnownObservation): boolean {
  return o.config.synchronousMode !== 'off' && isSyncMember(o.cluster.view.sync, o.me);
}

export interface CloneSource {
  readonly source: Upstream;
  readonly description: string;
  /** Only a base backup of the source itself will do, none from an archive. */
  readonly basebackupOnly: boolean;
}

/**
 * From whom a new copy is made: one of the suitable replicas by a turn of the clock, else the leader (ha.md §13.3). In a
 * standby cluster the methods are those of its section. Whom `/sync` counts on becomes a copy of the leader as it is now:
 * with the data of a replica or of an archive it would vouch for commits that it acknowledged once and has no more.
 * @returns undefined while nobody else leads, or the member does not say where its server is.
 */
export function cloneSource(o: KnownObservation, fromLeader = false): CloneSource | undefined {
  const { view } = o.cluster;
  if (view.leader === undefined || view.leader.name === o.me) return undefined;
  const basebackupOnly = fromLeader || isCountedOn(o);
  const replicas = basebackupOnly ? [] : cloneSources(view, o.me);
  const replica = replicas[Math.floor(o.now) % Math.max(replicas.length, 1)];
  const member = replica ?? view.leader.member;
  const upstream = memberUpstream(o, member);
  if (upstream.connUrl === undefined) return undefined;
  const methods = o.config.standbyCluster?.createReplicaMethods;
  const source = methods === undefined ? upstream : { ...upstream, kind: 'remote' as const, createReplicaMethods: methods };
  return { source, basebackupOnly, description: replica === undefined ? `from leader '${member.name}'` : `from replica '${member.name}'` };
}

/** Members to clone from: running, tagged `clonefrom`, neither me nor the leader. */
function cloneSources(view: ClusterView, me: string): readonly Member[] {
  return view.members.filter(
    (member) =>
      member.name !== me &&
      member.name !== view.leader?.name &&
      traitsOfMember(member).clonefrom &&
      isRunning(member) &&
      connUrlOf(member) !== undefined,
  );
}
