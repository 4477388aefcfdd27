import { parseJsonObject } from '../../base/json.js';
import { parseGlobalConfig } from '../../cluster/dynamic-config.js';
import { parseFailoverRequest } from '../../cluster/failover-request.js';
import { isSyncMember, parseSyncState, type SyncState } from '../../cluster/sync-state.js';
import type { Acknowledged } from '../commits.js';
import { CLUSTER } from '../environment.js';
import type { SimMember } from '../member.js';
import type { SimServer } from '../server.js';
import type { World } from '../world.js';

/** What a candidate says when the order to lead is all that it rests on. */
const RISKS = ['not all members that may have acknowledged commits could be asked', 'I am not in /sync, acknowledged commits may be lost'];

/**
 * No acknowledged synchronous commit is missing after any history (I-8, I-9): what a client was told of while synchronous
 * mode was in force is in the WAL of every later leader, at the same place.
 *
 * A commit counts when standbys had to confirm it, or when `/sync` named its server as the only one that may lead and that
 * server led. The promise ends when an operator turns the mode off, or orders a failover to a member that is not synchronous, or
 * to one that can't ask all who may have acknowledged commits.
 */
export class AcknowledgedCommits {
  private commits: { readonly commit: Acknowledged; readonly by: string }[] = [];
  private isModeOn = false;
  private isOverruled = false;
  private readonly world: World;
  private leading: SimServer | undefined;
  /** Primaries that an operator passed over, or that did not lead when the mode was turned on: nobody made sure that no standby confirms their commits any more. */
  private readonly deposed = new Set<string>();

  constructor(world: World) {
    this.world = world;
    world.toldOf.push((server, commit) => this.note(server, commit));
    // Who orders a failover, not a switchover, takes that risk; the new leader says so before it takes the lock.
    world.readers.push((message) => {
      if (RISKS.some((risk) => message.endsWith(risk))) this.release();
    });
    world.store.watch(({ path, after }) => {
      if (path === `${CLUSTER}config`) this.configured(after);
      if (path === `${CLUSTER}failover`) this.requested(after);
      if (path === `${CLUSTER}leader`) this.leading = undefined;
    });
  }

  /** Called at every change of a server: a new leader must have everything at the moment when it takes writes. */
  check(): void {
    for (const name of this.deposed) if (this.world.server(name)?.isPrimary !== true) this.deposed.delete(name);
    if (this.commits.length === 0) return;
    const { holder } = this.world;
    const leader = holder === undefined ? undefined : this.world.server(holder);
    if (leader?.isWritable !== true) this.leading = undefined;
    else if (leader !== this.leading) {
      this.leading = leader;
      this.compare(leader);
    }
  }

  compare(leader: SimServer): void {
    const lost = this.commits.filter(({ commit }) => leader.wal[commit.index] !== commit.record);
    const [first] = lost;
    if (first === undefined) return;
    this.world.fail(
      `${lost.length} acknowledged synchronous commits are lost: the leader ${leader.name} lacks what ${first.by} acknowledged`,
    );
  }

  private note(server: SimServer, commit: Acknowledged): void {
    if (!this.isModeOn || this.isOverruled || this.deposed.has(server.name)) return;
    const leadsAlone = this.world.holder === server.name && this.sync().leader === server.name;
    if (commit.isSynchronous || leadsAlone) this.commits.push({ commit, by: server.name });
  }

  private sync(): SyncState {
    return syncOf(this.world);
  }

  private configured(text: string | undefined): void {
    const parsed = parseGlobalConfig(parseJsonObject(text ?? '') ?? {});
    const wasOn = this.isModeOn;
    this.isModeOn = !('invalid' in parsed) && parsed.config.synchronousMode !== 'off';
    if (!this.isModeOn) this.commits = [];
    // Who did not lead while the mode was off may not know that it ever was.
    else if (!wasOn) this.depose(({ name }) => name !== this.world.holder);
  }

  /** An operator accepted that commits may be lost. */
  private release(): void {
    this.commits = [];
    this.depose(() => true);
  }

  private depose(whom: (member: SimMember) => boolean): void {
    for (const member of this.world.members) if (member.server.isPrimary && whom(member)) this.deposed.add(member.name);
  }

  private requested(text: string | undefined): void {
    const request = text === undefined ? undefined : parseFailoverRequest(text, '0');
    const isFailover = request !== undefined && request.leader === undefined && request.candidate !== undefined;
    this.isOverruled = isFailover && !isSyncMember(this.sync(), request.candidate ?? '');
    if (this.isOverruled) this.release();
  }
}

export function syncOf(world: World): SyncState {
  const entry = world.store.get(`${CLUSTER}sync`);
  return parseSyncState(entry?.value ?? '', String(entry?.version));
}
