import type { Fault } from './fault.js';

/** Beside those that are drawn: `planOf` adds them to some plans. One more in the lot would change what every seed means. */
export const MODES: readonly Fault[] = [
  {
    name: 'synchronous mode changed',
    weight: 0,
    happen: (world, _, random) => world.configure({ synchronous_mode: random.pick([true, 'quorum', false]) }),
  },
  {
    name: 'number of synchronous standbys changed',
    weight: 0,
    happen: (world, _, random) => world.configure({ synchronous_node_count: random.pick([1, 2, 3]) }),
  },
];
