import type { World } from '../world.js';

/** From the end of a freeze or the start of an agent until it must have acted. */
const REACTION_MS = 1500;

/**
 * Two primaries must never accept writes at once. Without a watchdog the exception is a member whose agent is dead or
 * frozen: nobody is there to stop its server (docs/watchdog). Called whenever a server becomes or is writable.
 */
export function checkOnePrimary(world: World): void {
  const writable = world.members.filter((member) => member.server.isWritable);
  if (writable.length < 2) return;
  const attended = writable.filter(
    (member) => member.isAgentAlive && member.life?.isFrozen === false && world.scheduler.now > member.excusedUntil + REACTION_MS,
  );
  // The one that holds the lock may write; every other one that is attended must have been stopped by now.
  const holder = world.store.get('/service/sim/leader')?.value;
  const wrong = attended.filter((member) => member.name !== holder);
  if (wrong.length > 0 && attended.length > 1) {
    world.fail(`two writable primaries: ${writable.map((member) => member.name).join(' and ')} (lock: ${holder ?? 'nobody'})`);
  }
}
