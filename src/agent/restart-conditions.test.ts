import assert from 'node:assert/strict';
import { test } from 'node:test';
import { healthyCluster, healthyStandby, type Scene } from '../../test/support/builders.js';
import type { RestartRequest } from '../ports/agent-control.js';
import { restartObstacle, versionNumber } from './restart-conditions.js';

const primary = healthyCluster();
const standby = healthyStandby();
const pending = { work_mem: { old_value: '1', new_value: '2' } };

/** rest-api.md §10.5, postgres.md §31. */
const CASES: readonly (readonly [Scene, RestartRequest, string | undefined])[] = [
  [primary, {}, undefined],
  [primary, { role: 'replica' }, 'host role mismatch'],
  [primary, { role: 'primary' }, undefined],
  [standby, { role: 'replica' }, undefined],
  [standby, { role: 'primary' }, 'host role mismatch'],
  [standby, { role: 'standby_leader' }, 'host role mismatch'],
  [primary.telling({ serverVersion: 150_004 }), { postgres_version: '15.4' }, 'postgres version mismatch'],
  [primary.telling({ serverVersion: 150_004 }), { postgres_version: '15.5' }, undefined],
  [primary.telling({ serverVersion: 90_624 }), { postgres_version: '9.6.24' }, 'postgres version mismatch'],
  // Presence alone means "only if a restart is pending".
  [primary, { restart_pending: false }, 'pending restart flag is not set'],
  [primary.server({ pendingRestart: pending }), { restart_pending: false }, undefined],
];

for (const [scene, request, expected] of CASES) {
  test(`restart of the ${scene === standby ? 'standby' : 'primary'} with ${JSON.stringify(request)}: ${expected ?? 'is done'}`, () =>
    assert.equal(restartObstacle(request, scene.observation), expected));
}

test('versions of servers as numbers', () => {
  assert.deepEqual(['15.2', '9.6.24', '10.0', '9.6', '15', 'x.1', '1.2.3.4'].map(versionNumber), [
    150_002,
    90_624,
    100_000,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});
