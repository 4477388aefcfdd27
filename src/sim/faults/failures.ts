import type { SimMember } from '../member.js';
import type { World } from '../world.js';
import type { Fault } from './fault.js';

/** Ends a fault after a part of ttl. */
function after(world: World, low: number, high: number, what: string, action: () => void): void {
  world.scheduler.after(world.spans(low, high), () => {
    world.trace(what);
    action();
  });
}

function bringBack(world: World, member: SimMember, most: number): void {
  world.scheduler.after(world.spans(0.01, most), () => member.startAgent());
}

/** What breaks by itself: processes, networks, the store, disks, clocks. */
export const FAILURES: readonly Fault[] = [
  {
    name: 'agent killed',
    weight: 3,
    happen: (world, member) => {
      member.crashAgent();
      bringBack(world, member, 1.5);
    },
  },
  { name: 'server killed', weight: 4, happen: (_, member) => member.server.kill() },
  {
    name: 'member lost',
    weight: 3,
    happen: (world, member) => {
      member.crashAgent();
      member.server.kill();
      bringBack(world, member, 2);
    },
  },
  { name: 'agent frozen', weight: 3, happen: (world, member) => member.freeze(world.spans(0.01, 2)) },
  {
    name: 'server frozen',
    weight: 2,
    happen: (world, member) => {
      member.server.freeze();
      after(world, 0.01, 1.5, `${member.name} server goes on`, () => member.server.thaw());
    },
  },
  {
    name: 'member frozen',
    weight: 3,
    happen: (world, member) => {
      const ms = world.spans(0.01, 2);
      member.freeze(ms);
      member.server.freeze();
      world.scheduler.after(ms, () => member.server.thaw());
    },
  },
  {
    name: 'partition',
    weight: 4,
    happen: (world, member) => {
      const what = world.random.pick(['members', 'store', 'all'] as const);
      if (what !== 'store') world.cut(member.name, 'both');
      if (what !== 'members') world.storeNetwork.faultsOf(member.name).isPartitioned = true;
      after(world, 0.02, 2, `partition of ${member.name} healed`, () => world.heal(member.name));
    },
  },
  {
    name: 'one-way partition',
    weight: 3,
    happen: (world, member) => {
      const what = world.random.pick(['in', 'out', 'store'] as const);
      if (what === 'store') world.storeNetwork.faultsOf(member.name).isDeaf = true;
      else world.cut(member.name, what);
      after(world, 0.02, 2, `one-way partition of ${member.name} healed`, () => world.heal(member.name));
    },
  },
  {
    name: 'store outage',
    weight: 3,
    happen: (world) => {
      world.storeNetwork.outage = world.random.pick(['refuse', 'hang']);
      after(world, 0.02, 1.5, 'store back', () => world.storeNetwork.heal());
    },
  },
  {
    name: 'slow store',
    weight: 3,
    happen: (world, member) => {
      const faults = world.storeNetwork.faultsOf(member.name);
      const ms = Math.min(world.timings.retryTimeoutMs * world.random.between(0.02, 1.2), 8000);
      if (world.random.chance(0.5)) faults.answerDelayMs = ms;
      else faults.requestDelayMs = ms;
      after(world, 0.05, 1.5, `store is quick for ${member.name}`, () => {
        faults.answerDelayMs = 2;
        faults.requestDelayMs = 2;
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
    name: 'store messages lost or doubled',
    weight: 2,
    happen: (world, member) => {
      const faults = world.storeNetwork.faultsOf(member.name);
      const rate = world.random.between(0.05, 0.4);
      faults.fate = () =>
        world.random.chance(rate) ? world.random.pick(['request-lost', 'answer-lost', 'duplicated'] as const) : 'arrives';
      after(world, 0.1, 2, `store messages of ${member.name} arrive`, () => {
        faults.fate = () => 'arrives';
      });
    },
  },
  {
    name: 'requests between members lost',
    weight: 2,
    happen: (world) => {
      world.lossRate = world.random.between(0.1, 0.9);
      after(world, 0.1, 2, 'requests between members arrive', () => {
        world.lossRate = 0;
      });
    },
  },
  {
    name: 'server does not answer',
    weight: 2,
    happen: (world, member) => {
      const { postgres } = member;
      if (postgres === undefined) return;
      postgres.isSlow = true;
      after(world, 0.02, 1, `server of ${member.name} answers`, () => {
        postgres.isSlow = false;
      });
    },
  },
  {
    name: 'slow disk',
    weight: 3,
    happen: (world, member) => {
      member.server.slowness = world.random.pick([3, 10, 30]);
      after(world, 0.1, 2, `disk of ${member.name} is quick`, () => {
        member.server.slowness = 1;
      });
    },
  },
  { name: 'wall clock jump', weight: 1, happen: (world, member) => member.life?.jump(world.random.between(-100_000, 100_000)) },
  {
    name: 'data lost',
    weight: 1,
    // Never the one that may hold the only copy of the newest data: that would be a loss of the disaster kind.
    happen: (world, member) => {
      if (member.name === world.holder || member.server.isWritable || world.holder === undefined) return;
      member.crashAgent();
      member.server.kill();
      member.server.systemId = undefined;
      bringBack(world, member, 1);
    },
  },
];
