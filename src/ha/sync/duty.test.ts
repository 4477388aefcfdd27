import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseGlobalConfig } from '../../cluster/dynamic-config.js';
import { traitsOf } from '../../cluster/tags.js';
import { type ClusterView, parseClusterView } from '../../cluster/view.js';
import { canBeReleased, effectiveTags, isOnDuty, shouldRenounce } from './duty.js';

function config(data: Readonly<Record<string, unknown>>) {
  const parsed = parseGlobalConfig(data);
  assert.ok('config' in parsed);
  return parsed.config;
}

function renounces(data: Readonly<Record<string, unknown>>, tags = {}, isLeaseValid = false): boolean {
  return shouldRenounce({ config: config(data), isLeaseValid, policy: { ...POLICY, traits: traitsOf(tags) } });
}

const POLICY = {
  usePgRewind: true,
  removeOnRewindFailure: false,
  removeOnDivergedTimelines: false,
  hasBootstrapSection: true,
  hasLeaderlessMethod: false,
};

function view(sync: unknown, states: Readonly<Record<string, unknown>> = {}, leader: string | undefined = 'a'): ClusterView {
  const members = ['a', 'b', 'c'].map((name) => ({
    key: `members/${name}`,
    value: JSON.stringify(states[name] ?? { state: 'running' }),
    version: '1',
  }));
  const lock = leader === undefined ? [] : [{ key: 'leader', value: leader, version: '1' }];
  return parseClusterView([...members, ...lock, { key: 'sync', value: JSON.stringify(sync), version: '1' }]);
}

test('a standby renounces in both synchronous modes; a leader, a member that is never synchronous and others do not', () => {
  assert.equal(renounces({ synchronous_mode: true }), true);
  assert.equal(renounces({ synchronous_mode: 'quorum' }), true);
  assert.equal(renounces({}), false);
  assert.equal(renounces({ synchronous_mode: true }, {}, true), false);
  assert.equal(renounces({ synchronous_mode: true }, { nosync: true }), false);
  assert.equal(renounces({ synchronous_mode: true }, { sync_priority: 0 }), false);
  assert.equal(renounces({ synchronous_mode: true, standby_cluster: { host: 'elsewhere' } }), false);
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
