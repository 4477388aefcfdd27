import { parseJsonObject } from '../../base/json.js';
import { CLUSTER } from '../environment.js';
import type { SimMember } from '../member.js';
import type { World } from '../world.js';
import { isAttended, knowsOfPause } from './one-primary.js';

/** An order to stop needs this long to arrive; the lease in the store ends later than the own one, which covers it. */
const TOLERANCE_MS = 50;
/** From the view to the stopped server: a look that began while the server was slow ends after 5 s, and the stop after 1 s. */
const STOP_MS = 6500;

/**
 * The window in which two primaries are possible is empty for whoever can act: a member whose agent lives and is not
 * frozen does not accept writes when its own lease has ended, by its own clock (I-1, I-12). Sharper than looking for two
 * primaries, since it needs no second one to show the fault.
 */
export function checkOwnLease(world: World): void {
  for (const member of world.members) {
    const { server, ledger, life } = member;
    if (ledger === undefined || life === undefined) continue;
    // Also asked of a server that does not write now: whoever knew of a pause until a moment ago is excused.
    if (knowsOfPause(world, member) || !server.isWritable || ledger.endsAt + TOLERANCE_MS > life.clock.monotonic()) {
      member.seesOtherSince = undefined;
      continue;
    }
    const leader = otherLeader(world, member);
    if (leader !== undefined) world.fail(`${member.name} goes on to accept writes though it knows that ${leader} leads`);
    if (!isAttended(world, member)) continue;
    // A member that initialises the cluster is primary before it has the lock; nobody else can be.
    if (server.timeline === 1 && world.members.every((other) => other === member || other.server.isEmpty)) continue;
    if (isAloneInFailsafe(world, member) || hasReleasedInPause(world, member)) continue;
    world.fail(`${member.name} accepts writes though its lease ended at ${(ledger.endsAt / 1000).toFixed(3)} of its clock`);
  }
}

/** Whoever sees another leader stops at once: that its agent has just started or woken up is no excuse. */
function otherLeader(world: World, member: SimMember): string | undefined {
  const { now } = world.scheduler;
  const leader = member.isAgentAlive && member.life?.isFrozen === false ? member.agent?.control.snapshot().view?.leader?.name : undefined;
  if (leader === undefined || leader === member.name || member.postgres?.isSlow === true) member.seesOtherSince = undefined;
  else member.seesOtherSince ??= now;
  return now - (member.seesOtherSince ?? now) > STOP_MS ? leader : undefined;
}

/** In failsafe mode a primary whose map names nobody else needs nobody's consent. */
export function isAloneInFailsafe(world: World, member: SimMember): boolean {
  if (member.agent?.control.snapshot().config.failsafeMode !== true) return false;
  const map = parseJsonObject(world.store.get(`${CLUSTER}failsafe`)?.value ?? '') ?? {};
  const isAlone = Object.keys(map).every((name) => name === member.name);
  // It goes on for a ttl at a time, also when it hears that the mode was turned off.
  if (isAlone) member.excusedUntil = Math.max(member.excusedUntil, world.scheduler.now + world.timings.ttlMs);
  return isAlone;
}

/** In maintenance mode a leader that finds itself in a foreign cluster gives the key away and goes on. */
function hasReleasedInPause(world: World, { name, ledger }: SimMember): boolean {
  return world.isPaused && world.holder !== name && ledger?.endsAt === 0;
}
