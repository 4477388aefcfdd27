import type { SimMember } from '../member.js';
import type { World } from '../world.js';

/** From the end of an excuse (a freeze, a start of the agent) until it must have acted. */
const REACTION_MS = 1500;

/** Somebody is there to stop the server, and was long enough: neither dead nor frozen nor just back. */
export function isAttended(world: World, member: SimMember): boolean {
  return member.isAgentAlive && member.life?.isFrozen === false && world.scheduler.now > member.excusedUntil + REACTION_MS;
}

/** An operator ordered maintenance mode and this member has not heard of its end: what runs goes on running. */
export function knowsOfPause(world: World, member: SimMember): boolean {
  const isPaused = member.agent?.control.snapshot().config.isPaused === true;
  // When it hears of the end, it has to find out first whether the lock is still its own.
  if (isPaused || member.knewOfPause)
    member.excusedUntil = Math.max(member.excusedUntil, world.scheduler.now + world.timings.retryTimeoutMs);
  member.knewOfPause = isPaused;
  return isPaused;
}

/**
 * Two primaries never accept writes at once (I-1, I-2). Without a watchdog there is one exception: a member whose agent
 * is dead or frozen, because nobody is there to stop its server; with an armed guard there is none. Called at every change of a server and every write.
 */
export function checkOnePrimary(world: World): void {
  let writable: SimMember[] | undefined;
  for (const member of world.members) if (member.server.isWritable) writable = [...(writable ?? []), member];
  if (writable === undefined || writable.length < 2) return;
  const { holder } = world;
  // In failsafe mode a primary leads by the word of the members when the store's lease is over; the other one is to blame.
  const leadsByConsent = ({ ledger, life }: SimMember): boolean =>
    holder === undefined && ledger !== undefined && life !== undefined && ledger.endsAt > life.clock.monotonic();
  const guilty = writable.filter(
    (member) =>
      member.name !== holder &&
      !leadsByConsent(member) &&
      !knowsOfPause(world, member) &&
      (isAttended(world, member) || member.guard.isArmed),
  );
  const [first] = guilty;
  if (first === undefined) return;
  const names = writable.map((member) => member.name).join(' and ');
  world.fail(`two writable primaries: ${names} (lock: ${holder ?? 'nobody'}; ${first.name} must have stopped)`);
}
