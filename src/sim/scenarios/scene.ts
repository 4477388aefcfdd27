import assert from 'node:assert/strict';
import { drawPlan } from '../draw-plan.js';
import { happen } from '../faults.js';
import type { SimMember } from '../member.js';
import type { Plan } from '../plan.js';
import { Run } from '../run.js';
import { World } from '../world.js';

/** A scripted run: explicit faults at explicit times. Its seed only draws delays, so that it keeps its meaning. */
export class Scene {
  readonly run: Run;
  readonly world: World;

  private constructor(fixed: Partial<Plan>) {
    const config = { primary_start_timeout: 300, primary_race_backoff: 0, ...fixed.config };
    const plan = drawPlan(1, { members: 3, tags: {}, timings: [20, 4, 8], usesRewind: true, faults: [], ...fixed, config });
    this.world = new World(plan, { isTraced: true });
    this.run = new Run(this.world);
  }

  /** A whole cluster. */
  static async begin(fixed: Partial<Plan> = {}): Promise<Scene> {
    const scene = new Scene(fixed);
    await scene.run.bootstrap();
    return scene;
  }

  get leader(): SimMember {
    const member = this.world.holder === undefined ? undefined : this.world.member(this.world.holder);
    assert.ok(member !== undefined, 'somebody leads');
    return member;
  }

  fault(name: string, member: SimMember): void {
    happen(this.world, name, member);
  }

  /** Cuts a member off from the store and from the others until the scene heals. */
  isolate(member: SimMember): void {
    this.world.cut(member.name, 'both');
    this.world.storeNetwork.faultsOf(member.name).isPartitioned = true;
  }

  async newLeaderThan(former: SimMember): Promise<SimMember> {
    const isNew = (): boolean => this.world.holder !== undefined && this.world.holder !== former.name && this.leader.server.isWritable;
    await this.run.until(`another leader than ${former.name}`, 3 * this.world.timings.ttlMs, isNew);
    this.holds();
    return this.leader;
  }

  /** No property was broken so far. */
  holds(): void {
    assert.equal(this.world.violation?.message, undefined, this.world.lines.slice(-60).join('\n'));
  }

  /** Heals everything; the cluster becomes whole, stays so, and a switchover loses nothing. */
  async end(): Promise<void> {
    await this.run.recover();
    await this.run.switchOver();
    this.holds();
    this.run.end();
  }
}
