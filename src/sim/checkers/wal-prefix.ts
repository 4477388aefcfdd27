import type { World } from '../world.js';

/**
 * In a whole cluster the WAL of every member is a prefix of the leader's. Servers compare timelines and positions, never
 * contents, so that a diverged standby may stream in silence; here contents are compared.
 */
export function whoHasDiverged(world: World): string | undefined {
  const leader = world.holder === undefined ? undefined : world.server(world.holder);
  if (leader === undefined) return undefined;
  for (const { name, server } of world.members) {
    const at = server.wal.findIndex((record, index) => leader.wal[index] !== undefined && record !== leader.wal[index]);
    if (at >= 0) return `${name} has diverged from ${leader.name} in silence, from record ${at} on (timeline ${leader.wal[at]?.timeline})`;
  }
  return undefined;
}
