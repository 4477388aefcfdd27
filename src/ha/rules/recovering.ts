import { isRewindPending } from '../memory.js';
import { hasLock, type KnownObservation } from '../observation.js';
import { conclude, type Rule, rule } from '../rule.js';

/** A start that was ordered has ended (ha.md §4.2 row 4). */
export const recovering: readonly Rule<KnownObservation>[] = [
  rule({
    id: 'recovering/failed-with-lock',
    why: 'The server can’t be started: the lock is for somebody who can.',
    match: (o, memory) => memory.isRecovering && !isRewindPending(memory) && !o.postgres.isProcessRunning && hasLock(o),
    decide: (_, o) => {
      const wasLeading = o.postgres.role === 'primary' || o.postgres.role === 'standby_leader';
      return conclude(
        'removed leader key after trying and failing to start postgres',
        [
          { kind: 'disarm-watchdog' },
          ...(wasLeading
            ? ([
                { kind: 'set-role', role: 'demoted' },
                { kind: 'callback', action: 'on_role_change' },
              ] as const)
            : []),
          { kind: 'release-lock', lastLsn: undefined, publish: false },
        ],
        { remember: { isRecovering: false, startFailedAt: o.now } },
      );
    },
  }),
  rule({
    id: 'recovering/failed',
    why: 'The next cycle tries again.',
    match: (o, memory) => memory.isRecovering && !isRewindPending(memory) && !o.postgres.isProcessRunning,
    decide: (_, o) =>
      conclude('failed to start postgres', [{ kind: 'disarm-watchdog' }], { remember: { isRecovering: false, startFailedAt: o.now } }),
  }),
  rule({
    id: 'recovering/done',
    why: 'The episode is over; what it left behind counts no more.',
    match: (_, memory) => memory.isRecovering,
    decide: (_, o, memory) => ({
      reason: '',
      actions: [],
      goOn: true,
      remember: {
        isRecovering: false,
        startFailedAt: o.postgres.isProcessRunning ? undefined : o.now,
        crashRecoveryStartedAt: undefined,
        rewind: memory.rewind === 'success' ? 'initial' : memory.rewind,
      },
    }),
  }),
];
