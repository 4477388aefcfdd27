import { parseJsonObject } from '../../base/json.js';
import { parseGlobalConfig } from '../../cluster/dynamic-config.js';
import { CLUSTER } from '../environment.js';
import type { World } from '../world.js';
import { syncOf } from './acknowledged.js';

/**
 * Every set of members that can win an election meets every set that can acknowledge a commit (I-9). Winners: who is
 * named by `/sync`, with the agreement of `quorum` others of it. Acknowledging: the leader with as many standbys as
 * `synchronous_standby_names` in force asks for. Sharper than waiting for a loss, since it needs no failover to show the fault.
 */
export function checkQuorumOverlap(world: World): void {
  const { holder } = world;
  const leader = holder === undefined ? undefined : world.server(holder);
  const sync = syncOf(world);
  if (leader?.isWritable !== true || sync.leader === undefined || !isModeOn(world)) return;
  const me = leader.name;
  const names = new Set([...sync.voters, sync.leader].map((name) => name.toLowerCase()));
  names.delete(me);
  const { method, count, names: listed } = leader.commits.inForce;
  const all = world.members.map(({ name }) => name).filter((name) => name !== me);
  const standbys = listed.includes('*') ? all : all.filter((name) => listed.includes(name));
  // FIRST waits for the first ones in the list of those connected: who that is may change, so that any of them may be meant.
  const needed = method === 'off' ? 0 : count;
  if (needed > standbys.length) return;
  const outside = standbys.filter((name) => !names.has(name)).length;
  const left = names.size - Math.max(0, needed - outside);
  if (left < sync.quorum + 1) return;
  world.fail(
    `quorum: ${sync.quorum + 1} of {${[...names].join(',')}} can elect a leader and ${me} acknowledges with ${needed} of {${standbys.join(',')}}`,
  );
}

export function isModeOn(world: World): boolean {
  const parsed = parseGlobalConfig(parseJsonObject(world.store.get(`${CLUSTER}config`)?.value ?? '') ?? {});
  return !('invalid' in parsed) && parsed.config.synchronousMode !== 'off';
}
