import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { anyScene } from '../../test/support/any-scene.js';
import type { Scene } from '../../test/support/builders.js';
import { type Play, play, type Round, short } from '../../test/support/play.js';
import { clusterTimeline } from '../cluster/history.js';
import { isSyncMember } from '../cluster/sync-state.js';
import { isValidSystemId } from '../cluster/view.js';
import { isQuorumActive, isSyncActive } from './election.js';
import { isFencing } from './job.js';
import { fencingMargin, hasLock, isPrimary, type KnownObservation, type Observation } from './observation.js';

/** PROPERTY_RUNS: more of them, when there is time. */
const RUNS = { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 3000) };

/** Checks one property over all scenes; a failure tells the way that the decision took. */
function holds(property: (played: Play, scene: Scene) => void): void {
  fc.assert(
    fc.property(anyScene, (scene) => {
      const played = play(scene);
      try {
        property(played, scene);
      } catch (error) {
        assert.fail(`${String(error)}\n${transcript(played)}`);
      }
    }),
    RUNS,
  );
}

function transcript({ rounds }: Play): string {
  const { job, postgres, config } = rounds[0]?.observation ?? {};
  const rows = rounds.map(({ decision }) => `${decision.rule}: ${decision.actions.map(short).join(', ')} "${decision.reason}"`);
  return [`role=${postgres?.role} state=${postgres?.state} job=${job?.job.kind} paused=${config?.isPaused}`, ...rows].join('\n');
}

function known(o: Observation): KnownObservation | undefined {
  return o.cluster.kind === 'known' ? { ...o, cluster: o.cluster } : undefined;
}

const jobsOf = ({ decision }: Round) => decision.actions.flatMap((action) => (action.kind === 'start-job' ? [action.job] : []));
const does = ({ decision }: Round, kind: string): boolean => decision.actions.some((action) => action.kind === kind);

/** The decision takes the server down, or ends the agent with it. */
function stopsServer(round: Round): boolean {
  return (
    jobsOf(round).some((job) => job.kind === 'demote') ||
    round.decision.actions.some((action) => action.kind === 'stop-server' || (action.kind === 'exit' && action.stopServer))
  );
}

const confirmed = ({ observation: o }: Round): boolean => {
  const view = known(o);
  return view !== undefined && hasLock(view) && (o.facts.lock === 'renewed' || o.facts.acquire === 'acquired');
};

describe('every decision', () => {
  test('comes to an end, by a rule', () =>
    holds(({ rounds }) => {
      for (const { decision } of rounds) assert.notEqual(decision.rule, 'none');
    }));

  test('that is not final does something or changes the memory', () =>
    holds(({ rounds }) => {
      for (const { decision, before } of rounds)
        assert.ok(
          decision.isFinal ||
            decision.actions.length > 0 ||
            JSON.stringify(memoryOf(decision)) !== JSON.stringify(memoryOf({ memory: before })),
        );
    }));

  test('that is final has a sentence', () => holds(({ last }) => assert.notEqual(last.reason, '')));

  test('starts a job only when none runs or the running one is cancelled first', () =>
    holds(({ rounds }) => {
      for (const { observation, decision } of rounds) {
        const kinds = decision.actions.map((action) => action.kind);
        const start = kinds.indexOf('start-job');
        if (start < 0 || observation.job === undefined) continue;
        const cancel = kinds.indexOf('cancel-job');
        assert.ok(cancel >= 0 && cancel < start);
      }
    }));

  test('starts one job at most', () =>
    holds(({ rounds }) => {
      for (const round of rounds) assert.ok(jobsOf(round).length <= 1);
    }));
});

function memoryOf({ memory }: { readonly memory: unknown }): unknown {
  return Object.fromEntries(
    Object.entries(memory as object).map(([key, value]) => [key, typeof value === 'bigint' ? String(value) : value]),
  );
}

describe('safety', () => {
  test('nobody becomes writable without the lock just confirmed', () =>
    holds(({ rounds }) => {
      for (const round of rounds) {
        if (jobsOf(round).some((job) => job.kind === 'promote' || job.kind === 'start-primary')) assert.ok(confirmed(round));
      }
    }));

  test('a primary without lock is stopped in the same cycle, outside of maintenance mode', () =>
    holds(({ rounds, lastObservation: o, last }) => {
      const view = known(o);
      const isWithoutLock = view !== undefined && (!hasLock(view) || o.facts.lock === 'lost');
      const isExcused =
        o.config.isPaused ||
        last.memory.bootstrap !== 'none' ||
        rounds[0]?.before.bootstrap !== 'none' ||
        (o.job !== undefined && isFencing(o.job.job));
      const isClusterKnown = view?.cluster.view.leader !== undefined || isValidSystemId(view?.cluster.view.initialize);
      if (!isPrimary(o) || !isWithoutLock || isExcused || !isClusterKnown) return;
      assert.ok(rounds.some(stopsServer));
    }));

  test('a primary without store is stopped before its lease ends, outside of maintenance mode', () =>
    holds(({ rounds, lastObservation: o }) => {
      const isLate = o.cluster.kind === 'unavailable' && o.leaseLeftMs <= fencingMargin(o.config.ttlMs);
      if (!isLate || !isPrimary(o) || o.config.isPaused || (o.job !== undefined && isFencing(o.job.job))) return;
      assert.ok(rounds.some(stopsServer));
    }));

  test('a running primary does not give the lock away, outside of maintenance mode', () =>
    holds(({ rounds }) => {
      for (const round of rounds) {
        if (does(round, 'release-lock') && isPrimary(round.observation) && !round.observation.config.isPaused)
          assert.ok(stopsServer(round));
      }
    }));

  test('nobody is promoted in a standby cluster', () =>
    holds(({ rounds }) => {
      for (const round of rounds) {
        if (jobsOf(round).some((job) => job.kind === 'promote' || job.kind === 'start-primary'))
          assert.equal(round.observation.config.standbyCluster, undefined);
      }
    }));

  test('who must not take the lock does not ask for it', () =>
    holds(({ rounds }) => {
      for (const round of rounds) {
        const o = known(round.observation);
        if (o === undefined || !does(round, 'acquire-lock')) continue;
        assert.equal(o.job, undefined);
        assert.ok(isPrimary(o) || !o.policy.traits.nofailover, 'nofailover');
        assert.ok(!isStalePrimary(o) || o.config.isPaused, 'a primary of an older timeline');
        const isNamed = o.cluster.view.failover?.candidate === o.me;
        const isBound =
          isSyncActive(o) && !isQuorumActive(o) && !isPrimary(o) && !(isNamed && o.cluster.view.failover?.leader === undefined);
        assert.ok(!isBound || o.config.isPaused || isSyncMember(o.cluster.view.sync, o.me), 'not synchronous');
        if (isValidSystemId(o.cluster.view.initialize)) assert.equal(o.postgres.systemId, o.cluster.view.initialize);
      }
    }));

  test('after a primary is taken down, its history is to be compared', () =>
    holds(({ rounds }) => {
      for (const round of rounds) {
        const { policy } = round.observation;
        if (!jobsOf(round).some((job) => job.kind === 'demote') || !(policy.usePgRewind || policy.removeOnDivergedTimelines)) continue;
        assert.ok(['check', 'need'].includes(round.decision.memory.rewind));
      }
    }));
});

function isStalePrimary(o: KnownObservation): boolean {
  const { status } = o.postgres;
  return isPrimary(o) && status.kind === 'known' && status.value.primaryTimeline < clusterTimeline(o.cluster.view.history);
}
