import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { healthyCluster, healthyStandby, lsn, NOW, type Scene, slot } from '../../test/support/builders.js';
import { short } from '../../test/support/play.js';
import { milliseconds } from '../base/duration.js';
import type { Lsn } from '../base/lsn.js';
import type { KnownObservation } from './observation.js';
import { wantedSlots } from './slots.js';
import { slotProblems } from './slots-permanent.js';
import { planSlots } from './slots-plan.js';
import { publishedSlots, retainSlots } from './slots-publish.js';

const known = ({ observation }: Scene): KnownObservation => {
  if (observation.cluster.kind !== 'known') throw new Error('no view');
  return { ...observation, cluster: observation.cluster };
};
const withSlots = (scene: Scene, data: Readonly<Record<string, unknown>> = {}): Scene =>
  scene.config({ postgresql: { use_slots: true }, ...data });
const wanted = (scene: Scene): string[] => [...wantedSlots(known(scene)).keys()].sort();
const plan = (scene: Scene): string[] => planSlots(known(scene)).map(short);
const status = (scene: Scene, slots: Readonly<Record<string, number>>, retainSlotNames: readonly string[] = []): Scene =>
  scene.view({
    status: {
      ...scene.seen.status,
      slots: new Map(Object.entries(slots).map(([name, at]) => [name, lsn(at)])),
      retainSlots: retainSlotNames,
    },
  });

describe('replication slots', () => {
  test('the primary has a slot for every other member, and so has a standby', () => {
    assert.deepEqual(wanted(withSlots(healthyCluster())), ['b', 'c']);
    assert.deepEqual(wanted(withSlots(healthyStandby())), ['b', 'c']);
    assert.deepEqual(plan(withSlots(healthyCluster())), ['create-slot b', 'create-slot c']);
  });

  test('no slots where they are switched off, or before 11 on a standby', () => {
    assert.deepEqual(wanted(healthyCluster()), []);
    assert.deepEqual(wanted(withSlots(healthyStandby()).server({ majorVersion: 100_000 })), []);
    assert.deepEqual(wanted(withSlots(healthyCluster()).server({ majorVersion: 100_000 })), ['b', 'c']);
  });

  test('T157: the slot of a member that left is kept as long as the leader says', () => {
    const gone = withSlots(healthyCluster({ members: 2 })).telling({ slots: [slot('b'), slot('c')] });
    assert.deepEqual(plan(status(gone, { c: 900 }, ['c'])), []);
    assert.deepEqual(plan(status(gone, {})), ['drop-slot c']);
    assert.deepEqual(wanted(status(withSlots(healthyStandby({ members: 2 })), { c: 900 }, ['c'])), ['b', 'c']);
  });

  test('T157: the leader forgets a member member_slots_ttl after it was seen last', () => {
    const o = known(withSlots(healthyCluster({ members: 2 }), { member_slots_ttl: 1800 }));
    const slots = new Map<string, Lsn>([
      ['a', lsn(1000)],
      ['b', lsn(900)],
      ['c', lsn(900)],
    ]);
    const seen = (agoMs: number) => retainSlots(o, slots, new Map([['c', milliseconds(NOW - agoMs)]]));
    assert.deepEqual(seen(1_799_999).names, ['a', 'b', 'c']);
    const after = seen(1_800_000);
    assert.deepEqual([after.names, after.log.length, after.seen.get('b')], [['a', 'b'], 1, NOW]);
  });

  test('T158: an unknown slot is dropped, but not in maintenance mode nor when it is ignored', () => {
    const scene = withSlots(healthyCluster({ members: 1 })).telling({ slots: [slot('stray')] });
    assert.deepEqual(plan(scene), ['drop-slot stray']);
    assert.deepEqual(plan(scene.paused()), []);
    const ignoring = withSlots(scene, { ignore_slots: [{ name: 'stray', type: 'physical' }] });
    assert.deepEqual(plan(ignoring), []);
    assert.deepEqual(plan(withSlots(scene, { ignore_slots: [{ name: 'stray', type: 'logical' }] })), ['drop-slot stray']);
  });

  test('case 120: a slot whose WAL is gone is made anew in the same pass, but not in maintenance mode', () => {
    const scene = withSlots(healthyCluster({ members: 2 })).telling({ slots: [slot('b', { walStatus: 'lost' })] });
    assert.deepEqual(plan(scene), ['drop-slot b', 'create-slot b']);
    assert.deepEqual(plan(scene.paused()), []);
  });

  test('T160: the slot has the name that PostgreSQL allows', () => {
    assert.deepEqual(wanted(withSlots(healthyCluster({ members: 1 }).member('My-Node.1', {}))), ['my_node_1']);
    const clash = healthyCluster({ members: 1 }).member('a-1', {}).member('a.1', {});
    assert.deepEqual(slotProblems(known(clash)), ['Following cluster members share a replication slot name: a-1, a.1 map to a_1']);
  });

  test('T161: a member that never leads keeps slots only for who replicates from it', () => {
    assert.deepEqual(
      wanted(
        withSlots(
          healthyStandby()
            .tags({ nofailover: true })
            .member('c', { tags: { replicatefrom: 'a' } }),
        ),
      ),
      ['c'],
    );
  });

  test('T162: a member without streaming has no slot', () => {
    for (const scene of [healthyCluster(), healthyStandby()]) {
      assert.deepEqual(wanted(withSlots(scene.member('c', { tags: { nostream: true } }))), ['b']);
    }
  });

  test('a standby moves its slots on to where the primary is', () => {
    const scene = status(withSlots(healthyStandby({ members: 2 }).member('c', {})), { b: 950, c: 950 });
    assert.deepEqual(plan(scene.telling({ slots: [slot('b'), slot('c', { restartLsn: lsn(950) })] })), ['advance-slot b 950']);
    assert.deepEqual(
      plan(scene.telling({ slots: [slot('b', { isActive: true }), slot('c', { xmin: '7' })] })).includes('advance-slot b 950'),
      false,
    );
  });

  test('case 121: never back, and not a slot that begins nowhere', () => {
    const scene = (at: number, restartLsn: Lsn | undefined): Scene =>
      status(withSlots(healthyStandby({ members: 2 })), { b: at }).telling({ slots: [slot('b', { restartLsn })] });
    assert.deepEqual(plan(scene(900, lsn(500))), ['advance-slot b 900']);
    assert.deepEqual(plan(scene(400, lsn(500))), []);
    assert.deepEqual(plan(scene(900, undefined)), ['drop-slot b', 'create-slot b']);
  });

  test('a slot that nobody streams through must not hold xmin back, and is made anew', () => {
    const scene = withSlots(healthyStandby({ members: 2 })).telling({ slots: [slot('b', { xmin: '7' })] });
    assert.deepEqual(plan(scene), ['drop-slot b', 'create-slot b']);
  });

  test('permanent slots', () => {
    const scene = withSlots(healthyCluster({ members: 1 }), {
      slots: { mine: { type: 'physical' }, short: null, a: null, 'Not-Valid': {} },
    });
    assert.deepEqual(wanted(scene), ['mine', 'short']);
    assert.equal(slotProblems(known(scene))[0], "Invalid permanent replication slot name 'Not-Valid'");
    assert.deepEqual(wanted(scene.tags({ nofailover: true })), []);
  });

  test('what the leader publishes', () => {
    const scene = withSlots(healthyCluster()).telling({
      slots: [slot('b'), slot('l', { type: 'logical', restartLsn: lsn(1), confirmedFlushLsn: lsn(800) })],
    });
    assert.deepEqual(
      publishedSlots(known(scene), lsn(1000)),
      new Map([
        ['b', 900n],
        ['l', 800n],
        ['a', 1000n],
      ]),
    );
    const onlyPermanent = withSlots(scene, { member_slots_ttl: 0, slots: { b: {} } });
    assert.deepEqual(publishedSlots(known(onlyPermanent), lsn(1000)), new Map([['b', 900n]]));
    assert.equal(publishedSlots(known(scene.server({ majorVersion: 100_000 })), lsn(1000)), undefined);
  });
});
