import type { SimMember } from '../member.js';
import type { SeededRandom } from '../prng.js';
import type { World } from '../world.js';
import { after, type Fault, span } from './fault.js';

function bringBack(world: World, member: SimMember, random: SeededRandom, most: number): void {
  world.scheduler.after(span(world, random, 0.01, most), () => member.startAgent());
}

/** What breaks by itself: processes, networks, the store, clocks. */
export const FAILURES: readonly Fault[] = [
  {
    name: 'agent killed',
    weight: 3,
    happen: (world, member, random) => {
      member.crashAgent();
      bringBack(world, member, random, 1.5);
    },
  },
  { name: 'server killed', weight: 4, happen: (_, member) => member.server.kill() },
  {
    name: 'member lost',
    weight: 3,
    happen: (world, member, random) => {
      member.crashAgent();
      member.server.kill();
      bringBack(world, member, random, 2);
    },
  },
  { name: 'agent frozen', weight: 3, happen: (world, member, random) => member.freeze(span(world, random, 0.01, 2)) },
  {
    name: 'server frozen',
    weight: 2,
    happen: (world, member, random) => {
      member.server.freeze();
      after(world, span(world, random, 0.01, 1.5), `${member.name} server goes on`, () => member.server.thaw());
    },
  },
  {
    name: 'member frozen',
    weight: 3,
    happen: (world, member, random) => {
      const ms = span(world, random, 0.01, 2);
      member.freeze(ms);
      member.server.freeze();
      world.scheduler.after(ms, () => member.server.thaw());
    },
  },
  {
    name: 'partition',
    weight: 4,
    happen: (world, member, random) => {
      const what = random.pick(['members', 'store', 'all'] as const);
      if (what !== 'store') world.cut(member.name, 'both');
      if (what !== 'members') world.storeNetwork.faultsOf(member.name).isPartitioned = true;
      after(world, span(world, random, 0.02, 2), `partition of ${member.name} healed`, () => world.heal(member.name));
    },
  },
  {
    name: 'one-way partition',
    weight: 3,
    happen: (world, member, random) => {
      const what = random.pick(['in', 'out', 'store'] as const);
      if (what === 'store') world.storeNetwork.faultsOf(member.name).isDeaf = true;
      else world.cut(member.name, what);
      after(world, span(world, random, 0.02, 2), `one-way partition of ${member.name} healed`, () => world.heal(member.name));
    },
  },
  {
    name: 'store outage',
    weight: 3,
    happen: (world, _, random) => {
      world.storeNetwork.outage = random.pick(['refuse', 'hang']);
      after(world, span(world, random, 0.02, 1.5), 'store back', () => world.storeNetwork.heal());
    },
  },
  {
    name: 'slow store',
    weight: 3,
    happen: (world, member, random) => {
      const faults = world.storeNetwork.faultsOf(member.name);
      const ms = Math.min(world.timings.retryTimeoutMs * random.between(0.02, 1.2), 8000);
      if (random.chance(0.5)) faults.answerDelayMs = ms;
      else faults.requestDelayMs = ms;
      after(world, span(world, random, 0.05, 1.5), `store is quick for ${member.name}`, () => {
        faults.answerDelayMs = 2;
        faults.requestDelayMs = 2;
      });
    },
  },
  {
    name: 'answers lost',
    weight: 2,
    happen: (world, member, random) => {
      world.storeNetwork.faultsOf(member.name).lostAnswers = Math.ceil(random.between(0, 3));
    },
  },
  {
    name: 'store messages lost or doubled',
    weight: 2,
    happen: (world, member, random) => {
      const faults = world.storeNetwork.faultsOf(member.name);
      const rate = random.between(0.05, 0.4);
      faults.fate = () => (random.chance(rate) ? random.pick(['request-lost', 'answer-lost', 'duplicated'] as const) : 'arrives');
      after(world, span(world, random, 0.1, 2), `store messages of ${member.name} arrive`, () => {
        faults.fate = () => 'arrives';
      });
    },
  },
  {
    name: 'requests between members lost',
    weight: 2,
    happen: (world, _, random) => {
      world.lossRate = random.between(0.1, 0.9);
      after(world, span(world, random, 0.1, 2), 'requests between members arrive', () => {
        world.lossRate = 0;
      });
    },
  },
  {
    name: 'server does not answer',
    weight: 2,
    happen: (world, member, random) => {
      const { postgres } = member;
      if (postgres === undefined) return;
      postgres.isSlow = true;
      after(world, span(world, random, 0.02, 1), `server of ${member.name} answers`, () => {
        postgres.isSlow = false;
      });
    },
  },
  { name: 'wall clock jump', weight: 1, happen: (_, member, random) => member.life?.jump(random.between(-100_000, 100_000)) },
];
