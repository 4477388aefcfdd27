import assert from 'node:assert/strict';
import { test } from 'node:test';
import { podLabels } from './pod-labels.js';
import { parseKubernetesSettings } from './settings.js';

const own = parseKubernetesSettings(
  {
    labels: {},
    role_label: 'r',
    leader_label_value: 'L',
    follower_label_value: 'F',
    standby_leader_label_value: 'S',
    tmp_role_label: 't',
    bootstrap_labels: { b: 1 },
  },
  'demo',
).role;

test('labels follow role, lock and state', () => {
  const cases: readonly (readonly [
    role: string,
    state: string,
    isLeader: boolean,
    r: string | null,
    t: string | null,
    b: string | null,
  ])[] = [
    ['primary', 'running', true, 'L', 'primary', null],
    ['replica', 'starting', true, 'L', 'primary', null],
    ['standby_leader', 'running', true, 'S', 'primary', null],
    ['replica', 'running', false, 'F', 'replica', null],
    ['standby_leader', 'running', false, 'standby_leader', 'standby_leader', null],
    ['demoted', 'running', false, 'demoted', 'demoted', null],
    // A primary that does not hold the lock gets no traffic.
    ['primary', 'running', false, null, null, null],
    ['replica', 'stopped', false, null, null, null],
    ['replica', 'starting', false, null, null, null],
    ['uninitialized', 'initializing new cluster', false, null, null, '1'],
    ['replica', 'creating replica', false, null, null, '1'],
    ['replica', 'running custom bootstrap script', false, null, null, '1'],
    ['primary', 'starting after custom bootstrap', true, 'L', 'primary', '1'],
  ];
  for (const [role, state, isLeader, r, t, b] of cases) {
    assert.deepEqual(podLabels({ role, state }, isLeader, own), { r, t, b }, `${role} ${state} ${isLeader}`);
  }
});

test("the values that are not set are Patroni's", () => {
  const { role } = parseKubernetesSettings({ labels: {} }, 'demo');
  assert.deepEqual(podLabels({ role: 'standby_leader', state: 'running' }, true, role), { role: 'primary' });
  assert.deepEqual(podLabels({ role: 'replica', state: 'running' }, false, role), { role: 'replica' });
});
