import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { healthyCluster, healthyStandby, lsn, NOW, type Scene, slot } from '../../test/support/builders.js';
import { type Play, play, short } from '../../test/support/play.js';
import { milliseconds } from '../base/duration.js';
import type { ReplicationSlot } from '../ports/postgres.js';
import { INITIAL_MEMORY, type Memory } from './memory.js';
import type { KnownObservation } from './observation.js';
import { NO_LOGICAL_SLOTS } from './slots-knowledge.js';
import { planSlots } from './slots-plan.js';
import { nextReadiness } from './slots-readiness.js';

const known = ({ observation }: Scene): KnownObservation => {
  if (observation.cluster.kind !== 'known') throw new Error('no view');
  return { ...observation, cluster: observation.cluster };
};
const LS = { database: 'db', plugin: 'pgoutput' };
const START = '2031-05-01 10:00:00.123456+00:00';
const logical = (rest: Partial<ReplicationSlot> = {}): ReplicationSlot =>
  slot('ls', { type: 'logical', ...LS, catalogXmin: '100', confirmedFlushLsn: lsn(800), ...rest });
const configured = (scene: Scene, published: number | 'nothing' = 950): Scene =>
  scene
    .config({ postgresql: { use_slots: true }, slots: { ls: LS } })
    .see({ logicalSlots: { ...NO_LOGICAL_SLOTS, isFeedbackEnforced: true } })
    .view({ status: { ...scene.seen.status, slots: published === 'nothing' ? undefined : new Map([['ls', lsn(published)]]) } });
/** A standby `a` and its leader `b`, alone. */
const standby = (slots: readonly ReplicationSlot[], published?: number): Scene =>
  configured(healthyStandby({ members: 2 }), published ?? 950).telling({ slots: [slot('b', { restartLsn: lsn(950) }), ...slots] });
const primary = (slots: readonly ReplicationSlot[], published?: number): Scene =>
  configured(healthyCluster({ members: 1 }), published).telling({ slots });
const plan = (scene: Scene): string[] => planSlots(known(scene)).map(short);

describe('permanent logical slots', () => {
  test('a primary creates what is missing, and says when that is a gap', () => {
    assert.deepEqual(plan(configured(healthyCluster({ members: 1 }), 'nothing').telling({ slots: [] })), ['create-logical-slots ls']);
    const lost = planSlots(known(primary([], 700)));
    assert.deepEqual(lost.map(short), ['create-logical-slots ls', 'log']);
    assert.ok(
      lost.some((action) => action.kind === 'log' && action.level === 'error' && action.message.includes("'ls' was lost at 0/2BC")),
    );
    assert.deepEqual(plan(primary([logical()])), []);
  });

  test('a slot of another kind or plugin is replaced, also in maintenance mode', () => {
    const other = logical({ plugin: 'wal2json' });
    assert.deepEqual(plan(primary([other]).paused()).slice(0, 2), ['drop-slot ls', 'create-logical-slots ls']);
    assert.deepEqual(plan(primary([slot('ls')])).slice(0, 2), ['drop-slot ls', 'create-logical-slots ls']);
    assert.deepEqual(plan(primary([logical({ plugin: 'wal2json', isActive: true })])), ['drop-slot ls']);
    assert.deepEqual(plan(primary([logical({ walStatus: 'lost' })])).slice(0, 2), ['drop-slot ls', 'create-logical-slots ls']);
  });

  test('a standby moves its slot to where the leader is, never beyond its own replay', () => {
    assert.deepEqual(plan(standby([logical()])), ['advance-logical-slots ls 950']);
    assert.deepEqual(plan(standby([logical()], 5000)), ['advance-logical-slots ls 1000']);
    assert.deepEqual(plan(standby([logical({ confirmedFlushLsn: lsn(950) })])), []);
    assert.deepEqual(plan(standby([logical({ isActive: true })])), []);
  });

  test('nobody has them where nothing would keep their catalog rows', () => {
    assert.deepEqual(plan(standby([]).tags({ nofailover: true })), ['drop-slot b']);
    assert.ok(plan(standby([logical()]).tags({ nostream: true })).includes('drop-slot ls'));
    assert.ok(
      plan(
        standby([logical()])
          .server({ majorVersion: 170_000 })
          .telling({ slots: [logical({ isFailover: true })] }),
      ).includes('drop-slot ls'),
    );
  });
});

describe('failover slots of version 17', () => {
  const failover = (scene: Scene, rest: Partial<ReplicationSlot> = {}): string[] =>
    plan(scene.server({ majorVersion: 170_000 }).telling({ slots: [slot('fs', { type: 'logical', ...LS, isFailover: true, ...rest })] }));

  test('case 125: one that a former primary left is dropped while another member leads, also in maintenance mode', () => {
    for (const scene of [healthyStandby(), healthyStandby().paused()]) assert.deepEqual(failover(scene), ['drop-slot fs']);
    assert.deepEqual(failover(healthyStandby(), { isSynced: true }), []);
    assert.deepEqual(failover(healthyStandby().withoutLeader()), []);
    assert.deepEqual(failover(healthyCluster({ members: 1 })), []);
  });
});

describe('copies of logical slots', () => {
  const cycle = (scene: Scene): Play => play(scene);

  test('T163: a standby copies what the leader published and it lacks', () => {
    const { last, actions } = cycle(standby([]));
    assert.equal(last.reason, "Copying logical slots ['ls'] from the primary");
    assert.deepEqual(actions, ['start-job copy-logical-slots b']);
  });

  test('nothing to copy: not published, not a standby, maintenance mode, a failsafe promise, just tried', () => {
    const copies = (scene: Scene): boolean => cycle(scene).actions.some((action) => action.startsWith('start-job copy'));
    assert.equal(copies(configured(healthyStandby({ members: 2 }), 'nothing')), false);
    assert.equal(copies(standby([logical()])), false);
    assert.equal(copies(standby([]).paused()), false);
    assert.equal(copies(standby([]).remember({ slotCopyPutOffAt: milliseconds(NOW - 9_999) })), false);
    assert.equal(copies(standby([]).remember({ slotCopyPutOffAt: milliseconds(NOW - 10_000) })), true);
    assert.equal(copies(standby([]).ended({ kind: 'copy-logical-slots', outcome: 'not-now' })), false);
    assert.equal(copies(standby([]).ended({ kind: 'copy-logical-slots', outcome: 'copied' })), true);
  });

  test('a slot that can not be moved on is copied again, not moved', () => {
    const broken = standby([logical()]).see({ logicalSlots: { ...NO_LOGICAL_SLOTS, isFeedbackEnforced: true, broken: new Set(['ls']) } });
    assert.deepEqual(
      cycle(broken).actions.filter((action) => action.includes('logical-slots')),
      ['check-logical-slots b ls', 'start-job copy-logical-slots b'],
    );
  });

  test('feedback is switched on before', () => {
    assert.ok(cycle(standby([]).see({ logicalSlots: NO_LOGICAL_SLOTS })).actions.includes('enforce-feedback true'));
    assert.ok(
      cycle(healthyStandby().see({ logicalSlots: { ...NO_LOGICAL_SLOTS, isFeedbackEnforced: true } })).actions.includes(
        'enforce-feedback false',
      ),
    );
  });
});

describe('readiness of copied slots', () => {
  const fresh: Memory = { ...INITIAL_MEMORY, slotReadiness: { serverStart: START, unready: new Map([['ls', undefined]]) } };
  const told = (physical: string | undefined, xmin: string): Scene =>
    standby([logical()]).see({ logicalSlots: { ...NO_LOGICAL_SLOTS, leader: { name: 'b', physical, logical: new Map([['ls', xmin]]) } } });
  const unready = (scene: Scene, memory = fresh): (string | undefined)[][] =>
    [...nextReadiness(known(scene), memory).readiness.unready].map(([name, xmin]) => [name, xmin]);

  test('after each start of the server all slots are to be checked', () => {
    const { readiness } = nextReadiness(known(standby([logical()])), INITIAL_MEMORY);
    assert.deepEqual([readiness.serverStart, [...readiness.unready.keys()]], [START, ['ls']]);
    assert.deepEqual(cycleActions(standby([logical()])), ['advance-logical-slots ls 950', 'check-logical-slots b ls']);
  });

  test('ready when the leader keeps what the slot needs: its xmin, then ours there, then ours here', () => {
    for (const [physical, leaders, ready] of [
      ['100', '100', true],
      ['99', '98', true],
      ['101', '98', false],
      ['99', '100', false],
      [undefined, '98', false],
      // Transaction ids count round.
      ['50', '4294967200', true],
    ] as const) {
      assert.equal(unready(told(physical, leaders)).length === 0, ready, `${physical} ${leaders}`);
    }
    assert.match(
      nextReadiness(known(told('100', '100')), fresh)
        .log.map((line) => (line.kind === 'log' ? line.message : ''))
        .join(),
      /Logical slot ls is safe to be used after a failover/,
    );
  });

  test('the leader’s xmin is remembered from when our feedback was in force there', () => {
    assert.deepEqual(unready(told('102', '101')), [['ls', '101']]);
    assert.deepEqual(unready(told(undefined, '101')), [['ls', undefined]]);
    const remembered = { ...fresh, slotReadiness: { serverStart: START, unready: new Map([['ls', '101']]) } };
    const moved = standby([logical({ catalogXmin: '103' })]).see({
      logicalSlots: { ...NO_LOGICAL_SLOTS, leader: { name: 'b', physical: '102', logical: new Map([['ls', '200']]) } },
    });
    assert.deepEqual(unready(moved, remembered), []);
  });

  test('answers of a former leader do not count', () => {
    const scene = standby([logical()]).see({
      logicalSlots: { ...NO_LOGICAL_SLOTS, leader: { name: 'x', physical: '100', logical: new Map([['ls', '100']]) } },
    });
    assert.deepEqual(unready(scene), [['ls', undefined]]);
  });

  test('patroni-1749: a promotion tells what became of each slot', () => {
    const messages = (scene: Scene): readonly string[] => play(scene.ledBy('a')).log;
    const kept = messages(standby([logical()]).remember({ slotReadiness: fresh.slotReadiness }));
    assert.ok(kept.includes('warning: Logical replication slots that might be unsafe to use after promote: ls'), kept.join('\n'));
    assert.ok(kept.includes("info: Logical replication slot 'ls' is kept at 0/320, the former leader had it at 0/3B6"), kept.join('\n'));
    const lost = messages(standby([]));
    assert.ok(
      lost.includes("error: Logical replication slot 'ls' is lost by this promotion, the former leader had it at 0/3B6"),
      lost.join('\n'),
    );
  });

  function cycleActions(scene: Scene): readonly string[] {
    return play(scene).actions;
  }
});
