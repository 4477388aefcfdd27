import { stringifyJson } from '../base/json.js';
import { AcknowledgedCommits, syncOf } from './checkers/acknowledged.js';
import { DecisionWatch } from './checkers/decisions.js';
import { HandOverWatch } from './checkers/handed-over.js';
import { whatIsWrongWithHistory } from './checkers/history-key.js';
import { checkLockChanges } from './checkers/lock-changes.js';
import { checkNofailover } from './checkers/nofailover.js';
import { checkOnePrimary, knowsOfPause } from './checkers/one-primary.js';
import { checkOwnLease, isAloneInFailsafe } from './checkers/own-lease.js';
import { checkQuorumOverlap, isModeOn } from './checkers/quorum-overlap.js';
import { whatIsWrong } from './checkers/recovery.js';
import { whoHasDiverged } from './checkers/wal-prefix.js';
import { drawPlan } from './draw-plan.js';
import { CLUSTER } from './environment.js';
import { healAll, scheduleFaults } from './faults.js';
import { apply } from './mutations/apply.js';
import type { Plan } from './plan.js';
import type { SimServer } from './server.js';
import { World, type WorldOptions } from './world.js';

/** Lengths of phases and limits, as parts of ttl plus a constant for what PostgreSQL takes. */
const BOOTSTRAP = { ttls: 2, ms: 60_000 };
const RECOVERY = { ttls: 4, ms: 45_000 };
const SWITCHOVER = { ttls: 1, ms: 20_000 };
/** How long a whole cluster must stay so, and to what a switchover at the end is limited. */
const STEADY_LOOPS = 2;
/** How long an operator's order may take to be carried out after everything is healed. */
const ORDERS_MS = 60_000;
/** After healing, until wholeness means anything. */
const SETTLE_MS = 6000;
/** Between two writes of the client, as a part of ttl. */
const WRITE_TTLS = 1 / 30;
/** During a switchover a client writes so often, in milliseconds, and so many times. */
const BURST_MS = 15;
const MOST_BURST = 100;
/** A run that needs more events than this goes round in circles. */
const MOST_EVENTS = 60_000;

export interface SeedResult {
  readonly seed: number;
  readonly violation: string | undefined;
  /** From the beginning of the faults to the end of the run. */
  readonly faultsMs: number;
  /** Empty unless asked for. */
  readonly trace: readonly string[];
  readonly traceHash: number;
  readonly rules: ReadonlyMap<string, number>;
  readonly events: number;
}

/** Runs one seed: bootstrap, faults (safety is checked all the time), healing (the cluster must become whole again), switchover. */
export function runSeed(seed: number, options: WorldOptions = {}): Promise<SeedResult> {
  return runPlan(drawPlan(seed, options.mutation?.plan, options.mutation?.favoured), options);
}

export async function runPlan(plan: Plan, options: WorldOptions = {}): Promise<SeedResult> {
  const putBack = apply(options.mutation);
  try {
    const run = new Run(new World(plan, options));
    await run.bootstrap();
    await run.faults();
    await run.recover();
    if (plan.endsWithSwitchover) await run.switchOver();
    return run.end();
  } finally {
    putBack();
  }
}

/** The phases of a run, for seeds and for scenarios alike. Each does nothing once a property was found broken. */
export class Run {
  readonly world: World;
  private readonly decisions: DecisionWatch;
  private handOver: HandOverWatch | undefined;
  private readonly acknowledged: AcknowledgedCommits;
  private events = 0;
  private faultsBegan = 0;

  constructor(world: World) {
    this.world = world;
    this.decisions = new DecisionWatch(world);
    checkLockChanges(world);
    checkNofailover(world);
    const acknowledged = new AcknowledgedCommits(world);
    this.acknowledged = acknowledged;
    const check = (): void => {
      checkOnePrimary(world);
      checkOwnLease(world);
    };
    // What it knows is looked at when it decides, too: between two writes it may hear of the end and be called to account for it.
    world.decided.push((name) => {
      const member = world.member(name);
      if (member === undefined) return;
      knowsOfPause(world, member);
      isAloneInFailsafe(world, member);
    });
    const changed = (): void => {
      check();
      acknowledged.check();
      checkQuorumOverlap(world);
    };
    for (const member of world.members) member.server.onChange = changed;
    world.store.watch(({ path }) => {
      if (path === `${CLUSTER}sync` || path === `${CLUSTER}leader`) changed();
    });
    let id = 0;
    // A client beside every server writes to it whenever it takes writes, also on the wrong side of a partition.
    const write = (): void => {
      for (const member of world.members) if (member.server.isWritable) member.server.commit(++id);
      check();
      world.scheduler.after(world.timings.ttlMs * WRITE_TTLS, write);
    };
    write();
  }

  get isBroken(): boolean {
    return this.world.violation !== undefined;
  }

  async bootstrap(): Promise<void> {
    const { world } = this;
    for (const member of world.members) world.scheduler.after(world.random.between(0, 3000), () => member.startAgent());
    await this.untilWhole('not bootstrapped', BOOTSTRAP);
  }

  async faults(): Promise<void> {
    const { world } = this;
    if (this.isBroken) return;
    world.trace('faults begin');
    this.faultsBegan = world.scheduler.now;
    scheduleFaults(world, world.plan.faults);
    await this.pass(world.plan.faultsMs);
  }

  /** Everything is healed; then the cluster must become whole in time and stay so. */
  async recover(): Promise<void> {
    if (this.isBroken) return;
    healAll(this.world);
    // What was going on has to show first: at the very moment of healing a cluster may look whole that is about to act.
    await this.pass(this.world.timings.loopWaitMs + SETTLE_MS);
    // An order that waited for a slow store is carried out late.
    const isPending = (): boolean => this.world.members.some(({ isAgentAlive, orders }) => isAgentAlive && orders > 0);
    await this.runUntil(this.world.scheduler.now + ORDERS_MS, () => this.isBroken || !isPending());
    await this.untilWhole('not whole after everything was healed', RECOVERY);
    this.decisions.healed();
    await this.staysWhole();
  }

  /** An operator asks for another leader, in a world where nothing is wrong. */
  async switchOver(): Promise<void> {
    const { world } = this;
    const former = world.holder === undefined ? undefined : world.server(world.holder);
    // A standby below another one is never a synchronous standby.
    const { voters } = syncOf(world);
    const isPossible = world.members.some(
      (member) => member.server !== former && member.mayLead && (!isModeOn(world) || voters.includes(member.name)),
    );
    if (this.isBroken || former === undefined || !isPossible) return;
    this.handOver = new HandOverWatch(world, former);
    world.trace(`switchover from ${former.name}`);
    world.store.put(`${CLUSTER}failover`, stringifyJson({ leader: former.name }), { writer: 'operator' });
    this.burst(former);
    await this.untilWhole('not whole after a switchover', SWITCHOVER, () =>
      world.holder === former.name ? 'the leader is the same' : undefined,
    );
    await this.staysWhole();
    const lost = this.isBroken ? undefined : this.handOver.whatIsLost();
    if (lost !== undefined) world.fail(lost);
  }

  /** Clients are busy while the leader steps down. */
  private burst(former: SimServer, left = MOST_BURST): void {
    if (left === 0 || this.isBroken) return;
    former.commit(-left);
    this.world.scheduler.after(BURST_MS, () => this.burst(former, left - 1));
  }

  /** Lets time pass. */
  async pass(ms: number): Promise<void> {
    if (!this.isBroken) await this.runUntil(this.world.scheduler.now + ms, () => this.isBroken);
  }

  /** Lets time pass until a condition holds; a violation when it does not within `ms`. */
  async until(what: string, ms: number, isSo: () => boolean): Promise<void> {
    const { world } = this;
    if (this.isBroken) return;
    await this.runUntil(world.scheduler.now + ms, () => this.isBroken || isSo());
    if (!this.isBroken && !isSo()) world.fail(`not within ${ms / 1000} s: ${what}`);
  }

  end(): SeedResult {
    const { world } = this;
    world.store.close();
    return {
      seed: world.plan.seed,
      violation: world.violation?.message,
      faultsMs: world.scheduler.now - this.faultsBegan,
      trace: world.lines,
      traceHash: world.traceHash,
      rules: world.rules,
      events: this.events,
    };
  }

  private async runUntil(end: number, isDone: () => boolean): Promise<void> {
    await this.world.scheduler.runUntil(end, () => {
      if (++this.events === MOST_EVENTS) this.world.fail(`more than ${MOST_EVENTS} events`);
      return isDone();
    });
  }

  private async untilWhole(
    complaint: string,
    limit: { ttls: number; ms: number },
    more: () => string | undefined = () => undefined,
  ): Promise<void> {
    const { world } = this;
    if (this.isBroken) return;
    const wrong = (): string | undefined => more() ?? whatIsWrong(world);
    const ms = limit.ttls * world.timings.ttlMs + limit.ms;
    await this.runUntil(world.scheduler.now + ms, () => this.isBroken || wrong() === undefined);
    const why = wrong();
    if (why !== undefined && !this.isBroken) world.fail(`${complaint} within ${ms / 1000} s: ${why}`);
  }

  /** What a whole cluster has to look like after a few cycles more, when the last news have arrived everywhere. */
  private async staysWhole(): Promise<void> {
    const { world } = this;
    if (this.isBroken) return;
    await this.pass(STEADY_LOOPS * world.timings.loopWaitMs + 3000);
    if (this.isBroken) return;
    const leader = world.holder === undefined ? undefined : world.server(world.holder);
    if (leader !== undefined) this.acknowledged.compare(leader);
    const wrong = whatIsWrong(world) ?? whoHasDiverged(world) ?? whatIsWrongWithHistory(world);
    if (wrong !== undefined) world.fail(`not whole any more: ${wrong}`);
  }
}
