import { LockKeeper } from '../../agent/lock-keeper.js';
import { isPrimary } from '../../ha/observation.js';
import { override } from '../override.js';
import type { Mutation } from './mutation.js';

/** Defects of the leader lock, its lease and its keys. */
export const LOCK_MUTATIONS: readonly Mutation[] = [
  {
    name: 'renewals-always-succeed',
    what: 'The keeper is told that its lock was renewed, whatever the store says or does not say.',
    ports: (ports) => ({
      ...ports,
      dcs: override(ports.dcs, {
        renewLeaderLock: async (leader, options) => {
          await ports.dcs.renewLeaderLock(leader, options).catch(() => 'lost');
          return 'renewed';
        },
      }),
    }),
  },
  {
    name: 'silence-counts-as-renewed',
    what: 'A renewal without answer counts as a renewal.',
    ports: (ports) => ({
      ...ports,
      dcs: override(ports.dcs, {
        renewLeaderLock: (leader, options) => ports.dcs.renewLeaderLock(leader, options).catch(() => 'renewed' as const),
      }),
    }),
  },
  {
    name: 'renewal-without-compare',
    what: 'A renewal writes the own name without looking whose the key is.',
    ports: (ports, store) => ({
      ...ports,
      dcs: override(ports.dcs, {
        renewLeaderLock: async (leader, options) => {
          const outcome = await ports.dcs.renewLeaderLock(leader, options);
          if (outcome === 'lost') store.steal();
          return 'renewed';
        },
      }),
    }),
  },
  {
    name: 'lock-is-stolen',
    what: 'Taking the lock overwrites its owner.',
    ports: (ports, store) => ({
      ...ports,
      dcs: override(ports.dcs, {
        acquireLeaderLock: async (options) => {
          const outcome = await ports.dcs.acquireLeaderLock(options);
          if (outcome === 'held-by-other') store.steal();
          return 'acquired';
        },
      }),
    }),
  },
  {
    name: 'lock-deleted-blindly',
    what: 'Releasing the lock deletes the key without looking whose it is.',
    ports: (ports, store) => ({
      ...ports,
      dcs: override(ports.dcs, {
        releaseLeaderLock: async (leader, options) => {
          const isDone = await ports.dcs.releaseLeaderLock(leader, options);
          if (!isDone) store.deleteLock();
          return true;
        },
      }),
    }),
  },
  {
    name: 'lease-counted-from-the-answer',
    what: 'The own lease begins with the answer, not before the request.',
    methods: [
      {
        of: LockKeeper.prototype,
        name: 'hold',
        replace: (original, self) => original((self as { o: { clock: { monotonic(): number } } }).o.clock.monotonic()),
      },
    ],
  },
  {
    name: 'lease-end-is-not-watched',
    what: 'No timer fences when the own lease ends between two cycles.',
    methods: [{ of: LockKeeper.prototype, name: 'expire', replace: () => undefined }],
  },
  {
    name: 'primary-stays-beside-another-leader',
    what: 'A primary that sees the lock of another member goes on.',
    rules: {
      'follower/follow-leader': (evaluate) => (o, memory) => (isPrimary(o) ? { reason: 'no action', actions: [] } : evaluate(o, memory)),
    },
  },
  {
    name: 'initialize-is-not-exclusive',
    what: 'Whoever finds no cluster initialises one, whoever else does.',
    ports: (ports) => ({
      ...ports,
      dcs: override(ports.dcs, {
        writeInitialize: async (value, mode, options) => {
          await ports.dcs.writeInitialize(value, mode, options);
          return true;
        },
      }),
    }),
  },
  {
    name: 'member-key-is-not-written',
    what: 'A member does not say where it can be reached.',
    ports: (ports) => ({ ...ports, dcs: override(ports.dcs, { touchMember: async () => true }) }),
  },
  {
    name: 'history-is-not-written',
    what: '`/history` is never written.',
    ports: (ports) => ({ ...ports, dcs: override(ports.dcs, { writeHistory: async () => true }) }),
  },
  {
    name: 'agent-falls-silent',
    what: 'An agent stops deciding after a while, without an error.',
    ports: (ports) => {
      let readings = 0;
      const load: typeof ports.dcs.load = (options) => (++readings > 60 ? new Promise(() => undefined) : ports.dcs.load(options));
      return { ...ports, dcs: override(ports.dcs, { load }) };
    },
  },
];
