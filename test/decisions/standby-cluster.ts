import { milliseconds } from '../../src/base/duration.js';
import type { HistoryLine } from '../../src/cluster/history.js';
import { healthyCluster, healthyStandby, leaderless, lsn, NOW, type Scene } from '../support/builders.js';
import type { DecisionCase } from './case.js';

/** This member leads and is the primary; `standby_cluster` was just added. */
const demoted = (): Scene => healthyCluster().standbyCluster();
const standbyLeader = (): Scene => healthyCluster().asStandby().standbyCluster().server({ role: 'standby_leader' });
const everyday = 'no action. I am (a), the standby leader with the lock';
const CANNOT = 'cannot be a real primary in standby cluster';
/** The server outside went on to timeline 2 at 700. */
const left1At700 = {
  kind: 'known' as const,
  timeline: 2,
  lsn: lsn(9_000_000),
  history: [{ timeline: 1, lsn: lsn(700), reason: '' }],
};
const withHistoryFile = (position: number): Scene =>
  standbyLeader()
    .member('a', { timeline: 1 })
    .answering({
      hasNextTimeline: true,
      localPosition: { timeline: 1, lsn: lsn(position), isInRecovery: true },
      leaderTimelines: left1At700,
    });

const demotion: readonly DecisionCase[] = [
  {
    name: 'T155: the section is added while this member leads',
    given: demoted(),
    expect: {
      rules: ['holder/renew-lock', 'follow/demote-cluster'],
      reason: CANNOT,
      actions: ['start-job demote demote-cluster'],
      memory: { rewind: 'check' },
      through: ['holder/standby-leader'],
      beside: ['follow/demote', 'holder/primary'],
    },
  },
  {
    name: 'the section is added in maintenance mode: nothing is stopped',
    given: demoted().paused(),
    expect: {
      rules: ['follow/paused-primary'],
      reason: 'continue to run as primary without lock',
      actions: ['set-role primary'],
      beside: ['follow/demote-cluster'],
    },
  },
  {
    name: 'the section is added and the lock is lost in the same cycle',
    given: demoted().losingLock(),
    expect: {
      rules: ['holder/lock-lost-primary'],
      reason: 'demoted self because failed to update leader lock in DCS',
      actions: ['drop-lease', 'cancel-job', 'start-job demote immediate-nolock'],
      beside: ['follow/demote-cluster'],
    },
  },
  {
    name: 'a primary that gets the key of a standby cluster is taken down in good order',
    given: leaderless().asPrimary().standbyCluster(),
    expect: {
      rules: ['race/primary', 'follow/demote-cluster'],
      reason: CANNOT,
      actions: ['acquire-lock', 'start-job demote demote-cluster'],
      memory: { rewind: 'check' },
    },
  },
  {
    name: 'the lock is kept while the server is taken down',
    given: demoted().job({ kind: 'demote', mode: 'demote-cluster', request: undefined }),
    expect: {
      rules: ['busy/renew-lock', 'busy/lock-kept'],
      reason: 'updated leader lock during demoting to a standby cluster',
      beside: ['busy/fencing'],
    },
  },
  {
    name: 'the lock is lost while the server is taken down: no more time is given',
    given: demoted().losingLock().job({ kind: 'demote', mode: 'demote-cluster', request: undefined }),
    expect: {
      rules: ['busy/renew-lock', 'busy/lock-lost-as-primary'],
      reason: 'lost leader lock during demoting to a standby cluster',
      actions: ['drop-lease', 'cancel-job', 'start-job demote immediate-nolock'],
      beside: ['busy/fencing'],
    },
  },
  {
    name: 'the former primary holds the key and is stopped: it starts as standby leader',
    given: demoted().stopped('stopped', 'demoted').remember({ rewind: 'check' }),
    expect: {
      rules: ['stopped/standby-leader'],
      reason: 'starting as a standby leader because i had the session lock',
      actions: ['disarm-watchdog', 'start-job start-standby remote_member standby_leader'],
      beside: ['stopped/restart-crashed-primary', 'stopped/read-only-with-lock'],
    },
  },
];

const timelines: readonly DecisionCase[] = [
  {
    name: 'a history file of the next timeline has come, and the server can go there',
    given: withHistoryFile(600),
    expect: {
      rules: ['follow/remote-has-newer-timeline', 'divergence/check', 'follow/steady'],
      reason: everyday,
      memory: { rewind: 'not-need' },
      beside: ['divergence/rewind'],
    },
  },
  {
    name: 'a history file of the next timeline has come, and the server is beyond the fork',
    given: withHistoryFile(800),
    expect: {
      rules: ['follow/remote-has-newer-timeline', 'divergence/check', 'divergence/rewind'],
      reason: 'running pg_rewind from remote_member',
      actions: ['start-job rewind remote_member'],
      beside: ['divergence/source-not-usable-just-now'],
    },
  },
  {
    name: 'no history file of the next timeline',
    given: standbyLeader().member('a', { timeline: 1 }),
    expect: { rules: ['follow/steady'], reason: everyday, memory: { rewind: 'initial' } },
  },
  {
    name: 'a history file in a cluster of its own says nothing',
    given: healthyStandby().member('b', { timeline: 1 }).answering({ hasNextTimeline: true }),
    expect: {
      rules: ['follow/steady'],
      reason: 'no action. I am (a), a secondary, and following a leader (b)',
      beside: ['follow/remote-has-newer-timeline'],
    },
  },
  {
    name: 'a rewind that failed is not tried again by the same history file',
    given: withHistoryFile(800).remember({ rewind: 'failed' }),
    expect: { rules: ['follow/steady'], reason: everyday, beside: ['follow/remote-has-newer-timeline'] },
  },
  {
    name: 'the source of a rewind could not be used a moment ago',
    given: standbyLeader().stopped().remember({ rewind: 'need', rewindPutOffAt: NOW }),
    expect: {
      rules: ['divergence/source-not-usable-just-now'],
      reason: 'waiting until remote_member can be used for pg_rewind',
      beside: ['divergence/rewind'],
    },
  },
  {
    name: 'the source of a rewind could not be used a while ago',
    given: standbyLeader()
      .stopped()
      .remember({ rewind: 'need', rewindPutOffAt: milliseconds(NOW - 60_000) }),
    expect: {
      rules: ['divergence/rewind'],
      reason: 'running pg_rewind from remote_member',
      actions: ['start-job rewind remote_member'],
      beside: ['divergence/source-not-usable-just-now'],
    },
  },
];

const needed = (localHistory: readonly HistoryLine[], theirs: number): Scene =>
  standbyLeader()
    .stopped('stopped', 'demoted')
    .remember({ rewind: 'check' })
    .answering({
      localPosition: { timeline: 2, lsn: lsn(900), isInRecovery: false },
      localHistory,
      leaderTimelines: {
        ...left1At700,
        timeline: theirs,
        history: theirs === 3 ? [...left1At700.history, { timeline: 2, lsn: lsn(5000), reason: '' }] : left1At700.history,
      },
    });
const begins = (position: number): readonly HistoryLine[] => [{ timeline: 1, lsn: lsn(position), reason: '' }];

const sideBySide: readonly DecisionCase[] = [
  {
    name: 'both clusters promoted to timeline 2, from different positions',
    given: needed(begins(800), 2),
    expect: {
      rules: ['divergence/other-history-of-the-same-number'],
      reason: 'not following timeline 2 because it is of another history: empty the data directory to have it copied anew',
      memory: { rewind: 'check' },
      beside: ['divergence/rewind', 'stopped/standby-leader'],
    },
  },
  {
    name: 'timeline 2 is the same here and there',
    given: needed(begins(700), 2),
    expect: {
      rules: ['divergence/check', 'stopped/standby-leader'],
      reason: 'starting as a standby leader because i had the session lock',
      actions: ['disarm-watchdog', 'start-job start-standby remote_member standby_leader'],
      beside: ['divergence/other-history-of-the-same-number'],
    },
  },
  {
    name: 'timeline 2 of both began elsewhere, but the other cluster is on 3 by now: pg_rewind can tell them apart',
    given: needed(begins(800), 3),
    expect: {
      rules: ['divergence/check', 'divergence/rewind'],
      reason: 'running pg_rewind from remote_member',
      actions: ['start-job rewind remote_member'],
    },
  },
];

const newUpstream = (): Scene => standbyLeader().answering({ recovery: { change: true, restart: false } });

const following: readonly DecisionCase[] = [
  {
    name: 'before the server outside is followed its history is compared',
    given: newUpstream().answering({
      localPosition: { timeline: 2, lsn: lsn(900), isInRecovery: true },
      localHistory: begins(800),
      leaderTimelines: left1At700,
    }),
    expect: {
      rules: ['follow/compare', 'follow/compare-with-remote-first', 'divergence/other-history-of-the-same-number'],
      reason: 'not following timeline 2 because it is of another history: empty the data directory to have it copied anew',
      beside: ['follow/reload'],
    },
  },
  {
    name: 'a server outside that can’t be asked is followed all the same',
    given: newUpstream(),
    expect: {
      rules: ['follow/compare-with-remote-first', 'follow/reload'],
      reason: everyday,
      actions: ['reload-recovery remote_member standby_leader'],
      memory: { rewind: 'check' },
    },
  },
  {
    name: 'a member is followed without delay',
    given: healthyStandby()
      .standbyCluster()
      .answering({ recovery: { change: true, restart: false } }),
    expect: {
      rules: ['follow/reload'],
      reason: 'no action. I am (a), a secondary, and following a standby leader (b)',
      actions: ['reload-recovery b replica'],
      beside: ['follow/compare-with-remote-first'],
    },
  },
];

const withoutData: readonly DecisionCase[] = [
  {
    name: 'all data of a standby cluster are gone: they are copied from outside',
    given: leaderless().standbyCluster().emptyDirectory().member('b', { state: 'stopped' }).member('c', { state: 'stopped' }),
    expect: {
      rules: ['data-directory/clone-from-remote'],
      reason: 'trying to bootstrap from remote member',
      actions: ['disarm-watchdog', 'start-job clone from remote member'],
      memory: { rewind: 'initial' },
      beside: ['data-directory/wait-for-leader'],
    },
  },
  {
    name: 'another member of the standby cluster runs: it will lead',
    given: leaderless().standbyCluster().emptyDirectory().member('b', { state: 'stopped' }),
    expect: {
      rules: ['data-directory/wait-for-leader'],
      reason: 'waiting for standby_leader to bootstrap',
      actions: ['disarm-watchdog'],
      beside: ['data-directory/clone-from-remote'],
    },
  },
];

export const standbyClusterCases: readonly DecisionCase[] = [...demotion, ...timelines, ...sideBySide, ...following, ...withoutData];
