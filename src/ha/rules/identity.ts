import { isValidSystemId } from '../../cluster/view.js';
import { type Action, log } from '../decision.js';
import { hasLock, isPrimary, type KnownObservation } from '../observation.js';
import { conclude, type Rule, rule } from '../rule.js';
import { demoteActions } from './demote.js';

const ids = (o: KnownObservation) => ({ cluster: o.cluster.view.initialize, own: o.postgres.systemId });

/** These data are of another cluster. */
export const isForeign = (o: KnownObservation): boolean => {
  const { cluster, own } = ids(o);
  return isValidSystemId(cluster) && isValidSystemId(own) && cluster !== own;
};

/** There is a cluster that may have, or get, another primary. */
const isClusterKnown = (o: KnownObservation): boolean => o.cluster.view.leader !== undefined || isValidSystemId(o.cluster.view.initialize);

/** Does this data directory belong to this cluster (ha.md §4.2 rows 6 to 8b)? */
export const identity: readonly Rule<KnownObservation>[] = [
  rule({
    id: 'identity/unidentified-primary',
    why: 'Two primaries must never accept writes, whatever can be told of their data.',
    match: (o) => !isValidSystemId(o.postgres.systemId) && isPrimary(o) && !hasLock(o) && !o.config.isPaused && isClusterKnown(o),
    decide: () => conclude('demoting self because I do not have the lock and my system ID is invalid', demoteActions('immediate-nolock')),
  }),
  rule({
    id: 'identity/no-system-id',
    why: 'Data that can’t be identified is not touched. A primary that runs under the lock goes on: the lock must not run out.',
    match: (o) => !isValidSystemId(o.postgres.systemId) && !(isPrimary(o) && hasLock(o)),
    decide: () => conclude('data dir for the cluster is not empty, but system ID is invalid; consider doing reinitialize'),
  }),
  rule({
    id: 'identity/paused-mismatch-holder',
    why: 'The lock of a cluster is not for the server of another one.',
    match: (o) => isForeign(o) && o.config.isPaused && hasLock(o),
    decide: (_, o) =>
      conclude('released leader key voluntarily due to the system ID mismatch', [
        log('warning', mismatchWarning(o)),
        { kind: 'release-lock', lastLsn: undefined, publish: true },
      ]),
  }),
  rule({
    id: 'identity/mismatch',
    why: 'A wrong directory or a wrong scope: acting would destroy one of two clusters.',
    match: (o) => isForeign(o) && !o.config.isPaused,
    decide: (_, o) => {
      const { cluster, own } = ids(o);
      const message = `system ID mismatch, node ${o.me} belongs to a different cluster: ${cluster} != ${own}`;
      const hint =
        'either data_dir or scope/namespace of this member is wrong, or the cluster was re-created: to join it, empty the data directory; to keep these data, give the member another scope';
      return conclude(message, [log('error', hint), { kind: 'exit', code: 1, message, stopServer: true }]);
    },
  }),
  rule({
    id: 'identity/running-standby-without-cluster',
    why: 'A standby does not know whether its primary is the newest: the primary’s agent has to come first.',
    match: (o) => isFirstContact(o) && o.postgres.isProcessRunning && !isPrimary(o) && o.postgres.status.kind === 'known',
    decide: () => {
      const message = 'No initialize key in DCS and PostgreSQL is running as replica, aborting start';
      return conclude(message, [
        log('error', message),
        log('error', 'Please first start Patroni on the node running as primary'),
        { kind: 'exit', code: 1, message, stopServer: false },
      ]);
    },
  }),
  rule({
    id: 'identity/adopt',
    why: 'Existing data become a cluster.',
    match: (o) => isFirstContact(o) && o.facts.isInitializeWritten === undefined && isValidSystemId(o.postgres.systemId),
    decide: (_, o) => ({
      reason: '',
      actions: [
        {
          kind: 'write-initialize',
          mode: o.cluster.view.initialize === undefined ? 'create' : 'overwrite',
          value: o.postgres.systemId ?? '',
        },
        { kind: 'reload-view' },
      ],
      goOn: true,
    }),
  }),
];

function isFirstContact(o: KnownObservation): boolean {
  return (
    !isValidSystemId(o.cluster.view.initialize) && o.cluster.view.leader === undefined && !o.config.isPaused && !o.postgres.isTakenOver
  );
}

/** What is said in each cycle of maintenance mode of a server of another cluster, which goes on as any other. */
export function pausedMismatch(o: KnownObservation): readonly Action[] {
  return o.config.isPaused && isForeign(o) && !hasLock(o) ? [log('warning', mismatchWarning(o))] : [];
}

function mismatchWarning(o: KnownObservation): string {
  const { cluster, own } = ids(o);
  return `system ID has changed while in paused mode. Patroni will exit when resuming unless system ID is reset: ${cluster} != ${own}`;
}
