import { milliseconds } from '../../base/duration.js';
import { log } from '../decision.js';
import type { KnownObservation } from '../observation.js';
import { canActOnDivergence, checkDivergence } from '../rewind.js';
import { ask, conclude, type Rule, rule } from '../rule.js';
import { isCountedOn, leaderUpstream } from '../upstream.js';

/**
 * Finds out whether the local history left the leader's, and repairs that (ha.md §14.2). No row fires while nothing is
 * due or nothing can be said. «RISK» a diverged server that is simply started would sit there silently, or worse.
 */
export const divergence: readonly Rule<KnownObservation>[] = [
  rule({
    id: 'divergence/other-history-of-the-same-number',
    why: 'Streaming would join two histories to one that never was; the data have to be copied anew, which is for the operator to order.',
    match: (o, memory) => {
      const result = memory.rewind === 'check' ? checkDivergence(o) : undefined;
      return result?.kind === 'same-number' ? result : undefined;
    },
    decide: ({ timeline, log: lines }) =>
      conclude(
        `not following timeline ${timeline} because it is of another history: empty the data directory to have it copied anew`,
        lines,
      ),
  }),
  rule({
    id: 'divergence/check',
    why: 'A former primary is never attached to a new leader unchecked.',
    match: (o, memory) => {
      if (memory.rewind !== 'check') return undefined;
      const result = checkDivergence(o);
      return result.kind === 'undecided' || result.kind === 'same-number' ? undefined : result;
    },
    decide: (result) =>
      result.kind === 'ask'
        ? ask(...result.questions)
        : { reason: '', actions: result.log, goOn: true, remember: { rewind: result.isNeeded ? 'need' : 'not-need' } },
  }),
  rule({
    id: 'divergence/read-can-rewind',
    why: 'pg_rewind needs hint bits or checksums, and the tool itself.',
    match: (o, memory) =>
      memory.rewind === 'need' && leaderUpstream(o) !== undefined && o.policy.usePgRewind && o.facts.canRewind === undefined,
    decide: () => ask({ kind: 'read-can-rewind' }),
  }),
  rule({
    id: 'divergence/wait-for-checkpoint',
    why: 'A leader whose control file shows the old timeline makes pg_rewind corrupt the follower in silence.',
    match: (o, memory) => {
      const leader = o.cluster.view.leader?.member;
      const isWaiting = memory.rewind === 'need' && o.facts.canRewind === true && leader !== undefined && leader.name !== o.me;
      return isWaiting && o.config.standbyCluster === undefined && leader.data['checkpoint_after_promote'] === false ? leader : undefined;
    },
    decide: (leader) => conclude(`Waiting for checkpoint on ${leader.name} before rewind`, [], { wakeOnMembers: true }),
  }),
  rule({
    id: 'divergence/end-archive-recovery-first',
    why: 'pg_rewind wants a clean shutdown, which a killed standby had none. Single-user mode would write WAL of its own on a timeline that others share.',
    match: (o, memory) => {
      const control = o.facts.controlData;
      const isUnclean = control !== undefined && control !== 'unreadable' && control.clusterState === 'in archive recovery';
      return (
        memory.rewind === 'need' &&
        o.facts.canRewind === true &&
        !o.postgres.isProcessRunning &&
        isUnclean &&
        memory.crashRecoveryStartedAt === undefined
      );
    },
    decide: (_, o) =>
      conclude('ending archive recovery before pg_rewind', [{ kind: 'start-job', job: { kind: 'end-archive-recovery' } }], {
        remember: { crashRecoveryStartedAt: o.now },
      }),
  }),
  rule({
    id: 'divergence/source-not-usable-just-now',
    why: 'Asking a server that is down again and again, as fast as it refuses, brings it back no sooner.',
    match: (o, memory) => {
      const leader = memory.rewind === 'need' && o.facts.canRewind === true ? leaderUpstream(o) : undefined;
      if (leader === undefined || memory.rewindPutOffAt === undefined) return undefined;
      const wakeAt = milliseconds(memory.rewindPutOffAt + o.config.loopWaitMs);
      return wakeAt > o.now ? { leader, wakeAt } : undefined;
    },
    decide: ({ leader, wakeAt }) => conclude(`waiting until ${leader.name} can be used for pg_rewind`, [], { wakeAt }),
  }),
  rule({
    id: 'divergence/rewind',
    why: 'The surplus of the former primary is removed, the rest of its data kept.',
    match: (o, memory) => (memory.rewind === 'need' && o.facts.canRewind === true ? leaderUpstream(o) : undefined),
    decide: (leader) => conclude(`running pg_rewind from ${leader.name}`, [{ kind: 'start-job', job: { kind: 'rewind', leader } }]),
  }),
  rule({
    id: 'divergence/reinitialize',
    why: 'Rewind is not possible and the settings allow a new copy.',
    match: (o, memory) =>
      memory.rewind === 'need' &&
      canActOnDivergence(o, memory) &&
      o.policy.removeOnDivergedTimelines &&
      o.config.standbyCluster === undefined
        ? leaderUpstream(o)
        : undefined,
    decide: (leader, o) =>
      conclude('reinitializing due to diverged timelines', [
        log('warning', 'remove_data_directory_on_diverged_timelines is set. removing...'),
        { kind: 'start-job', job: { kind: 'reinitialize-diverged', leader, basebackupOnly: isCountedOn(o) } },
      ]),
  }),
];
