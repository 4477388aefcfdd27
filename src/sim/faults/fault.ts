import type { SimMember } from '../member.js';
import type { SeededRandom } from '../prng.js';
import type { World } from '../world.js';

/** One thing that goes wrong or that an operator does, and what it is called in traces. */
export interface Fault {
  readonly name: string;
  /** How often, compared with the others. */
  readonly weight: number;
  /** @param random of this fault alone, so that leaving another one out does not change this one. */
  readonly happen: (world: World, member: SimMember, random: SeededRandom) => void;
}

/** A time span as a part of ttl, so that each configuration meets faults of its own size. */
export function span(world: World, random: SeededRandom, low: number, high: number): number {
  return random.between(low, high) * world.timings.ttlMs;
}

/** Ends a fault after a part of ttl. */
export function after(world: World, ms: number, what: string, action: () => void): void {
  world.scheduler.after(ms, () => {
    world.trace(what);
    action();
  });
}
