import { CLUSTER } from './environment.js';
import { FAILURES } from './faults/failures.js';
import type { Fault } from './faults/fault.js';
import { OPERATIONS } from './faults/operations.js';
import type { SimMember } from './member.js';
import type { World } from './world.js';

export const FAULTS: readonly Fault[] = [...FAILURES, ...OPERATIONS];

/** Between two faults, as parts of ttl. */
const PAUSE = { least: 0.02, most: 0.8 };

export function happen(world: World, name: string, member: SimMember): void {
  const fault = FAULTS.find((candidate) => candidate.name === name);
  if (fault === undefined) throw new Error(`no fault is called ${name}`);
  world.trace(`FAULT ${fault.name}: ${member.name}`);
  fault.happen(world, member);
}

/** Lets something go wrong at random times until `end` of virtual time. */
export function scheduleFaults(world: World, end: number): void {
  const total = FAULTS.reduce((sum, fault) => sum + fault.weight, 0);
  const next = (): void => {
    const pause = world.spans(PAUSE.least, PAUSE.most);
    if (world.scheduler.now + pause >= end) return;
    world.scheduler.after(pause, () => {
      let at = world.random.between(0, total);
      const fault = FAULTS.find(({ weight }) => {
        at -= weight;
        return at < 0;
      });
      if (fault !== undefined) happen(world, fault.name, world.random.pick(world.members));
      next();
    });
  };
  next();
}

/** Everything works again: networks, store, disks, processes; maintenance mode is over. */
export function healAll(world: World): void {
  world.heal();
  world.lossRate = 0;
  if (world.storeNetwork.outage !== 'none') world.storeNetwork.heal();
  for (const member of world.members) {
    const faults = world.storeNetwork.faultsOf(member.name);
    faults.lostAnswers = 0;
    faults.answerDelayMs = 2;
    faults.requestDelayMs = 2;
    faults.fate = () => 'arrives';
    member.server.slowness = 1;
    if (member.server.isFrozen) member.server.thaw();
    if (member.postgres !== undefined) member.postgres.isSlow = false;
    member.thaw();
    member.startAgent();
    // What an operator asked for at the wrong time is withdrawn.
    if (member.agent?.control.snapshot().scheduledRestart !== undefined) void member.agent.control.deleteScheduledRestart();
  }
  world.store.put(`${CLUSTER}failover`, '{}', { writer: 'operator' });
  world.configure({ pause: null, ttl: world.timings.ttlMs / 1000 });
  world.trace('all healed');
}
