import type { AgentPorts } from '../../agent/environment.js';
import { isJsonObject, parseJson, stringifyJson } from '../../base/json.js';
import { ask } from '../../ha/rule.js';
import { override } from '../override.js';
import type { Plan } from '../plan.js';
import { type Mutation, never } from './mutation.js';

const settings = (mode: true | 'quorum'): Partial<Plan> => ({
  members: 3,
  config: { synchronous_mode: mode, synchronous_mode_strict: false, synchronous_node_count: 1 },
  needsRestartToFollow: false,
});
const LOSSES = ['agent killed', 'agent frozen', 'member frozen', 'partition', 'member lost'];

/** The key `/sync` is written with another content. */
function withSync(ports: AgentPorts, change: (sync: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>): AgentPorts {
  return {
    ...ports,
    dcs: override(ports.dcs, {
      writeSync: (value, version, options) => {
        const sync = parseJson(value);
        return ports.dcs.writeSync(isJsonObject(sync) ? stringifyJson(change(sync)) : value, version, options);
      },
    }),
  };
}

function namedButNotSet(ports: AgentPorts): AgentPorts {
  let named = '';
  return {
    ...ports,
    postgres: override(ports.postgres, {
      setSynchronousStandbyNames: async (value) => {
        named = value ?? '';
      },
      observe: async (options) => {
        const seen = await ports.postgres.observe(options);
        if (seen.status.kind !== 'known') return seen;
        const standbys = seen.status.value.standbys.map((standby) => ({ ...standby, syncState: 'sync' }));
        return { ...seen, status: { kind: 'known', value: { ...seen.status.value, synchronousStandbyNames: named, standbys } } };
      },
    }),
  };
}

/** Defects of synchronous replication and of the elections that rest on it. */
export const SYNCHRONOUS_MUTATIONS: readonly Mutation[] = [
  {
    name: 'voters-go-on-receiving',
    what: 'In quorum mode a member votes and still acknowledges commits of the former leader.',
    plan: settings('quorum'),
    // The server of the former leader must go on without its agent.
    favoured: ['agent killed', 'agent frozen', 'answers lost'],
    rules: { 'race/stop-receiving': never },
    ports: (ports) => ({
      ...ports,
      peers: override(ports.peers, {
        status: async (name, url, timeoutMs) => {
          const answer = await ports.peers.status(name, url, timeoutMs);
          return answer.kind === 'answered' ? { ...answer, isReceiving: false } : answer;
        },
      }),
    }),
  },
  {
    name: 'quorum-one-lower',
    what: 'The quorum in `/sync` is one lower than the numbers ask for.',
    plan: settings('quorum'),
    favoured: LOSSES,
    ports: (ports) => withSync(ports, (sync) => ({ ...sync, quorum: Math.max(Number(sync['quorum'] ?? 0) - 1, 0) })),
  },
  {
    name: 'names-are-not-set',
    what: 'The server is said to have the names that were set, and has none: commits wait for nobody.',
    plan: settings(true),
    favoured: LOSSES,
    ports: namedButNotSet,
  },
  {
    name: 'everybody-may-race',
    what: 'In priority mode a member that `/sync` does not name takes part in races.',
    plan: settings(true),
    favoured: LOSSES,
    rules: { 'race/not-synchronous': never },
  },
  {
    name: 'promoted-before-sync-is-prepared',
    what: 'The winner is promoted before `/sync` and the names are in force.',
    plan: settings(true),
    favoured: LOSSES,
    rules: { 'holder/prepare-sync': never, 'holder/sync-changed-by-others': never },
  },
  {
    name: 'any-answer-is-a-vote',
    what: 'In quorum mode the winner asks nobody.',
    plan: settings('quorum'),
    favoured: LOSSES,
    rules: { 'race/run': () => (o) => (o.facts.acquire === undefined ? ask({ kind: 'acquire-lock' }) : undefined) },
  },
];
