import { isSyncEmpty } from '../../cluster/sync-state.js';
import { type Action, log } from '../decision.js';
import { promisedTo } from '../failsafe.js';
import { hasLock, isPrimary, type KnownObservation, mayBecomePrimary } from '../observation.js';
import { armed } from '../rewind.js';
import { ask, conclude, type Rule, rule } from '../rule.js';
import { isSucceeded, staleTimeline } from '../succession.js';
import { demoteActions } from './demote.js';
import { follow } from './follow.js';
import { manualRequest } from './manual-request.js';

const isStandbyCluster = (o: KnownObservation): boolean => o.config.standbyCluster !== undefined;

/** What a new leader says instead of its everyday sentence. */
function sentence(o: KnownObservation, everyday: string, acquired: string): string {
  return o.facts.acquire === 'acquired' ? acquired : everyday;
}

/** Last in its cycle: it may have to wait for the store, and a step that fails leaves the rest for the next cycle. */
function syncUpkeep(o: KnownObservation): readonly Action[] {
  return o.config.synchronousMode !== 'off' || !isSyncEmpty(o.cluster.view.sync) ? [{ kind: 'maintain-sync' }] : [];
}

/** This member holds the lock (ha.md §8 rows 1–3, §8.1, §9). */
export const holder: readonly Rule<KnownObservation>[] = [
  rule({
    id: 'holder/promised-failsafe',
    why: 'The store gave the key late, after this member had let a primary go on without store.',
    match: (o) => (hasLock(o) && !isPrimary(o) ? promisedTo(o) : undefined),
    decide: ({ name }, o) =>
      // A promotion that was told already can't be taken back: its server is stopped, and the key given away after that.
      mayBecomePrimary(o)
        ? conclude(`demoting self because ${name} leads in failsafe mode`, demoteActions('immediate'))
        : conclude(`released leader key because ${name} leads in failsafe mode`, [
            { kind: 'release-lock', lastLsn: undefined, publish: false },
          ]),
  }),
  rule({
    id: 'holder/paused-waiting-for-promotion',
    why: 'The operator promotes by hand; the lock is kept for that.',
    match: (o) =>
      hasLock(o) && o.config.isPaused && !isPrimary(o) && o.cluster.view.failover?.candidate === o.me && o.facts.acquire === undefined,
    decide: () => conclude('waiting to become primary after promote...'),
  }),
  rule({
    id: 'holder/paused-not-primary',
    why: 'In maintenance mode a lock without a primary only blocks others.',
    match: (o) => hasLock(o) && o.config.isPaused && !isPrimary(o) && !isStandbyCluster(o) && o.facts.acquire === undefined,
    decide: () =>
      conclude('removed leader lock because postgres is not running as primary', [
        { kind: 'release-lock', lastLsn: undefined, publish: false },
      ]),
  }),
  rule({
    id: 'holder/renew-lock',
    why: 'The first slow step of every cycle of a leader: the lock, with the position that candidates are measured by.',
    match: (o) => hasLock(o) && o.facts.lock === undefined && o.facts.acquire !== 'acquired',
    decide: () => ask({ kind: 'renew-lock', withStatus: true }),
  }),
  rule({
    id: 'holder/lock-lost-paused',
    why: 'In maintenance mode nothing is stopped.',
    match: (o) => hasLock(o) && o.facts.lock === 'lost' && isPrimary(o) && o.config.isPaused,
    decide: () => conclude('continue to run as primary after failing to update leader lock in DCS', [{ kind: 'drop-lease' }]),
  }),
  rule({
    id: 'holder/lock-lost-primary',
    why: 'The store said that the lock is not ours: somebody else may be promoted this moment.',
    match: (o) => hasLock(o) && o.facts.lock === 'lost' && mayBecomePrimary(o),
    decide: () =>
      conclude('demoted self because failed to update leader lock in DCS', [
        log('error', 'failed to update leader lock'),
        ...demoteActions('immediate-nolock'),
      ]),
  }),
  rule({
    id: 'holder/lock-lost-standby',
    why: 'Without lock nobody is promoted.',
    match: (o) => hasLock(o) && o.facts.lock === 'lost',
    decide: () => conclude('not promoting because failed to update leader lock in DCS', [{ kind: 'drop-lease' }]),
  }),
  rule({
    id: 'holder/manual-request',
    why: 'An operator asks for another leader.',
    match: (o, memory) => (hasLock(o) && o.facts.acquire !== 'acquired' ? manualRequest(o, memory) : undefined),
    decide: (verdict) => verdict,
  }),
  rule({
    id: 'holder/standby-leader',
    why: 'The leader of a standby cluster follows the server outside.',
    match: (o, memory) => {
      if (!hasLock(o) || !isStandbyCluster(o)) return undefined;
      const isLeading = o.postgres.role === 'standby_leader';
      const everyday = isLeading
        ? `no action. I am (${o.me}), the standby leader with the lock`
        : 'promoted self to a standby leader because i had the session lock';
      return follow(o, memory, {
        demote: 'cannot be a real primary in standby cluster',
        follow: sentence(o, everyday, 'promoted self to a standby leader by acquiring session lock'),
      });
    },
    decide: (verdict) => verdict,
  }),
  rule({
    id: 'holder/succeeded-primary',
    why: 'While this primary asked for the lock somebody else led, or was about to, which the view from before does not show.',
    match: (o) => hasLock(o) && o.facts.acquire === 'acquired' && !o.config.isPaused && (isSucceeded(o) || staleTimeline(o) !== undefined),
    decide: (_, o, memory) =>
      conclude('demoting self because somebody else led meanwhile', demoteActions('immediate'), { remember: { rewind: armed(memory, o) } }),
  }),
  rule({
    id: 'holder/activate-watchdog',
    why: 'Nobody runs as primary without the timer that was asked for.',
    match: (o) => hasLock(o) && !o.config.isPaused && o.watchdog.needsActivation && o.facts.isWatchdogActive === undefined,
    decide: () => ask({ kind: 'activate-watchdog' }),
  }),
  rule({
    id: 'holder/watchdog-failed-primary',
    why: 'As the row above.',
    match: (o) => hasLock(o) && !o.config.isPaused && o.facts.isWatchdogActive === false && isPrimary(o),
    decide: () => conclude('Demoting self because watchdog could not be activated', demoteActions('immediate')),
  }),
  rule({
    id: 'holder/watchdog-failed-standby',
    why: 'Another member may have a working watchdog.',
    match: (o) => hasLock(o) && !o.config.isPaused && o.facts.isWatchdogActive === false,
    decide: () =>
      conclude('Not promoting self because watchdog could not be activated', [{ kind: 'release-lock', lastLsn: undefined, publish: true }]),
  }),
  rule({
    id: 'holder/pre-promote-failed',
    why: 'The script is the operator’s veto; others get their chance for one ttl.',
    // A server that is primary all the same (the operator promoted it) keeps the key: without it there could be a second one.
    match: (o, memory) => hasLock(o) && !o.config.isPaused && memory.isPrePromoteFailed && !isPrimary(o),
    decide: (_, o) =>
      conclude(
        'Promotion cancelled because the pre-promote script failed',
        [
          log('warning', 'Releasing the leader key voluntarily because the pre-promote script failed'),
          { kind: 'release-lock', lastLsn: undefined, publish: true },
        ],
        { remember: { releasedKeyAt: o.now, isPrePromoteFailed: false } },
      ),
  }),
  rule({
    id: 'holder/server-does-not-answer',
    why: 'Slow is not dead: the lock is kept while the process runs, and the next look decides.',
    match: (o) => hasLock(o) && isPrimary(o) && o.postgres.status.kind === 'unavailable',
    decide: () => conclude('Error communicating with PostgreSQL. Will try again later'),
  }),
  rule({
    id: 'holder/primary',
    why: 'The everyday state of a leader.',
    match: (o) => hasLock(o) && isPrimary(o),
    decide: (_, o) =>
      conclude(sentence(o, `no action. I am (${o.me}), the leader with the lock`, 'acquired session lock as a leader'), [
        ...(o.postgres.role === 'primary' ? [] : [{ kind: 'set-role', role: 'primary' } as const]),
        ...syncUpkeep(o),
      ]),
  }),
  rule({
    id: 'holder/promotion-in-flight',
    why: 'pg_ctl was told; the server has not switched yet.',
    match: (o) => hasLock(o) && (o.postgres.role === 'primary' || o.postgres.role === 'promoted') && o.postgres.isProcessRunning,
    decide: (_, o) =>
      conclude(sentence(o, `no action. I am (${o.me}), the leader with the lock`, 'acquired session lock as a leader'), syncUpkeep(o)),
  }),
  rule({
    id: 'holder/prepare-sync',
    why: 'The first commit of a new primary must already wait for whom the next race counts on.',
    match: (o) =>
      hasLock(o) && (o.config.synchronousMode !== 'off' || !isSyncEmpty(o.cluster.view.sync)) && o.facts.isSyncPrepared === undefined,
    decide: () => ask({ kind: 'prepare-sync' }),
  }),
  rule({
    id: 'holder/sync-changed-by-others',
    why: 'Who changed the key may have been promoted on its word.',
    match: (o) => hasLock(o) && o.facts.isSyncPrepared === false,
    decide: () => conclude('Postponing promotion because synchronous replication state was updated by somebody else'),
  }),
  rule({
    id: 'holder/promote',
    why: 'The lock is ours and the server is a standby.',
    match: (o) => hasLock(o),
    decide: (_, o) =>
      conclude(
        sentence(o, 'promoted self to leader because I had the session lock', 'promoted self to leader by acquiring session lock'),
        [{ kind: 'start-job', job: { kind: 'promote' } }],
        { remember: { rewind: 'initial', lastTimeline: undefined, isPrePromoteFailed: false } },
      ),
  }),
];
