import assert from 'node:assert/strict';
import { test } from 'node:test';
import { healthyCluster, healthyStandby, type Scene } from '../../../test/support/builders.js';
import { type ClusterView, parseClusterView } from '../../cluster/view.js';
import { canBeReleased, effectiveTags, isOnDuty, shouldRenounce } from './duty.js';

const renounces = (scene: Scene): boolean => shouldRenounce(scene.observation);

function view(sync: unknown, states: Readonly<Record<string, unknown>> = {}, leader: string | undefined = 'a'): ClusterView {
  const members = ['a', 'b', 'c'].map((name) => ({
    key: `members/${name}`,
    value: JSON.stringify(states[name] ?? { state: 'running' }),
    version: '1',
  }));
  const lock = leader === undefined ? [] : [{ key: 'leader', value: leader, version: '1' }];
  return parseClusterView([...members, ...lock, { key: 'sync', value: JSON.stringify(sync), version: '1' }]);
}

test('a standby renounces in both synchronous modes; a member that is never synchronous and others do not', () => {
  assert.equal(renounces(healthyStandby().config({ synchronous_mode: true })), true);
  assert.equal(renounces(healthyStandby().config({ synchronous_mode: 'quorum' })), true);
  assert.equal(renounces(healthyStandby()), false);
  assert.equal(renounces(healthyStandby().config({ synchronous_mode: true }).tags({ nosync: true })), false);
  assert.equal(renounces(healthyStandby().config({ synchronous_mode: true }).tags({ sync_priority: 0 })), false);
  assert.equal(renounces(healthyStandby().config({ synchronous_mode: true, standby_cluster: { host: 'elsewhere' } })), false);
});

test('a primary does not, least of all one without lease: its stop must not wait for a store', () => {
  const primary = healthyCluster().config({ synchronous_mode: true });
  assert.equal(renounces(primary), false);
  assert.equal(renounces(primary.leaseLeft(0)), false);
  assert.equal(renounces(primary.leaseLeft(0).server({ status: { kind: 'unavailable', error: 'frozen' } })), false);
});

test('who renounces says so in its tags, and the others stay', () => {
  assert.deepEqual(effectiveTags({ nosync: false, zone: 3 }, false), { zone: 3 });
  assert.deepEqual(effectiveTags({ sync_priority: 5, zone: 3, nofailover: false }, true), { zone: 3, nosync: true, sync_priority: 0 });
});

test('a standby is on duty while the current leader names it in /sync, whatever the case of letters', () => {
  assert.equal(isOnDuty(view({ leader: 'a', sync_standby: 'b,c' }), 'b'), true);
  assert.equal(isOnDuty(view({ leader: 'a', sync_standby: 'B' }), 'b'), true);
  assert.equal(isOnDuty(view({ leader: 'a', sync_standby: 'c' }), 'b'), false);
  assert.equal(isOnDuty(view({ leader: 'a', sync_standby: null }), 'b'), false);
  assert.equal(isOnDuty(view({ leader: 'a', sync_standby: 'b' }, {}, 'c'), 'b'), false);
  assert.equal(isOnDuty(view({ leader: 'a', sync_standby: 'b' }, {}, 'b'), 'b'), false);
  assert.equal(isOnDuty(parseClusterView([]), 'b'), false);
});

test('in strict mode nobody is released without another standby to take its place', () => {
  const sync = { leader: 'a', sync_standby: 'b' };
  assert.equal(canBeReleased(view(sync), 'b', true), true);
  assert.equal(canBeReleased(view(sync, { c: { state: 'stopped' } }), 'b', true), false);
  assert.equal(canBeReleased(view(sync, { c: { state: 'stopped' } }), 'b', false), true);
  assert.equal(canBeReleased(view(sync, { c: { state: 'running', tags: { nosync: true } } }), 'b', true), false);
});
