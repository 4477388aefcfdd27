import { LSN_ZERO } from '../../base/lsn.js';
import { isRunning } from '../../cluster/member.js';
import { isValidSystemId } from '../../cluster/view.js';
import { type Action, log } from '../decision.js';
import { hasLock, type KnownObservation } from '../observation.js';
import { ask, conclude, type Rule, rule } from '../rule.js';
import { cloneSource, remoteMember } from '../upstream.js';

/** A refusal, or silence while nothing runs. A running server is not stopped because its disk was slow for a moment. */
function inaccessible(o: KnownObservation) {
  const { dataDirectory, isProcessRunning } = o.postgres;
  return dataDirectory.kind === 'inaccessible' && !(dataDirectory.isSilent === true && isProcessRunning) ? dataDirectory : undefined;
}

const isEmpty = (o: KnownObservation): boolean => o.postgres.dataDirectory.kind === 'empty';

/**
 * A leader has published its position or a history, and the key `initialize` is gone: somebody deleted it. The data may come back,
 * and a new cluster under the same name would shut them out.
 */
function hasLostItsKey(o: KnownObservation): boolean {
  const { leader, initialize, status, history } = o.cluster.view;
  return leader === undefined && initialize === undefined && (status.lastLsn > LSN_ZERO || (history?.lines.length ?? 0) > 0);
}

const LOST_KEY =
  'the store has a position or a history of this cluster and no key initialize: no new cluster is made beside it. Start a member that has data, or patronictl remove the cluster to begin anew';

/** A server without its directory is stopped at once; nothing that it answers can be trusted. */
function withoutDirectory(o: KnownObservation): readonly Action[] {
  const actions: Action[] = [];
  if (o.postgres.isProcessRunning) actions.push({ kind: 'stop-server', mode: 'immediate', timeoutMs: o.config.retryTimeoutMs });
  const { dataDirectory, role } = o.postgres;
  const isSilent = dataDirectory.kind === 'inaccessible' && dataDirectory.isSilent === true;
  if (role !== 'uninitialized' && !isSilent) actions.push({ kind: 'set-role', role: 'uninitialized' });
  actions.push({ kind: 'disarm-watchdog' });
  return actions;
}

/** There is no data, or nobody can get at it (ha.md §13.1). */
export const dataDirectory: readonly Rule<KnownObservation>[] = [
  rule({
    id: 'data-directory/holder-is-empty',
    why: 'A leader without data leads nobody.',
    match: (o) => isEmpty(o) && hasLock(o),
    decide: (_, o) =>
      conclude('released leader key voluntarily as data dir empty and currently leader', [
        ...withoutDirectory(o),
        { kind: 'release-lock', lastLsn: undefined, publish: true },
      ]),
  }),
  rule({
    id: 'data-directory/holder-is-inaccessible',
    why: 'A leader that can’t read its data leads nobody.',
    match: (o) => hasLock(o) && inaccessible(o) !== undefined,
    decide: (_, o) =>
      conclude('released leader key voluntarily as data dir not accessible and currently leader', [
        ...withoutDirectory(o),
        { kind: 'release-lock', lastLsn: undefined, publish: true },
      ]),
  }),
  rule({
    id: 'data-directory/inaccessible',
    why: 'Nothing can be done without the directory.',
    match: inaccessible,
    decide: ({ error }, o) => conclude(`data directory is not accessible: ${error}`, withoutDirectory(o)),
  }),
  rule({
    id: 'data-directory/paused',
    why: 'In maintenance mode nothing is created.',
    match: (o) => isEmpty(o) && o.config.isPaused,
    decide: (_, o) => conclude('running with empty data directory', withoutDirectory(o)),
  }),
  rule({
    id: 'data-directory/race-to-initialise',
    why: 'Only the creator of the initialize key bootstraps: one system identifier a cluster.',
    match: (o) => {
      const { view } = o.cluster;
      const isFree = o.facts.isInitializeWritten !== undefined || (view.initialize === undefined && !hasLostItsKey(o));
      const isVirgin = isEmpty(o) && view.leader === undefined && isFree;
      return isVirgin && !o.policy.traits.nofailover && o.policy.hasBootstrapSection;
    },
    decide: (_, o) => {
      if (o.facts.isInitializeWritten === undefined) return ask({ kind: 'write-initialize', mode: 'create', value: '' });
      if (!o.facts.isInitializeWritten) return conclude('failed to acquire initialize lock', withoutDirectory(o));
      const sentence =
        o.config.standbyCluster === undefined ? 'trying to bootstrap a new cluster' : 'trying to bootstrap a new standby leader';
      return conclude(sentence, [...withoutDirectory(o), { kind: 'start-job', job: { kind: 'bootstrap' } }], {
        remember: { bootstrap: 'initialising' },
      });
    },
  }),
  rule({
    id: 'data-directory/clone',
    why: 'A member without data becomes a copy of the cluster.',
    match: (o) => (isEmpty(o) ? cloneSource(o) : undefined),
    decide: (from, o) =>
      conclude(
        `trying to bootstrap ${from.description}`,
        [...withoutDirectory(o), { kind: 'start-job', job: { kind: 'clone', ...from } }],
        {
          remember: { rewind: 'initial' },
        },
      ),
  }),
  rule({
    id: 'data-directory/clone-from-remote',
    why: 'Nobody of a standby cluster has data any more, but the server outside has them all.',
    match: (o) => {
      const { leader, initialize, members } = o.cluster.view;
      const isAlone = leader === undefined && !members.some((member) => member.name !== o.me && isRunning(member));
      const source = isEmpty(o) && isAlone && isValidSystemId(initialize) ? remoteMember(o) : undefined;
      return source?.connUrl === undefined ? undefined : source;
    },
    decide: (source, o) =>
      conclude(
        'trying to bootstrap from remote member',
        [...withoutDirectory(o), { kind: 'start-job', job: { kind: 'clone', source, description: 'from remote member' } }],
        { remember: { rewind: 'initial' } },
      ),
  }),
  rule({
    id: 'data-directory/clone-without-leader',
    why: 'A backup tool may know how to begin before there is a leader.',
    match: (o) => isEmpty(o) && o.cluster.view.leader === undefined && o.policy.hasLeaderlessMethod && o.cluster.view.initialize !== '',
    decide: (_, o) => {
      // In a standby cluster the methods are those of its section.
      const remote = remoteMember(o);
      const source = remote === undefined ? undefined : { ...remote, connUrl: undefined };
      return conclude('trying to bootstrap (without leader)', [
        ...withoutDirectory(o),
        { kind: 'start-job', job: { kind: 'clone', source, description: '(without leader)' } },
      ]);
    },
  }),
  rule({
    id: 'data-directory/wait-for-leader',
    why: 'Somebody else has to be first.',
    match: (o) => isEmpty(o),
    decide: (_, o) =>
      conclude(
        `waiting for ${o.config.standbyCluster === undefined ? 'leader' : 'standby_leader'} to bootstrap`,
        [...withoutDirectory(o), ...(hasLostItsKey(o) ? [log('warning', LOST_KEY)] : [])],
        { wakeOnMembers: true },
      ),
  }),
];
