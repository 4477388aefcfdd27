import type { SimMember } from './member.js';
import type { World } from './world.js';

/** One thing that goes wrong, and what it is called in traces. */
interface Fault {
  readonly name: string;
  readonly weight: number;
  readonly happen: (world: World, member: SimMember) => void;
}

const MILLI = 1000;

/** After a fault of limited length. */
function later(world: World, ms: number, action: () => void): void {
  world.scheduler.after(ms, action);
}

const FAULTS: readonly Fault[] = [
  {
    name: 'agent killed',
    weight: 3,
    happen: (world, member) => {
      member.crashAgent();
      later(world, world.random.between(100, 40_000), () => {
        if (!member.isAgentAlive) {
          // A new agent gives the store retry_timeout before it judges a primary that it found running.
          member.excusedUntil = world.scheduler.now + 2 * world.timings.retryTimeoutMs;
          world.trace(`${member.name} agent started`);
          member.startAgent();
        }
      });
    },
  },
  { name: 'server killed', weight: 4, happen: (_, member) => member.server.kill() },
  {
    name: 'member lost',
    weight: 3,
    happen: (world, member) => {
      member.crashAgent();
      member.server.kill();
      later(world, world.random.between(100, 60_000), () => {
        if (!member.isAgentAlive) {
          world.trace(`${member.name} back`);
          member.startAgent();
        }
      });
    },
  },
  {
    name: 'agent frozen',
    weight: 3,
    happen: (world, member) => {
      const ms = world.random.between(100, 60_000);
      member.life?.freeze(ms);
      member.excusedUntil = Math.max(member.excusedUntil, world.scheduler.now + ms);
    },
  },
  {
    name: 'partition',
    weight: 4,
    happen: (world, member) => {
      world.partition(member.name, world.random.pick(['members', 'store', 'all']));
      later(world, world.random.between(500, 60_000), () => {
        world.trace('partitions healed');
        world.heal();
      });
    },
  },
  {
    name: 'store outage',
    weight: 3,
    happen: (world) => {
      world.storeNetwork.outage = world.random.pick(['refuse', 'hang']);
      later(world, world.random.between(500, 40_000), () => {
        world.trace('store back');
        world.storeNetwork.heal();
      });
    },
  },
  {
    name: 'slow store',
    weight: 2,
    happen: (world, member) => {
      const faults = world.storeNetwork.faultsOf(member.name);
      faults.answerDelayMs = world.random.between(100, 6000);
      later(world, world.random.between(1000, 30_000), () => {
        faults.answerDelayMs = 2;
      });
    },
  },
  {
    name: 'answers lost',
    weight: 2,
    happen: (world, member) => {
      world.storeNetwork.faultsOf(member.name).lostAnswers = Math.ceil(world.random.between(0, 3));
    },
  },
  {
    name: 'slow server',
    weight: 2,
    happen: (world, member) => {
      const { postgres } = member;
      if (postgres === undefined) return;
      postgres.isSlow = true;
      later(world, world.random.between(1000, 20_000), () => {
        postgres.isSlow = false;
      });
    },
  },
  {
    name: 'wall clock jump',
    weight: 1,
    happen: (world, member) => member.life?.jump(world.random.between(-100_000, 100_000)),
  },
  {
    name: 'switchover',
    weight: 4,
    happen: (world, member) => {
      const leader = world.store.get('/service/sim/leader')?.value;
      const candidate = world.random.chance(0.5) ? { member: member.name } : {};
      if (leader !== undefined) world.store.put('/service/sim/failover', JSON.stringify({ leader, ...candidate }), { writer: 'operator' });
    },
  },
  {
    name: 'manual failover',
    weight: 1,
    happen: (world, member) => {
      world.store.put('/service/sim/failover', JSON.stringify({ member: member.name }), { writer: 'operator' });
    },
  },
];

/** Lets something go wrong at random times until `end` of virtual time. @returns what happened, in order. */
export function scheduleFaults(world: World, end: number): void {
  const total = FAULTS.reduce((sum, fault) => sum + fault.weight, 0);
  const next = (): void => {
    const pause = world.random.between(500, 30 * MILLI);
    if (world.scheduler.now + pause >= end) return;
    world.scheduler.after(pause, () => {
      let at = world.random.between(0, total);
      const fault = FAULTS.find(({ weight }) => {
        at -= weight;
        return at < 0;
      });
      const member = world.random.pick(world.members);
      if (fault !== undefined) {
        world.trace(`FAULT ${fault.name}: ${member.name}`);
        fault.happen(world, member);
      }
      next();
    });
  };
  next();
}

/** Everything works again: networks, store, agents. */
export function healAll(world: World): void {
  world.heal();
  for (const member of world.members) {
    const faults = world.storeNetwork.faultsOf(member.name);
    faults.lostAnswers = 0;
    faults.answerDelayMs = 2;
    if (member.postgres !== undefined) member.postgres.isSlow = false;
    if (!member.isAgentAlive) member.startAgent();
  }
  world.trace('all healed');
}
