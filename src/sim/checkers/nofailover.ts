import { CLUSTER } from '../environment.js';
import type { World } from '../world.js';

/** A member that is tagged `nofailover` never gets the lock (ha.md §7.0): nobody may be led by it. */
export function checkNofailover(world: World): void {
  world.store.watch(({ path, after }) => {
    const member = path === `${CLUSTER}leader` && after !== undefined ? world.member(after) : undefined;
    if (member !== undefined && !member.mayLead) world.fail(`${member.name} took the lock though its tags forbid it`);
  });
}
