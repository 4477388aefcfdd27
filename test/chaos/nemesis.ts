import { setTimeout as pause } from 'node:timers/promises';
import type { EtcdMachine, MemberMachine } from './machines.js';
import type { Network } from './network.js';

export interface Battlefield {
  readonly network: Network;
  readonly members: readonly MemberMachine[];
  readonly etcd: readonly EtcdMachine[];
  readonly random: () => number;
  /** Clocks can be set wrong. */
  readonly hasFakeClock: boolean;
  readonly log: (line: string) => void;
}

/** Something that goes wrong, and how it is put right again. */
interface Fault {
  readonly name: string;
  readonly weight: number;
  /** Default true. */
  readonly isAboutMember?: false;
  readonly isPossible?: (field: Battlefield) => boolean;
  begin(field: Battlefield, pick: Pick): Promise<Mend> | Mend;
}

/** A fault that happened; `at` on the clock of `performance`, in ms. */
export interface Hit {
  readonly name: string;
  readonly at: number;
}

type Mend = () => void | Promise<void>;

/** What the dice said. The leader is hit more often than chance would. */
interface Pick {
  readonly member: MemberMachine;
  readonly other: MemberMachine;
  readonly isLeader: boolean;
}

const nothing: Mend = () => undefined;

function restartedLater(member: MemberMachine): Mend {
  return () => member.startAgent();
}

const FAULTS: readonly Fault[] = [
  {
    name: 'postmaster killed',
    weight: 3,
    begin: (_, { member }) => {
      member.killPostmaster();
      return nothing;
    },
  },
  {
    name: 'agent killed',
    weight: 3,
    begin: (_, { member }) => {
      member.killAgent();
      return restartedLater(member);
    },
  },
  {
    name: 'member killed',
    weight: 3,
    begin: (_, { member }) => {
      member.killEverything();
      return restartedLater(member);
    },
  },
  {
    name: 'agent stopped',
    weight: 1,
    begin: async (_, { member }) => {
      await member.stopAgent();
      return restartedLater(member);
    },
  },
  {
    name: 'restart storm',
    weight: 1,
    begin: async (_, { member, other }) => {
      for (let round = 0; round < 3; round += 1) {
        for (const each of [member, other]) each.killAgent();
        await pause(300);
        for (const each of [member, other]) each.startAgent();
        await pause(1_500);
      }
      return nothing;
    },
  },
  {
    name: 'agent frozen',
    weight: 3,
    begin: (_, { member }) => {
      member.signalAgent('SIGSTOP');
      return () => member.signalAgent('SIGCONT');
    },
  },
  {
    name: 'server frozen',
    weight: 2,
    begin: (_, { member }) => {
      member.signalServer('SIGSTOP');
      return () => member.signalServer('SIGCONT');
    },
  },
  {
    name: 'member frozen',
    weight: 2,
    begin: (_, { member }) => {
      member.signalAgent('SIGSTOP');
      member.signalServer('SIGSTOP');
      return () => {
        member.signalServer('SIGCONT');
        member.signalAgent('SIGCONT');
      };
    },
  },
  {
    name: 'member cut off from all',
    weight: 3,
    begin: ({ network }, { member }) => network.separate([member.host], network.hosts),
  },
  {
    name: 'member cut off from the store',
    weight: 3,
    begin: ({ network, etcd }, { member }) =>
      network.separate(
        [member.host],
        etcd.map(({ host }) => host),
      ),
  },
  {
    name: 'member cut off from the members',
    weight: 2,
    begin: ({ network, members }, { member }) =>
      network.separate(
        [member.host],
        members.map(({ host }) => host),
      ),
  },
  {
    name: 'member heard no more',
    weight: 1,
    begin: ({ network }, { member }) => both(network.hosts.filter((to) => to !== member.host).map((to) => network.cut(member.host, to))),
  },
  {
    name: 'member hears no more',
    weight: 1,
    begin: ({ network }, { member }) =>
      both(network.hosts.filter((from) => from !== member.host).map((from) => network.cut(from, member.host))),
  },
  {
    name: 'etcd server killed',
    weight: 2,
    isAboutMember: false,
    begin: async (field) => {
      const server = await someEtcd(field);
      server.signal('SIGKILL');
      return () => server.start();
    },
  },
  {
    name: 'etcd server frozen',
    weight: 2,
    isAboutMember: false,
    begin: async (field) => {
      const server = await someEtcd(field);
      server.signal('SIGSTOP');
      return () => server.signal('SIGCONT');
    },
  },
  {
    name: 'etcd without quorum',
    weight: 2,
    isAboutMember: false,
    begin: ({ etcd }) => {
      const victims = etcd.slice(0, Math.floor(etcd.length / 2) + 1);
      for (const each of victims) each.signal('SIGSTOP');
      return () => {
        for (const each of victims) each.signal('SIGCONT');
      };
    },
  },
  {
    name: 'etcd servers apart',
    weight: 1,
    isAboutMember: false,
    begin: ({ network, etcd, random }) => {
      const lonely = etcd[Math.floor(random() * etcd.length)];
      return lonely === undefined
        ? nothing
        : network.separate(
            [lonely.host],
            etcd.map(({ host }) => host),
          );
    },
  },
  {
    name: 'disk full',
    weight: 1,
    begin: (_, { member }) => member.fillDisk(),
  },
  {
    name: 'clock of an agent wrong',
    weight: 1,
    isPossible: ({ hasFakeClock }) => hasFakeClock,
    begin: ({ random }, { member }) => {
      member.setClock(Math.round((random() - 0.5) * 7200));
      return () => member.setClock(0);
    },
  },
  {
    name: 'switchover',
    weight: 3,
    isAboutMember: false,
    begin: async ({ members, log }) => {
      for (const member of members) {
        if (!(await member.answers('/primary').catch(() => false))) continue;
        const answer = await member
          .post('/switchover', { leader: member.name })
          .catch((error: Error) => ({ status: 0, body: error.message }));
        log(`  ${answer.status} ${answer.body.trim()}`);
        break;
      }
      return nothing;
    },
  },
];

function both(mends: readonly (() => void)[]): Mend {
  return () => {
    for (const mend of mends) mend();
  };
}

/** The ensemble's leader half of the time. */
async function someEtcd({ etcd, random }: Battlefield): Promise<EtcdMachine> {
  const leaders = await Promise.all(etcd.map((each) => each.isLeader().catch(() => false)));
  const at = random() < 0.5 ? leaders.indexOf(true) : -1;
  const server = etcd[at >= 0 ? at : Math.floor(random() * etcd.length)];
  if (server === undefined) throw new Error('there is no etcd');
  return server;
}

async function draw({ members, random }: Battlefield): Promise<Pick> {
  const leads = await Promise.all(members.map((each) => each.answers('/primary').catch(() => false)));
  const at = random() < 0.6 ? leads.indexOf(true) : -1;
  const index = at >= 0 ? at : Math.floor(random() * members.length);
  const [member, other] = [members[index], members[(index + 1) % members.length]];
  if (member === undefined || other === undefined) throw new Error('too few members');
  return { member, other, isLeader: leads[index] === true };
}

function choose(field: Battlefield): Fault {
  const possible = FAULTS.filter(({ isPossible }) => isPossible?.(field) ?? true);
  let ticket = field.random() * possible.reduce((sum, { weight }) => sum + weight, 0);
  for (const fault of possible) {
    ticket -= fault.weight;
    if (ticket < 0) return fault;
  }
  throw new Error('no fault is possible');
}

/** How long a fault lasts, and the quiet after it, in ms. */
const SPANS = { fault: [1_000, 25_000], quiet: [500, 12_000] } as const;

const span = (random: () => number, [least, most]: readonly [number, number]): number => least + random() * (most - least);

/**
 * Breaks things one after the other, sometimes two at once, until the time is over; then puts everything right.
 * @returns what happened when.
 */
export async function rage(field: Battlefield, forMs: number): Promise<readonly Hit[]> {
  const hits: Hit[] = [];
  const until = performance.now() + forMs;
  const begin = async (): Promise<Mend> => {
    const fault = choose(field);
    const pick = await draw(field);
    const isOfLeader = fault.isAboutMember !== false && pick.isLeader;
    hits.push({ name: isOfLeader ? `${fault.name} (leader)` : fault.name, at: performance.now() });
    field.log(fault.isAboutMember === false ? fault.name : `${fault.name}: ${pick.member.name}${pick.isLeader ? ' (leader)' : ''}`);
    return fault.begin(field, pick);
  };
  while (performance.now() < until) {
    const mends = [await begin()];
    await pause(span(field.random, SPANS.fault) / 2);
    if (field.random() < 0.3) mends.push(await begin());
    await pause(span(field.random, SPANS.fault) / 2);
    for (const mend of mends) await mend();
    field.log('put right');
    await pause(span(field.random, SPANS.quiet));
  }
  return hits;
}
