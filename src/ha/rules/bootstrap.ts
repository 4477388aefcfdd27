import { log } from '../decision.js';
import { isBootstrapping, type Memory } from '../memory.js';
import { isPrimary, type KnownObservation } from '../observation.js';
import { ask, conclude, type Rule, rule, type Verdict } from '../rule.js';

/** Gives the bootstrap up: the key goes, the data are set aside, the agent ends (ha.md §13.4 row 1). */
function cancel(o: KnownObservation, ...why: readonly string[]): Verdict {
  return conclude(
    'Failed to bootstrap cluster',
    [
      ...why.map((line) => log('error', line)),
      log('info', 'removing initialize key after failed attempt to bootstrap the cluster'),
      { kind: 'delete-initialize' },
      { kind: 'stop-server', mode: 'immediate', timeoutMs: o.config.retryTimeoutMs },
      { kind: 'move-data-directory-aside' },
      { kind: 'exit', code: 1, message: 'Failed to bootstrap cluster', stopServer: true },
    ],
    { remember: { bootstrap: 'none' } },
  );
}

const isIn = (memory: Memory, ...states: readonly Memory['bootstrap'][]): boolean =>
  isBootstrapping(memory) && states.includes(memory.bootstrap);

/** This member initialises the cluster, and no job runs (ha.md §13.4). */
export const bootstrap: readonly Rule<KnownObservation>[] = [
  rule({
    id: 'bootstrap/failed',
    why: 'Half a cluster is none; the next attempt must find clean ground.',
    match: (o, memory) =>
      isIn(memory, 'failed') || (isIn(memory, 'initialised', 'post-bootstrap-done', 'initialising') && !o.postgres.isProcessRunning),
    decide: (_, o) => cancel(o),
  }),
  rule({
    id: 'bootstrap/recovering',
    why: 'A restored backup has to reach its end first.',
    match: (o, memory) => isIn(memory, 'initialised', 'initialising') && !isPrimary(o),
    decide: () => conclude('waiting for end of recovery after bootstrap'),
  }),
  rule({
    id: 'bootstrap/post-bootstrap',
    why: 'Roles and the operator’s script, before anybody may connect through a load balancer.',
    match: (_, memory) => isIn(memory, 'initialised', 'initialising'),
    decide: () =>
      conclude('running post_bootstrap', [
        { kind: 'set-role', role: 'primary' },
        { kind: 'start-job', job: { kind: 'post-bootstrap' } },
      ]),
  }),
  rule({
    id: 'bootstrap/activate-watchdog',
    why: 'As for every primary.',
    match: (o, memory) =>
      isIn(memory, 'post-bootstrap-done') && isPrimary(o) && o.watchdog.needsActivation && o.facts.isWatchdogActive === undefined,
    decide: () => ask({ kind: 'activate-watchdog' }),
  }),
  rule({
    id: 'bootstrap/watchdog-failed',
    why: 'As for every primary.',
    match: (o, memory) => isIn(memory, 'post-bootstrap-done') && o.facts.isWatchdogActive === false,
    decide: (_, o) => cancel(o, 'Cancelling bootstrap because watchdog activation failed'),
  }),
  rule({
    id: 'bootstrap/finish',
    why: 'The cluster exists from here on.',
    match: (_, memory) => isIn(memory, 'post-bootstrap-done'),
    decide: (_, o) =>
      conclude(
        'initialized a new cluster',
        [
          {
            kind: 'write-initialize',
            mode: o.cluster.view.initialize === undefined ? 'create' : 'overwrite',
            value: o.postgres.systemId ?? '',
          },
          { kind: 'write-config' },
          { kind: 'take-lock' },
          { kind: 'callback', action: 'on_start' },
          // A standby leader has no timeline of its own.
          ...(isPrimary(o) ? [{ kind: 'checkpoint-after-promote' } as const] : []),
          { kind: 'reload-view' },
        ],
        // The slots of members that wait to copy this server are due now, not a loop_wait later.
        { remember: { bootstrap: 'none' }, wakeAt: o.now },
      ),
  }),
];
