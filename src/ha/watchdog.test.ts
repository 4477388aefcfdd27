import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { healthyCluster, healthyStandby, type Scene } from '../../test/support/builders.js';
import { play, short } from '../../test/support/play.js';

const isDisarmed = (scene: Scene): boolean => play(scene).last.actions.map(short)[0] === 'disarm-watchdog';
const armed = (scene: Scene): Scene => scene.watchdog({ isArmed: true });

describe('an armed watchdog', () => {
  test('stays armed while this member leads', () => {
    assert.equal(isDisarmed(armed(healthyCluster())), false);
  });

  test('is disarmed in every cycle of maintenance mode, and one that is not armed is left alone', () => {
    assert.equal(isDisarmed(armed(healthyCluster().paused())), true);
    assert.equal(isDisarmed(healthyCluster().paused()), false);
  });

  test('is disarmed in maintenance mode without store as well', () => {
    assert.equal(isDisarmed(armed(healthyCluster().paused().dcsUnavailable())), true);
  });

  test('is disarmed on a standby that does not lead', () => {
    assert.equal(isDisarmed(armed(healthyStandby())), true);
    assert.equal(isDisarmed(healthyStandby()), false);
  });

  test('stays armed while a promotion is in flight, with the lock and without', () => {
    assert.equal(isDisarmed(armed(healthyStandby().job({ kind: 'promote' }))), false);
    assert.equal(isDisarmed(armed(healthyStandby().ledBy('a'))), false);
  });

  test('stays armed on a primary that lost the lock: only its stop ends the danger', () => {
    assert.equal(isDisarmed(armed(healthyCluster().ledBy('b'))), false);
  });
});
