import type { SimMember } from '../member.js';
import type { World } from '../world.js';

/** One thing that goes wrong or that an operator does, and what it is called in traces. */
export interface Fault {
  readonly name: string;
  /** How often, compared with the others. */
  readonly weight: number;
  readonly happen: (world: World, member: SimMember) => void;
}
