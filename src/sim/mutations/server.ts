import { Agent } from '../../agent/agent.js';
import type { Lsn } from '../../base/lsn.js';
import { override } from '../override.js';
import { type Mutation, never } from './mutation.js';

/** Defects in what is done to servers, and in elections. */
export const SERVER_MUTATIONS: readonly Mutation[] = [
  {
    name: 'fencing-does-nothing',
    what: 'An immediate stop says that it is done and does nothing.',
    ports: (ports) => ({
      ...ports,
      postgres: override(ports.postgres, { stop: async (o) => (o.mode === 'immediate' ? true : ports.postgres.stop(o)) }),
    }),
  },
  {
    name: 'release-before-shutdown',
    what: 'A leader that steps down gives the key away before its server has stopped.',
    ports: (ports) => ({
      ...ports,
      postgres: override(ports.postgres, {
        stop: async (options) => {
          if (options.onShutdownCheckpoint !== undefined) {
            await ports.dcs.releaseLeaderLock(undefined, { timeoutMs: 1000 as never }).catch(() => false);
            await ports.clock.sleep(1000);
          }
          return ports.postgres.stop(options);
        },
      }),
    }),
  },
  {
    name: 'consent-is-invented',
    what: 'In failsafe mode a member that does not answer counts as one that consents.',
    ports: (ports) => ({
      ...ports,
      peers: override(ports.peers, {
        failsafe: async (...question) => ({ ...(await ports.peers.failsafe(...question)), accepted: true }),
      }),
    }),
    plan: { config: { failsafe_mode: true } },
    favoured: ['store outage', 'partition', 'member lost'],
  },
  {
    name: 'stopped-primary-comes-back-writable',
    what: 'A server that crashed is started read-write without the lock.',
    rules: {
      'stopped/standby': () => (o) => ({
        reason: `starting as a primary, ${o.me}`,
        actions: [{ kind: 'start-job', job: { kind: 'start-primary', timeoutMs: o.config.primaryStartTimeoutMs } }],
        remember: { isRecovering: true },
      }),
    },
    ports: (ports) => ({
      ...ports,
      postgres: override(ports.postgres, { start: ({ interlock: _, ...options }) => ports.postgres.start(options) }),
    }),
  },
  {
    name: 'promotion-without-lock',
    what: 'The winner of a race is promoted without taking the lock.',
    rules: {
      'race/run': (evaluate) => (o, memory) => {
        const verdict = evaluate(o, memory);
        const isWinner = verdict?.actions.some((action) => action.kind === 'acquire-lock') === true;
        return isWinner ? { reason: 'promoted', actions: [{ kind: 'start-job', job: { kind: 'promote' } }] } : verdict;
      },
      'busy/lock-lost-before-promotion': never,
    },
    methods: [{ of: Agent.prototype, name: 'jobServices', replace: (original) => ({ ...(original() as object), holdsLock: () => true }) }],
  },
  {
    name: 'timelines-are-reused',
    what: 'Promotion takes the next timeline of its own, whoever else used it.',
    ports: (ports) => ({
      ...ports,
      postgres: override(ports.postgres, { promote: (options) => ports.postgres.promote({ ...options, leastTimeline: 0 }) }),
    }),
  },
  {
    name: 'divergence-is-ignored',
    what: 'A former primary is attached to the new leader unchecked.',
    ports: (ports) => ({
      ...ports,
      configuration: override(ports.configuration, {
        policy: () => ({ ...ports.configuration.policy(), usePgRewind: false, removeOnDivergedTimelines: false }),
      }),
    }),
  },
  {
    name: 'rewind-does-nothing',
    what: 'pg_rewind is said to be done and was not run.',
    ports: (ports) => ({ ...ports, postgres: override(ports.postgres, { rewind: async () => ({ kind: 'done' }) }) }),
  },
  {
    name: 'no-checkpoint-before-rewind',
    what: 'Nobody waits for the first checkpoint of a new timeline before rewinding from it.',
    rules: { 'divergence/wait-for-checkpoint': never },
    ports: (ports) => ({ ...ports, postgres: override(ports.postgres, { checkpoint: async () => true }) }),
  },
  {
    name: 'upstream-is-not-changed',
    what: 'A standby keeps following whom it followed.',
    ports: (ports) => ({
      ...ports,
      postgres: override(ports.postgres, {
        follow: async (upstream, options) => (options.how === 'reload' ? 'ready' : ports.postgres.follow(upstream, options)),
      }),
    }),
  },
  {
    name: 'positions-are-exaggerated',
    what: 'Others are said to have every position that is asked for.',
    ports: (ports) => ({
      ...ports,
      peers: override(ports.peers, {
        status: async (name, url, timeoutMs) => {
          const answer = await ports.peers.status(name, url, timeoutMs);
          return answer.kind === 'answered' ? { ...answer, lsn: (answer.lsn + 1_000_000n) as Lsn } : answer;
        },
      }),
    }),
  },
  {
    name: 'nofailover-is-ignored',
    what: 'A member that must never lead takes part in races.',
    ports: (ports) => ({
      ...ports,
      configuration: override(ports.configuration, {
        policy: () => {
          const policy = ports.configuration.policy();
          return { ...policy, traits: { ...policy.traits, nofailover: false } };
        },
      }),
    }),
  },
  {
    name: 'fences-in-maintenance-mode',
    what: 'A primary that loses its lock in maintenance mode is stopped.',
    rules: {
      'race/paused-primary': () => (o) => ({
        reason: `stopped ${o.me}`,
        actions: [{ kind: 'start-job', job: { kind: 'demote', mode: 'immediate-nolock', request: undefined } }],
      }),
    },
  },
];
