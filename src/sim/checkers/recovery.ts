import type { World } from '../world.js';

/** Why the cluster is not whole; undefined: it is. One leader that is writable, everybody else streaming from it. */
export function whatIsWrong(world: World): string | undefined {
  const { holder } = world;
  if (holder === undefined) return 'nobody holds the lock';
  const leader = world.member(holder);
  if (leader?.server.isWritable !== true) return `${holder} holds the lock and is not writable`;
  for (const member of world.members) {
    if (!member.isAgentAlive) return `the agent of ${member.name} does not run`;
    if (member === leader) continue;
    if (member.server.isWritable) return `${member.name} is writable beside ${holder}`;
    if (!member.server.isStreaming) return `${member.name} does not stream (upstream ${member.server.upstream ?? 'none'})`;
  }
  return undefined;
}
