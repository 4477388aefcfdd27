import { CLUSTER } from '../environment.js';
import type { World } from '../world.js';

/** The leader key is created only when absent, changed or deleted only by its owner or by the end of its lease (I-3). */
export function checkLockChanges(world: World): void {
  world.store.watch(({ path, before, after, writer }) => {
    if (path !== `${CLUSTER}leader`) return;
    const name = writer?.slice(CLUSTER.length);
    if (before !== after) world.trace(`lock: ${before ?? 'nobody'} -> ${after ?? 'nobody'} by ${name ?? 'the end of the lease'}`);
    if (before !== undefined && after !== undefined && before !== after) world.fail(`${name} overwrote the lock of ${before}`);
    if (after !== undefined && after !== name) world.fail(`${name} gave the lock to ${after}`);
    if (before !== undefined && after === undefined && name !== undefined && name !== before)
      world.fail(`${name} deleted the lock of ${before}`);
  });
}
