import { parseJson } from '../../base/json.js';
import { CLUSTER } from '../environment.js';
import type { World } from '../world.js';

/** In a whole cluster the last line of `/history` is of the timeline before the leader's: candidates judge by it (I-6). */
export function whatIsWrongWithHistory(world: World): string | undefined {
  const leader = world.holder === undefined ? undefined : world.server(world.holder);
  if (leader === undefined) return undefined;
  const text = world.store.get(`${CLUSTER}history`)?.value;
  const lines: unknown = text === undefined ? [] : parseJson(text);
  const last: unknown = Array.isArray(lines) ? lines.at(-1) : undefined;
  const timeline = Array.isArray(last) ? Number(last[0]) + 1 : 1;
  return timeline === leader.timeline
    ? undefined
    : `/history says timeline ${timeline}, the leader ${leader.name} is on ${leader.timeline}`;
}
