import { watchLockChanges } from './checkers/lock-changes.js';
import { checkOnePrimary } from './checkers/one-primary.js';
import { whatIsWrong } from './checkers/recovery.js';
import { healAll, scheduleFaults } from './faults.js';
import { World } from './world.js';

/** Bounds of one run in virtual milliseconds. */
const BOOTSTRAP_MS = 120_000;
const FAULTS_MS = 240_000;
const RECOVERY_MS = 240_000;
const WRITE_EVERY_MS = 400;

export interface SeedResult {
  readonly seed: number;
  readonly violation: string | undefined;
  readonly trace: string;
  readonly rules: ReadonlyMap<string, number>;
  readonly events: number;
}

/** Runs one seed: bootstrap, faults (safety is checked all the time), healing (the cluster must become whole again). */
export async function runSeed(seed: number, options: { readonly isVerbose?: boolean } = {}): Promise<SeedResult> {
  const world = new World(seed, options.isVerbose === true);
  const isBroken = (): boolean => world.violation !== undefined;
  let events = 0;
  watchLockChanges(world);
  for (const member of world.members) world.scheduler.after(world.random.between(0, 3000), () => member.startAgent());
  writeForEver(world);

  const isWhole = (): boolean => isBroken() || whatIsWrong(world) === undefined;
  events += await world.scheduler.runUntil(BOOTSTRAP_MS, isWhole);
  const afterBootstrap = whatIsWrong(world);
  if (afterBootstrap !== undefined && !isBroken()) world.fail(`not bootstrapped after ${BOOTSTRAP_MS / 1000} s: ${afterBootstrap}`);
  if (!isBroken()) {
    const end = world.scheduler.now + FAULTS_MS;
    world.trace('faults begin');
    scheduleFaults(world, end);
    events += await world.scheduler.runUntil(end, isBroken);
  }
  if (!isBroken()) {
    healAll(world);
    const end = world.scheduler.now + RECOVERY_MS;
    events += await world.scheduler.runUntil(end, isWhole);
    const wrong = whatIsWrong(world);
    if (wrong !== undefined && !isBroken()) world.fail(`not whole ${RECOVERY_MS / 1000} s after everything was healed: ${wrong}`);
  }
  world.store.close();
  return { seed, violation: world.violation?.message, trace: world.lastLines(300), rules: world.rules, events };
}

/** A client beside every server writes to it whenever it takes writes, also on the wrong side of a partition. */
function writeForEver(world: World): void {
  let id = 0;
  const write = (): void => {
    for (const member of world.members) if (member.server.isWritable) member.server.commit(++id);
    checkOnePrimary(world);
    world.scheduler.after(WRITE_EVERY_MS, write);
  };
  write();
}
