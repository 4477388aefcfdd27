import { stringifyJson } from '../../base/json.js';
import { CLUSTER } from '../environment.js';
import type { World } from '../world.js';
import { type Fault, span } from './fault.js';

function request(world: World, document: Readonly<Record<string, unknown>>): void {
  world.store.put(`${CLUSTER}failover`, stringifyJson(document), { writer: 'operator' });
}

/** An order to make a new copy is carried out by then, or has failed. */
const REINITIALIZE_MS = 60_000;

/** What operators do, mostly at a bad moment. */
export const OPERATIONS: readonly Fault[] = [
  {
    name: 'switchover',
    weight: 4,
    happen: (world, member, random) => {
      if (world.holder !== undefined) request(world, { leader: world.holder, ...(random.chance(0.5) ? { member: member.name } : {}) });
    },
  },
  {
    name: 'scheduled switchover',
    weight: 1,
    happen: (world, _, random) => {
      const at = 1_900_000_000_000 + world.scheduler.now + span(world, random, 0, 1);
      if (world.holder !== undefined) request(world, { leader: world.holder, scheduled_at: new Date(at).toISOString() });
    },
  },
  {
    name: 'schedule without time zone',
    weight: 0.5,
    happen: (world) => {
      const at = new Date(1_900_000_000_000 + world.scheduler.now + 1000).toISOString().replace('Z', '');
      if (world.holder !== undefined) request(world, { leader: world.holder, scheduled_at: at });
    },
  },
  {
    name: 'initialize key deleted',
    weight: 1,
    // While a member is empty the deletion is an order to create a new cluster.
    happen: (world) => {
      const holder = world.holder === undefined ? undefined : world.member(world.holder);
      const isRepaired = holder?.isAgentAlive === true && holder.life?.isFrozen === false && holder.server.isWritable;
      if (isRepaired && world.members.every(({ server }) => !server.isEmpty)) world.deleteInitialize();
    },
  },
  {
    name: 'cluster of another identity',
    weight: 0.3,
    happen: (world, _, random) => {
      world.overwriteInitialize();
      world.scheduler.after(span(world, random, 0.05, 0.4), () => world.restoreInitialize());
    },
  },
  { name: 'manual failover', weight: 1, happen: (world, member) => request(world, { member: member.name }) },
  {
    name: 'agent stopped',
    weight: 2,
    happen: (world, member, random) => {
      member.stopAgent();
      world.scheduler.after(span(world, random, 0.2, 1.5), () => member.startAgent());
    },
  },
  {
    name: 'restart',
    weight: 2,
    happen: (_, member) => {
      const { agent } = member;
      const end = (): void => {
        if (member.agent === agent) member.orders -= 1;
      };
      member.orders += 1;
      void agent?.control.restart({}).then(end, end);
    },
  },
  {
    name: 'scheduled restart',
    weight: 1,
    happen: (world, member, random) => {
      const at = 1_900_000_000_000 + world.scheduler.now + span(world, random, 0, 1);
      void member.agent?.control.scheduleRestart({ schedule: new Date(at).toISOString() });
    },
  },
  {
    name: 'reinitialize',
    weight: 2,
    happen: (world, member, random) => {
      // Nobody wipes the last copy on purpose.
      if (!world.isInitialised || world.holder === undefined || world.server(world.holder)?.isEmpty !== false) return;
      const options = { force: random.chance(0.5), fromLeader: random.chance(0.5) };
      member.givesUpDataUntil = world.scheduler.now + REINITIALIZE_MS;
      // The store may not answer: the operator gets an error.
      member.agent?.control.reinitialize(options).catch((error: unknown) => world.trace(`reinitialize: ${String(error)}`));
    },
  },
  {
    name: 'pause',
    weight: 2,
    happen: (world, _, random) => {
      world.configure({ pause: true });
      world.scheduler.after(span(world, random, 0.1, 1), () => world.configure({ pause: null }));
    },
  },
  {
    name: 'ttl changed',
    weight: 1,
    happen: (world, _, random) => {
      const ttl = world.timings.ttlMs / 1000;
      world.configure({ ttl: Math.ceil(ttl * random.pick([1, 1.5, 2])) });
    },
  },
  { name: 'failsafe mode changed', weight: 1, happen: (world, _, random) => world.configure({ failsafe_mode: random.chance(0.5) }) },
  {
    name: 'lag limit changed',
    weight: 1,
    happen: (world, _, random) => world.configure({ maximum_lag_on_failover: random.pick([1000, 20_000, 1_048_576]) }),
  },
];
