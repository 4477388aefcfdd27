import type { ClusterView } from '../../src/cluster/view.js';
import { memberNamed } from '../../src/cluster/view.js';
import { decide } from '../../src/ha/decide.js';
import type { Action, Decision } from '../../src/ha/decision.js';
import type { Memory } from '../../src/ha/memory.js';
import type { Facts, Observation } from '../../src/ha/observation.js';
import type { PeerStatus } from '../../src/ports/peers.js';
import type { Scene, World } from './builders.js';

/** No cycle of a real agent comes near; more is a loop. */
export const MAX_ROUNDS = 50;

export interface Round {
  readonly observation: Observation;
  readonly before: Memory;
  readonly decision: Decision;
}

export interface Play {
  readonly rounds: readonly Round[];
  /** Rules in the order they fired. */
  readonly rules: readonly string[];
  readonly last: Decision;
  /** Everything but questions, everyday upkeep and log lines, in short form. */
  readonly actions: readonly string[];
  /** `level: message` of every line. */
  readonly log: readonly string[];
  readonly lastObservation: Observation;
}

/** One cycle: decides until a decision is final, the world of the scene answering in between. */
export function play(scene: Scene): Play {
  const rounds: Round[] = [];
  let observation = scene.observation;
  let memory = scene.memory;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const decision = decide(observation, memory);
    rounds.push({ observation, before: memory, decision });
    if (decision.isFinal) return summary(rounds, decision, observation);
    memory = decision.memory;
    observation = { ...decision.actions.reduce((o, action) => carriedOut(o, action, scene.world), observation), endedJobs: [] };
  }
  throw new Error(`no decision after ${MAX_ROUNDS} rounds: ${rounds.slice(-4).map((r) => r.decision.rule)}`);
}

function summary(rounds: readonly Round[], last: Decision, lastObservation: Observation): Play {
  const all = rounds.flatMap((round) => round.decision.actions);
  return {
    rounds,
    rules: rounds.map((round) => round.decision.rule),
    last,
    actions: all.filter((action) => !isQuestion(action) && action.kind !== 'log' && action.kind !== 'apply-scheduled-restart').map(short),
    log: all.flatMap((action) => (action.kind === 'log' ? [`${action.level}: ${action.message}`] : [])),
    lastObservation,
  };
}

const QUESTIONS = [
  'ask-failsafe',
  'renew-lock',
  'reload-view',
  'ask-peers',
  'activate-watchdog',
  'prepare-sync',
  'compare-recovery',
  'stop-receiving',
];

function isQuestion(action: Action): boolean {
  return QUESTIONS.includes(action.kind) || action.kind.startsWith('read-');
}

/** `start-job demote immediate`, `set-role demoted`, `release-lock`. */
export function short(action: Action): string {
  switch (action.kind) {
    case 'start-job': {
      const { job } = action;
      const upstream = 'upstream' in job ? [job.upstream?.name ?? 'nobody', job.role] : [];
      const rest =
        job.kind === 'demote'
          ? [job.mode]
          : job.kind === 'rewind' || job.kind === 'copy-logical-slots'
            ? [job.leader.name]
            : job.kind === 'clone'
              ? [job.description]
              : upstream;
      return ['start-job', job.kind, ...rest].join(' ');
    }
    case 'set-role':
      return `set-role ${action.role}`;
    case 'set-state':
      return `set-state ${action.state}`;
    case 'callback':
      return `callback ${action.action}`;
    case 'create-slot':
    case 'drop-slot':
      return `${action.kind} ${action.name}`;
    case 'create-logical-slots':
      return `create-logical-slots ${action.slots.map(({ name }) => name).join(' ')}`;
    case 'advance-logical-slots':
      return `advance-logical-slots ${action.targets.map(({ name, lsn }) => `${name} ${lsn}`).join(' ')}`;
    case 'check-logical-slots':
      return `check-logical-slots ${action.leader.name} ${action.names.join(' ')}`;
    case 'enforce-feedback':
      return `enforce-feedback ${action.isOn}`;
    case 'advance-slot':
      return `advance-slot ${action.name} ${action.lsn}`;
    case 'write-failover':
      return `write-failover ${action.value} ${action.version ?? ''}`.trim();
    case 'write-initialize':
      return `write-initialize ${action.mode}`;
    case 'reload-recovery':
      return `reload-recovery ${action.upstream?.name ?? 'nobody'} ${action.role}`;
    case 'exit':
      return `exit ${action.code}${action.stopServer ? '' : ' leaving the server'}`;
    default:
      return action.kind;
  }
}

function known(o: Observation): ClusterView {
  if (o.cluster.kind !== 'known') throw new Error('the store does not answer');
  return o.cluster.view;
}

function viewing(o: Observation, patch: Partial<ClusterView>): Observation {
  return { ...o, cluster: { kind: 'known', view: { ...known(o), ...patch } } };
}

function fact(o: Observation, facts: Facts): Observation {
  return { ...o, facts: { ...o.facts, ...facts } };
}

function ledBy(o: Observation, name: string): Observation {
  const member = memberNamed(known(o), name) ?? { name, version: '', session: undefined, data: {} };
  return viewing(o, {
    leader: { name, version: 'leader-2', session: undefined, member: { ...member, data: { ...member.data, role: 'primary' } } },
  });
}

/** What the executor of the agent would make of an action, with the answers of `world`. */
function carriedOut(o: Observation, action: Action, world: World): Observation {
  switch (action.kind) {
    case 'renew-lock':
      return fact(o, { lock: world.lock });
    case 'acquire-lock': {
      if (world.acquire !== 'acquired') return fact(ledBy(o, world.acquire.heldBy), { acquire: 'held-by-other' });
      const { failover } = known(o);
      const isKept = o.config.isPaused && failover?.leader !== undefined && failover.candidate !== undefined;
      return fact(ledBy(viewing(o, { failover: isKept ? { ...failover, leader: undefined } : undefined }), o.me), { acquire: 'acquired' });
    }
    case 'ask-peers': {
      const peers = new Map<string, PeerStatus>(o.facts.peers ?? []);
      for (const { name } of action.peers) peers.set(name, world.peers[name] ?? { kind: 'unreachable', error: 'refused' });
      return fact(o, { peers });
    }
    case 'reload-view':
      return fact(o, { isReloaded: true });
    case 'ask-failsafe':
      return fact(o, pick(world, 'failsafe'));
    case 'activate-watchdog':
      return fact(o, pick(world, 'isWatchdogActive'));
    case 'stop-receiving':
      return fact(o, pick(world, 'isCutOff'));
    case 'prepare-sync':
      return fact(o, pick(world, 'isSyncPrepared'));
    case 'read-control-data':
      return fact(o, pick(world, 'controlData'));
    case 'read-can-rewind':
      return fact(o, pick(world, 'canRewind'));
    case 'read-backup-label':
      return fact(o, pick(world, 'canSkipSingleUserRecovery'));
    case 'read-local-position':
      return fact(o, pick(world, 'localPosition'));
    case 'read-leader-timelines':
      return fact(o, pick(world, 'leaderTimelines'));
    case 'read-checkpoint-record-end':
      return fact(o, pick(world, 'checkpointRecordEnd'));
    case 'read-replica-timeline':
      return fact(o, pick(world, 'replicaTimeline'));
    case 'read-local-history':
      return fact(o, pick(world, 'localHistory'));
    case 'read-next-timeline':
      return fact(o, pick(world, 'hasNextTimeline'));
    case 'compare-recovery':
      return fact(o, pick(world, 'recovery'));
    case 'write-initialize':
      return fact(
        world.facts.isInitializeWritten === true ? viewing(o, { initialize: action.value }) : o,
        pick(world, 'isInitializeWritten'),
      );
    case 'write-config':
      return viewing(o, { config: { version: 'c-2', modifyVersion: 'c-2', isValid: true, data: { ttl: 30 } } });
    case 'write-failover':
      return viewing(o, { failover: undefined });
    case 'set-role':
      return { ...o, postgres: { ...o.postgres, role: action.role } };
    case 'set-state':
      return { ...o, postgres: { ...o.postgres, state: action.state } };
    default:
      return o;
  }
}

function pick<K extends keyof World['facts']>(world: World, key: K): Facts {
  const value = world.facts[key];
  return value === undefined ? {} : { [key]: value };
}
