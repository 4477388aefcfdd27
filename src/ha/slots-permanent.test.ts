import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { healthyCluster, healthyStandby, type Scene } from '../../test/support/builders.js';
import type { KnownObservation } from './observation.js';
import { needsFeedback, permanentSlots, slotOnPrimary, slotProblems } from './slots-permanent.js';

const known = ({ observation }: Scene): KnownObservation => {
  if (observation.cluster.kind !== 'known') throw new Error('no view');
  return { ...observation, cluster: observation.cluster };
};
const LOGICAL = { ls: { database: 'db', plugin: 'pgoutput' } };
const config = (scene: Scene, slots: unknown, rest: Readonly<Record<string, unknown>> = {}): Scene =>
  scene.config({ postgresql: { use_slots: true }, slots, ...rest });

describe('the section slots', () => {
  test('what each entry means', () => {
    const kinds = (slots: Record<string, unknown>): string[] => permanentSlots(slots).map(({ kind }) => kind);
    assert.deepEqual(kinds({ a: null, b: {}, c: 0, d: { type: 'physical' }, e: { cluster_type: 'primary' } }), Array(5).fill('physical'));
    assert.deepEqual(kinds({ a: { database: 'd', plugin: 'p' }, b: { type: 'logical', database: 'd', plugin: 'p' } }), [
      'logical',
      'logical',
    ]);
    assert.deepEqual(
      kinds({ a: 'text', b: { type: 'odd' }, c: { type: 'logical' }, d: { type: 'logical', database: 'd' } }),
      Array(4).fill('invalid'),
    );
  });

  test('what is wrong is told', () => {
    const problems = (scene: Scene): readonly string[] => slotProblems(known(scene));
    assert.deepEqual(problems(config(healthyCluster(), { ls: { type: 'logical', database: 'db' } })), [
      "Bad value for slot 'ls' in permanent_slots: {'type': 'logical', 'database': 'db'} (a logical slot needs database and plugin)",
    ]);
    for (const name of ['b', 'a']) {
      assert.deepEqual(problems(config(healthyCluster(), { [name]: LOGICAL.ls })), [
        `Permanent logical replication slot {'${name}': {'database': 'db', 'plugin': 'pgoutput'}} is conflicting with physical replication slot for cluster member`,
      ]);
    }
    assert.match(
      problems(config(healthyCluster(), LOGICAL).server({ majorVersion: 100_000 }))[0] ?? '',
      /only starting from PostgreSQL 11\. Following slots will not be created: \['ls'\]\.$/,
    );
    assert.deepEqual(problems(config(healthyCluster(), LOGICAL)), []);
  });
});

describe('the slot on the primary', () => {
  const slotOf = (scene: Scene, name: string): string | undefined => {
    const o = known(scene);
    const member = o.cluster.view.members.find((one) => one.name === name);
    const tags = member?.data['tags'] as { replicatefrom?: string; nostream?: boolean } | undefined;
    const traits = { ...o.policy.traits, replicatefrom: tags?.replicatefrom, nostream: tags?.nostream === true };
    return slotOnPrimary(o.cluster.view, name, traits);
  };
  const cascade = healthyCluster({ members: 4 })
    .member('c', { tags: { replicatefrom: 'b' } })
    .member('d', { tags: { replicatefrom: 'c' } });

  test('the head of the cascade has it', () => {
    assert.equal(slotOf(cascade, 'b'), 'b');
    assert.equal(slotOf(cascade, 'd'), 'b');
    assert.equal(slotOf(cascade.member('b', { tags: { replicatefrom: 'a' } }), 'd'), 'b');
    assert.equal(slotOf(cascade.member('b', { tags: { replicatefrom: 'nobody' } }), 'd'), 'b');
  });

  test('T162: nobody has one below a member without streaming, or in a circle', () => {
    assert.equal(slotOf(cascade.member('b', { tags: { nostream: true } }), 'd'), undefined);
    assert.equal(slotOf(cascade.member('b', { tags: { replicatefrom: 'd' } }), 'd'), undefined);
  });
});

describe('hot_standby_feedback is needed', () => {
  const needed = (scene: Scene): boolean => needsFeedback(known(scene));

  test('where logical slots are, or would be after a demotion', () => {
    assert.equal(needed(config(healthyStandby(), LOGICAL)), true);
    assert.equal(needed(config(healthyCluster(), LOGICAL)), true);
    assert.equal(needed(config(healthyStandby(), { p: {} })), false);
    assert.equal(needed(config(healthyStandby(), LOGICAL, { postgresql: { use_slots: false } })), false);
    assert.equal(needed(config(healthyStandby(), LOGICAL, { standby_cluster: { host: 'far' } })), false);
    assert.equal(needed(config(healthyStandby(), LOGICAL).tags({ nostream: true })), false);
  });

  test('on the way to members that have them', () => {
    const relay = config(healthyStandby(), LOGICAL).tags({ nofailover: true });
    assert.equal(needed(relay), false);
    assert.equal(needed(relay.member('c', { tags: { replicatefrom: 'a' } })), true);
    const deep = healthyStandby({ members: 4 }).member('c', { tags: { replicatefrom: 'a', nofailover: true } });
    assert.equal(needed(config(deep.member('d', { tags: { replicatefrom: 'c' } }), LOGICAL).tags({ nofailover: true })), true);
  });
});
