import type { SimServer, WalRecord } from '../server.js';
import type { World } from '../world.js';

/**
 * A switchover in a whole world loses nothing (I-5): whatever the old leader had acknowledged when its writes ended is at
 * the new leader, at the same place.
 */
export class HandOverWatch {
  private readonly world: World;
  private readonly former: SimServer;
  private readonly acknowledged: (WalRecord | undefined)[] = [];

  constructor(world: World, former: SimServer) {
    this.world = world;
    this.former = former;
  }

  /** Called at every write: a commit is acknowledged the moment it is made. */
  note(): void {
    if (!this.former.isWritable || this.world.holder !== this.former.name) return;
    for (let index = this.acknowledged.length; index < this.former.wal.length; index++) this.acknowledged.push(this.former.wal[index]);
  }

  whatIsLost(): string | undefined {
    const leader = this.world.holder === undefined ? undefined : this.world.server(this.world.holder);
    if (leader === undefined) return undefined;
    const lost = this.acknowledged.findIndex((record, index) => record !== leader.wal[index]);
    if (lost < 0) return undefined;
    const count = this.acknowledged.length - lost;
    return `${count} writes that ${this.former.name} acknowledged before the switchover are not at ${leader.name}`;
  }
}
