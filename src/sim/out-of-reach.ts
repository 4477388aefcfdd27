/** Why no seed reaches a rule, and the test that reaches it instead (a file below the root). */
export interface Excuse {
  readonly why: string;
  readonly test: string;
  /** Chance reaches it once in tens of thousands of seeds: it may be missed, and may be reached. */
  readonly isRare?: boolean;
}

const DELEGATES = 'the row hands over to an inner table, whose row is counted';
const STANDBY_CLUSTER = 'no standby cluster is simulated';
const INITDB = 'the modelled initdb ends with a primary, as a custom method need not';
const LEADERLESS = 'no replica method without a leader is simulated';
const USELESS = 'a modelled server that runs takes writes, or dies of a full disk';
const BEFORE_FAULTS = 'faults begin when the cluster stands';
const NOBODY_ABOVE = 'no simulated member is tagged nostream';
const TOO_SHORT = 'the moment is too short for chance: the key must go while';
const BY_HAND = 'operators of the simulator use the API; they start and promote nothing by hand';

/** A run of many seeds fails when it misses a rule that is not listed here, or reaches one that is. */
export const OUT_OF_REACH: Readonly<Record<string, Excuse>> = {
  'bootstrap/watchdog-failed': { why: BEFORE_FAULTS, test: 'test/decisions/joining.ts' },
  'bootstrap/recovering': { why: INITDB, test: 'test/decisions/joining.ts' },
  'holder/succeeded-primary': {
    why: 'somebody must be elected and go away again between a look at the store and the answer of its lock',
    test: 'test/decisions/holder.ts',
    isRare: true,
  },
  'race/succeeded-primary': {
    why: 'somebody must be elected beside a running primary whose agent is away, and then not become leader',
    test: 'test/decisions/race.ts',
    isRare: true,
  },
  'busy/regain-lock': { why: `${TOO_SHORT} a job runs on a primary in failsafe mode`, test: 'test/decisions/failsafe.ts', isRare: true },
  'busy/lock-lost-before-promotion': { why: `${TOO_SHORT} pre_promote runs`, test: 'test/decisions/server.ts', isRare: true },
  'data-directory/clone-from-remote': { why: STANDBY_CLUSTER, test: 'test/decisions/standby-cluster.ts' },
  'data-directory/clone-without-leader': { why: LEADERLESS, test: 'test/decisions/joining.ts' },
  'dcs-unreachable/watchdog-failed': {
    why: 'the device must go while a primary has no store and still its lease',
    test: 'test/decisions/server.ts',
    isRare: true,
  },
  'divergence/other-history-of-the-same-number': { why: STANDBY_CLUSTER, test: 'test/decisions/standby-cluster.ts' },
  'follow/compare-with-remote-first': { why: STANDBY_CLUSTER, test: 'test/decisions/standby-cluster.ts' },
  'follow/demote-cluster': { why: STANDBY_CLUSTER, test: 'test/decisions/standby-cluster.ts' },
  'follow/divergence': { why: DELEGATES, test: 'test/decisions/follower.ts' },
  'follow/paused-alone': { why: NOBODY_ABOVE, test: 'test/decisions/follower.ts' },
  'follow/remote-has-newer-timeline': { why: STANDBY_CLUSTER, test: 'test/decisions/standby-cluster.ts' },
  'follow/standby-leader': { why: STANDBY_CLUSTER, test: 'test/decisions/holder.ts' },
  'follow/unknown-standby-leader': { why: STANDBY_CLUSTER, test: 'test/decisions/follower.ts' },
  'follower/follow-leader': { why: DELEGATES, test: 'test/decisions/failsafe.ts' },
  'follower/lost-race': { why: DELEGATES, test: 'test/decisions/follower.ts' },
  'follower/standby-cluster': { why: DELEGATES, test: 'test/decisions/follower.ts' },
  'holder/manual-request': { why: DELEGATES, test: 'test/decisions/holder.ts' },
  'holder/promised-failsafe': {
    why: 'the answer to a request for the key must be late by the time that a round of failsafe takes',
    test: 'test/decisions/failsafe.ts',
    isRare: true,
  },
  'holder/standby-leader': { why: STANDBY_CLUSTER, test: 'test/decisions/holder.ts' },
  'starting/lock-lost': { why: `${TOO_SHORT} a primary with it starts`, test: 'test/decisions/server.ts', isRare: true },
  'starting/manual-request': { why: DELEGATES, test: 'test/decisions/server.ts' },
  'starting/paused-by-hand': { why: BY_HAND, test: 'test/decisions/pause.ts' },
  'stopped/divergence': { why: DELEGATES, test: 'test/decisions/pause.ts' },
  'stopped/leaderless-standby-cluster': { why: STANDBY_CLUSTER, test: 'test/decisions/server.ts' },
  'stopped/standby-leader': { why: STANDBY_CLUSTER, test: 'test/decisions/server.ts' },
  'useless/hand-over': { why: USELESS, test: 'test/decisions/useless.ts' },
  'useless/manual-request': { why: DELEGATES, test: 'test/decisions/useless.ts' },
  'useless/nobody-to-hand-over': { why: USELESS, test: 'test/decisions/useless.ts' },
  'useless/renew-lock': { why: USELESS, test: 'test/decisions/useless.ts' },
};
