import { milliseconds } from '../../src/base/duration.js';
import { at, healthyCluster, healthyStandby, leaderless, lsn, NOW, RUNNING_AS_PRIMARY, type Scene, slot } from '../support/builders.js';
import type { DecisionCase } from './case.js';

const cutOff = () => healthyCluster().failsafe('a', 'b', 'c').dcsUnavailable();
const confirmed = (scene: Scene) => scene.answering({ failsafe: { kind: 'confirmed' } });
const unconfirmed = (scene: Scene) => scene.answering({ failsafe: { kind: 'unconfirmed', missing: ['c'] } });
const GOES_ON = 'continue to run as a leader because failsafe mode is enabled and all members are accessible';
const GIVES_UP = 'demoted self because DCS is not accessible and I was a leader';
const OFFLINE = ['cancel-job', 'start-job demote offline'];
const NOLOCK = ['drop-lease', 'cancel-job', 'start-job demote immediate-nolock'];
const STAYS = 'following a different leader because i am not the healthiest node';
const FOLLOWS_B = 'no action. I am (a), a secondary, and following a leader (b)';
const PROMOTES = {
  rules: ['holder/promote'],
  reason: 'promoted self to leader by acquiring session lock',
  actions: ['acquire-lock', 'start-job promote'],
};

/** The primary's side: going on without store (ha.md §19.2). */
const asking: readonly DecisionCase[] = [
  {
    name: 'T143: all members consent',
    given: confirmed(cutOff()),
    expect: {
      rules: ['dcs-unreachable/ask-members', 'dcs-unreachable/failsafe'],
      reason: GOES_ON,
      beside: ['dcs-unreachable/primary', 'dcs-unreachable/lease-holds', 'dcs-unreachable/other-leader'],
    },
  },
  {
    name: 'one does not consent, and the lease holds',
    given: unconfirmed(cutOff()).leaseLeft(9000),
    expect: {
      rules: ['dcs-unreachable/ask-members', 'dcs-unreachable/lease-holds'],
      reason: 'DCS is not accessible, continuing to run as leader because the lock is confirmed for 9 more seconds',
      beside: ['dcs-unreachable/failsafe', 'dcs-unreachable/other-leader'],
    },
  },
  {
    name: 'T144: one does not consent, and the lease ends with the round',
    given: unconfirmed(cutOff())
      .facts({ failsafe: { kind: 'unconfirmed', missing: ['c'] } })
      .leaseLeft(5000),
    expect: { rules: ['dcs-unreachable/primary'], reason: GIVES_UP, actions: OFFLINE, beside: ['dcs-unreachable/failsafe'] },
  },
  {
    name: 'T150: one leads itself',
    given: cutOff().answering({ failsafe: { kind: 'other-leader', name: 'c' } }),
    expect: {
      rules: ['dcs-unreachable/ask-members', 'dcs-unreachable/other-leader'],
      reason: GIVES_UP,
      actions: NOLOCK,
      log: ['error: c is running as a leader, demoting self'],
      memory: { rewind: 'check' },
    },
  },
  {
    name: 'T145: this member is not in the map, and nobody is asked',
    given: confirmed(healthyCluster().failsafe('b', 'c').dcsUnavailable()).leaseLeft(0),
    expect: { rules: ['dcs-unreachable/primary'], reason: GIVES_UP, actions: OFFLINE, beside: ['dcs-unreachable/ask-members'] },
  },
  {
    name: 'T146: the only member',
    given: confirmed(healthyCluster().failsafe('a').dcsUnavailable()),
    expect: { rules: ['dcs-unreachable/failsafe'], reason: GOES_ON },
  },
  {
    name: 'a lease that is about to end is not worth a round',
    given: confirmed(cutOff()).leaseLeft(5000),
    expect: { rules: ['dcs-unreachable/primary'], reason: GIVES_UP, actions: OFFLINE, beside: ['dcs-unreachable/ask-members'] },
  },
  {
    name: 'the lease ended while the members were asked',
    given: cutOff()
      .facts({ failsafe: { kind: 'confirmed' } })
      .leaseLeft(0),
    expect: { rules: ['dcs-unreachable/primary'], reason: GIVES_UP, actions: OFFLINE, beside: ['dcs-unreachable/failsafe'] },
  },
  {
    name: 'the mode is off',
    given: confirmed(cutOff()).config({}).leaseLeft(0),
    expect: { rules: ['dcs-unreachable/primary'], reason: GIVES_UP, actions: OFFLINE, beside: ['dcs-unreachable/ask-members'] },
  },
  {
    name: 'a standby asks nobody',
    given: confirmed(healthyStandby().failsafe('a', 'b', 'c').dcsUnavailable()),
    expect: { rules: ['dcs-unreachable/standby'], reason: 'DCS is not accessible', beside: ['dcs-unreachable/ask-members'] },
  },
  {
    name: 'maintenance mode asks nobody',
    given: confirmed(cutOff()).paused(),
    expect: { rules: ['dcs-unreachable/paused'], reason: 'DCS is not accessible', beside: ['dcs-unreachable/ask-members'] },
  },
  {
    name: 'slots of cascaded members are moved on by what the members told',
    given: confirmed(
      healthyCluster()
        .member('c', { tags: { replicatefrom: 'b' } })
        .ledBy('a'),
    )
      .failsafe('a', 'b', 'c')
      .config({ failsafe_mode: true, postgresql: { use_slots: true } })
      .telling({ slots: [slot('b', { isActive: true }), slot('c')] })
      .knowing({ positions: new Map([['c', lsn(950)]]) })
      .dcsUnavailable(),
    expect: { rules: ['dcs-unreachable/failsafe'], reason: GOES_ON, actions: ['advance-slot c 950'] },
  },
  {
    name: 'the key ran out meanwhile, the store is back, and a job runs',
    given: healthyCluster()
      .failsafe('a', 'b', 'c')
      .knowing({ isLeading: true })
      .after('a')
      .job({ kind: 'restart', timeoutMs: milliseconds(1000) }),
    expect: {
      rules: ['busy/regain-lock', 'busy/lock-kept'],
      reason: 'updated leader lock during restart',
      actions: ['acquire-lock'],
      beside: ['busy/lock-lost-as-primary'],
    },
  },
  {
    name: 'as before, but the lease rests on the store alone',
    given: healthyCluster()
      .failsafe('a', 'b', 'c')
      .after('a')
      .job({ kind: 'restart', timeoutMs: milliseconds(1000) }),
    expect: {
      rules: ['busy/lock-lost-as-primary'],
      reason: 'lost leader lock during restart',
      actions: NOLOCK,
      beside: ['busy/regain-lock'],
    },
  },
  {
    name: 'the key ran out meanwhile, and the store is back',
    given: healthyCluster().failsafe('a', 'b', 'c').after('a'),
    expect: { rules: ['race/primary', 'holder/primary'], reason: 'acquired session lock as a leader', actions: ['acquire-lock'] },
  },
];

/** The side of who was asked (ha.md §19.4). */
const following: readonly DecisionCase[] = [
  {
    name: 'T147: consented, and the leader key ran out',
    given: leaderless().failsafe('a', 'b', 'c').promised('c', 25),
    expect: {
      rules: ['follow/steady'],
      reason: 'no action. I am (a), a secondary, and following a leader (c)',
      beside: ['race/run', 'busy/regain-lock'],
    },
  },
  {
    name: 'consented, and the primary says that it is a standby',
    given: leaderless()
      .failsafe('a', 'b', 'c')
      .promised('c', 25)
      .peers({ b: at(900), c: at(900) }),
    expect: { ...PROMOTES, rules: ['follower/ask-promised', 'race/run', 'holder/promote'] },
  },
  {
    name: 'consented, and the primary is one',
    given: leaderless()
      .failsafe('a', 'b', 'c')
      .promised('c', 25)
      .peers({ b: at(900), c: RUNNING_AS_PRIMARY }),
    expect: {
      rules: ['follower/ask-promised', 'follow/steady'],
      reason: 'no action. I am (a), a secondary, and following a leader (c)',
    },
  },
  {
    name: 'T148: the promise is over',
    given: leaderless().failsafe('a', 'b', 'c').promised('c', 0),
    expect: { ...PROMOTES, beside: ['follower/follow-leader', 'follower/ask-promised', 'holder/promised-failsafe'] },
  },
  {
    name: 'the mode was turned off, and the promise holds',
    given: leaderless().promised('c', 25),
    expect: { rules: ['follow/steady'], reason: 'no action. I am (a), a secondary, and following a leader (c)', beside: ['race/run'] },
  },
  {
    name: 'the store shows another leader',
    given: leaderless().failsafe('a', 'b', 'c').ledBy('b').promised('c', 25),
    expect: { rules: ['follow/steady'], reason: 'no action. I am (a), a secondary, and following a leader (b)' },
  },
  {
    name: 'a manual failover waits for the promise to end',
    given: leaderless().failsafe('a', 'b', 'c').promised('c', 25).request({ member: 'a' }),
    expect: {
      rules: ['follow/steady'],
      reason: 'no action. I am (a), a secondary, and following a leader (c)',
      beside: ['race/requested'],
    },
  },
  {
    name: 'the store gave the key after the promise',
    given: leaderless().failsafe('a', 'b', 'c').ledBy('a').promised('c', 25),
    expect: {
      rules: ['holder/promised-failsafe'],
      reason: 'released leader key because c leads in failsafe mode',
      actions: ['release-lock'],
      beside: ['holder/promote', 'holder/renew-lock'],
    },
  },
  {
    name: 'the same, when the server was told to promote already',
    given: leaderless().failsafe('a', 'b', 'c').ledBy('a').promised('c', 25).server({ role: 'promoted' }),
    expect: {
      rules: ['holder/promised-failsafe'],
      reason: 'demoting self because c leads in failsafe mode',
      actions: ['cancel-job', 'start-job demote immediate'],
    },
  },
  {
    name: 'the slots of the primary are followed while the store is silent',
    given: healthyStandby()
      .member('c', { tags: { replicatefrom: 'a' } })
      .ledBy('b')
      .failsafe('a', 'b', 'c')
      .config({ failsafe_mode: true, postgresql: { use_slots: true } })
      .telling({ slots: [slot('b'), slot('c', { isActive: true })] })
      .promised('b', 25, { b: lsn(980), c: lsn(970) })
      .dcsUnavailable(),
    expect: { rules: ['dcs-unreachable/standby'], reason: 'DCS is not accessible', actions: ['advance-slot b 980'] },
  },
];

const ownSlots = (): Scene =>
  healthyStandby()
    .failsafe('a', 'b', 'c')
    .config({ failsafe_mode: true, postgresql: { use_slots: true } })
    .telling({ slots: [slot('b'), slot('c')] })
    .view({ status: { lastLsn: lsn(1000), slots: new Map([['c', lsn(960)]]), retainSlots: [] } });

const slotsOfLeader: readonly DecisionCase[] = [
  {
    name: 'the key is still there, and the primary told newer positions',
    given: ownSlots().promised('b', 25, { b: lsn(980), c: lsn(970) }),
    expect: { rules: ['follow/steady'], reason: FOLLOWS_B, actions: ['advance-slot b 980', 'advance-slot c 970'] },
  },
  {
    name: 'the store has newer positions',
    given: ownSlots().promised('b', 25, { c: lsn(950) }),
    expect: { rules: ['follow/steady'], reason: FOLLOWS_B, actions: ['advance-slot c 960'] },
  },
  {
    name: 'another one leads by the store',
    given: ownSlots().promised('c', 25, { b: lsn(980) }),
    expect: { rules: ['follow/steady'], reason: FOLLOWS_B, actions: ['advance-slot c 960'] },
  },
];

const racing: readonly DecisionCase[] = [
  {
    name: 'T149: not in the map',
    given: leaderless().failsafe('b', 'c'),
    expect: { rules: ['race/not-in-failsafe-map'], reason: STAYS, beside: ['race/run'] },
  },
  {
    name: 'not in the map, and whoever is listed answers as a standby or has no data: nobody leads in failsafe mode',
    given: leaderless()
      .failsafe('b', 'c')
      .peers({ b: at(900), c: { kind: 'unreachable', error: 'no status document with a position', hasNoData: true } }),
    expect: { ...PROMOTES, through: ['race/not-in-failsafe-map'] },
  },
  {
    name: 'not in the map, and one of the listed is silent',
    given: leaderless()
      .failsafe('b', 'c')
      .peers({ b: at(900) }),
    expect: {
      rules: ['race/not-in-failsafe-map'],
      reason: STAYS,
      log: [
        'info: this member is not in the failsafe map, and c may lead in failsafe mode (if c is gone for good, turn failsafe_mode off)',
      ],
      beside: ['race/run'],
    },
  },
  {
    name: 'T149: an empty map',
    given: leaderless().config({ failsafe_mode: true }).view({ failsafe: new Map() }),
    expect: { ...PROMOTES, beside: ['race/not-in-failsafe-map', 'race/may-have-promised'] },
  },
  {
    name: 'a member that is ahead and not in the map is not waited for: it may not lead',
    given: leaderless()
      .failsafe('a', 'c')
      .peers({ b: { kind: 'answered', isInRecovery: true, lsn: lsn(2000), timeline: 1, tags: {}, isWatchdogFailed: false } }),
    expect: { ...PROMOTES, log: ['info: Ignoring b being ahead of us: it is not in the failsafe map'] },
  },
  {
    name: 'nor is one of equal position and higher priority',
    given: leaderless()
      .failsafe('a', 'c')
      .peers({
        b: { kind: 'answered', isInRecovery: true, lsn: lsn(1000), timeline: 1, tags: { failover_priority: 3 }, isWatchdogFailed: false },
      }),
    expect: PROMOTES,
  },
  {
    name: 'not in the map, as the candidate of a manual failover',
    given: leaderless().failsafe('b', 'c').request({ member: 'a' }),
    expect: { rules: ['race/not-in-failsafe-map'], reason: STAYS, beside: ['race/requested'] },
  },
  {
    name: 'not in the map, and the mode was turned off a moment ago',
    given: leaderless()
      .failsafe('b', 'c')
      .config({})
      .remember({ failsafeOffSince: milliseconds(NOW - 39_000) }),
    expect: { rules: ['race/not-in-failsafe-map'], reason: STAYS },
  },
  {
    name: 'not in the map, and the mode was turned off long ago',
    given: leaderless()
      .failsafe('b', 'c')
      .config({})
      .remember({ failsafeOffSince: milliseconds(NOW - 40_000) }),
    expect: { ...PROMOTES, beside: ['race/not-in-failsafe-map'] },
  },
  {
    name: 'not in the map, and this agent, which was frozen, learns only now that the mode was turned off (simulated seed 850901)',
    given: leaderless().failsafe('b', 'c').config({}).remember({ isFailsafeOn: true }),
    expect: { rules: ['race/not-in-failsafe-map'], reason: STAYS, beside: ['race/run'] },
  },
  {
    name: 'the agent just started, and a member of the map does not answer',
    given: leaderless()
      .failsafe('a', 'b', 'c')
      .young(29)
      .peers({ b: at(900) }),
    expect: {
      rules: ['race/may-have-promised'],
      reason: STAYS,
      log: ['info: backoff: this agent started less than ttl ago, and c may lead in failsafe mode'],
      beside: ['race/run'],
    },
  },
  {
    name: 'the agent just started, and a member of the map is a primary',
    given: leaderless()
      .failsafe('a', 'b', 'c')
      .young(29)
      .peers({ b: at(900), c: RUNNING_AS_PRIMARY })
      .request({ member: 'a' }),
    expect: { rules: ['race/may-have-promised'], reason: STAYS, beside: ['race/requested'] },
  },
  {
    name: 'the agent just started, and all members of the map are standbys',
    given: leaderless()
      .failsafe('a', 'b', 'c')
      .young(29)
      .peers({ b: at(900), c: at(900) }),
    expect: { ...PROMOTES, rules: ['race/may-have-promised', 'race/run', 'holder/promote'] },
  },
  {
    name: 'the agent just started, and the mode was turned off meanwhile, of which a primary without store does not know (simulated seed 427805)',
    given: leaderless()
      .failsafe('a', 'b', 'c')
      .config({})
      .young(29)
      .peers({ b: at(900) }),
    expect: { rules: ['race/may-have-promised'], reason: STAYS, beside: ['race/run'] },
  },
  {
    name: 'not in the map, the agent just started, and the mode was turned off meanwhile',
    given: leaderless()
      .failsafe('b', 'c')
      .config({})
      .young(35)
      .peers({ b: at(900) }),
    expect: { rules: ['race/not-in-failsafe-map'], reason: STAYS, beside: ['race/run'] },
  },
  {
    name: 'the agent just started, maintenance mode, it is asked to lead, and a member of the map does not answer (simulated seed 1020571)',
    given: leaderless()
      .failsafe('a', 'b', 'c')
      .paused()
      .young(29)
      .peers({ b: at(900) })
      .request({ leader: 'c', member: 'a' }),
    expect: {
      rules: ['race/paused-request'],
      reason: 'no action. I am (a)',
      log: ['info: backoff: this agent started less than ttl ago, and c may lead in failsafe mode'],
    },
  },
  {
    name: 'the agent just started, maintenance mode, it is asked to lead, and all members of the map are standbys',
    given: leaderless()
      .failsafe('a', 'b', 'c')
      .paused()
      .young(29)
      .peers({ b: at(900), c: at(900) })
      .request({ leader: 'c', member: 'a' }),
    expect: { ...PROMOTES, rules: ['race/paused-request', 'holder/promote'] },
  },
  {
    name: 'maintenance mode, it is asked to lead, is not in the map, and a member of the map does not answer',
    given: leaderless()
      .failsafe('b', 'c')
      .paused()
      .peers({ b: at(900) })
      .request({ leader: 'c', member: 'a' }),
    expect: {
      rules: ['race/paused-request'],
      reason: 'no action. I am (a)',
      log: [
        'info: this member is not in the failsafe map, and c may lead in failsafe mode (if c is gone for good, turn failsafe_mode off)',
      ],
    },
  },
  {
    name: 'maintenance mode, it is asked to lead, and its agent started ttl ago',
    given: leaderless()
      .failsafe('a', 'b', 'c')
      .paused()
      .young(30)
      .peers({ b: at(900) })
      .request({ leader: 'c', member: 'a' }),
    expect: { ...PROMOTES, rules: ['race/paused-request', 'holder/promote'] },
  },
  {
    name: 'the agent started ttl ago',
    given: leaderless()
      .failsafe('a', 'b', 'c')
      .young(30)
      .peers({ b: at(900) }),
    expect: { ...PROMOTES, beside: ['race/may-have-promised'] },
  },
];

export const failsafeCases: readonly DecisionCase[] = [...asking, ...following, ...slotsOfLeader, ...racing];
