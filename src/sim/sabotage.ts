import type { AgentPorts } from '../agent/environment.js';
import { assertNever } from '../base/assert.js';
import type { Lsn } from '../base/lsn.js';
import type { Dcs } from '../ports/dcs.js';
import { override } from './override.js';

/**
 * Planted defects: each breaks one promise on which safety or liveness rests. They prove that the checkers would notice
 * (sim.test.ts); a normal run has none.
 */
export type Sabotage =
  /** The keeper is told that its lock was renewed, whatever the store says or does not say. */
  | 'renewals-always-succeed'
  /** A stop that is meant to fence says that it is done and does nothing. */
  | 'fencing-does-nothing'
  /** Taking the lock overwrites its owner. */
  | 'lock-is-stolen'
  /** Others are said to have every position that is asked for. */
  | 'positions-are-exaggerated'
  /** A former primary is attached to the new leader unchecked. */
  | 'divergence-is-ignored'
  /** Promotion takes the next timeline of its own, whoever else used it. */
  | 'timelines-are-reused'
  /** `/history` is never written. */
  | 'history-is-not-written'
  /** An agent stops deciding after a while, without an error. */
  | 'agent-falls-silent';

export const SABOTAGES: readonly Sabotage[] = [
  'renewals-always-succeed',
  'fencing-does-nothing',
  'lock-is-stolen',
  'positions-are-exaggerated',
  'divergence-is-ignored',
  'timelines-are-reused',
  'history-is-not-written',
  'agent-falls-silent',
];

/** The ports of an agent with the planted defect in them. */
export function sabotaged(ports: AgentPorts, sabotage: Sabotage | undefined, steal: () => void): AgentPorts {
  const { dcs, postgres, peers, configuration } = ports;
  switch (sabotage) {
    case undefined:
      return ports;
    case 'renewals-always-succeed':
      return {
        ...ports,
        dcs: override(dcs, {
          renewLeaderLock: async (leader, options) => {
            await dcs.renewLeaderLock(leader, options).catch(() => 'lost');
            return 'renewed';
          },
        }),
      };
    case 'fencing-does-nothing':
      return {
        ...ports,
        postgres: override(postgres, { stop: async (options) => (options.mode === 'immediate' ? true : postgres.stop(options)) }),
      };
    case 'lock-is-stolen':
      return {
        ...ports,
        dcs: override(dcs, {
          acquireLeaderLock: async (options) => {
            const outcome = await dcs.acquireLeaderLock(options);
            if (outcome === 'held-by-other') steal();
            return 'acquired';
          },
        }),
      };
    case 'positions-are-exaggerated':
      return {
        ...ports,
        peers: override(peers, {
          status: async (name, url, timeoutMs) => {
            const answer = await peers.status(name, url, timeoutMs);
            return answer.kind === 'answered' ? { ...answer, lsn: (answer.lsn + 1_000_000n) as Lsn } : answer;
          },
        }),
      };
    case 'divergence-is-ignored':
      return {
        ...ports,
        configuration: override(configuration, {
          policy: () => ({ ...configuration.policy(), usePgRewind: false, removeOnDivergedTimelines: false }),
        }),
      };
    case 'timelines-are-reused':
      return { ...ports, postgres: override(postgres, { promote: (options) => postgres.promote({ ...options, leastTimeline: 0 }) }) };
    case 'history-is-not-written':
      return { ...ports, dcs: override(dcs, { writeHistory: async () => true }) };
    case 'agent-falls-silent':
      return { ...ports, dcs: override(dcs, { load: fallingSilent(dcs) }) };
    default:
      return assertNever(sabotage);
  }
}

/** So many readings, and then none that ends. */
const READINGS = 60;

function fallingSilent(dcs: Dcs): Dcs['load'] {
  let readings = 0;
  return (options) => (++readings > READINGS ? new Promise(() => undefined) : dcs.load(options));
}
