import type { Acknowledged } from '../commits.js';
import type { SimServer } from '../server.js';
import type { World } from '../world.js';

/**
 * A switchover in a whole world loses nothing (I-5): whatever the old leader had acknowledged when its writes ended is at
 * the new leader, at the same place.
 */
export class HandOverWatch {
  private readonly world: World;
  private readonly former: SimServer;
  private readonly commits: Acknowledged[] = [];

  constructor(world: World, former: SimServer) {
    this.world = world;
    this.former = former;
    world.toldOf.push((server, commit) => {
      if (server === former && world.holder === former.name) this.commits.push(commit);
    });
  }

  whatIsLost(): string | undefined {
    const leader = this.world.holder === undefined ? undefined : this.world.server(this.world.holder);
    if (leader === undefined) return undefined;
    const lost = this.commits.filter(({ record, index }) => record !== leader.wal[index]);
    if (lost.length === 0) return undefined;
    return `${lost.length} writes that ${this.former.name} acknowledged before the switchover are not at ${leader.name}`;
  }
}
