import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.js';
import { silentLog } from '../../test/support/silent-log.js';
import { WatchdogDouble } from '../../test/support/watchdog-double.js';
import { milliseconds, seconds } from '../base/duration.js';
import type { WatchdogSettings } from '../ports/settings.js';
import { MemberWatchdog, watchdogObstacle } from './member-watchdog.js';
import { guardProgram } from './program.js';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'member-watchdog-')));
// A guard does not keep its agent's process alive, and the clock of these tests has no timers of its own.
const alive = setInterval(() => undefined, 1000);
after(() => {
  clearInterval(alive);
  rmSync(folder, { recursive: true, force: true });
});

const timings = { ttlMs: seconds(30), loopWaitMs: seconds(10), retryTimeoutMs: seconds(10) };
const settings = (mode: WatchdogSettings['mode'], rest: Partial<WatchdogSettings> = {}): WatchdogSettings => ({
  mode,
  device: '/dev/watchdog',
  driver: 'default',
  safetyMargin: undefined,
  ...rest,
});

function member(own: WatchdogSettings) {
  const clock = new ManualClock();
  const double = new WatchdogDouble(clock);
  const watchdog = new MemberWatchdog({
    clock,
    log: silentLog,
    settings: own,
    timings,
    dataDir: () => folder,
    serverBinary: () => '/usr/bin/postgres',
    postmaster: () => undefined,
    calls: double,
  });
  const renew = (): void => watchdog.keepAlive(milliseconds(clock.monotonic() + timings.ttlMs));
  return { clock, double, watchdog, renew };
}

/** A guard as another life of the agent leaves it. */
function leftGuard(): Promise<{ readonly ended: Promise<number | null> }> {
  const deadline = String(process.hrtime.bigint() + 60_000_000_000n);
  const child = spawn(guardProgram() ?? '', ['guard', 'postgres', deadline, '0', '0', folder], {
    argv0: 'patroni-guard',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  return new Promise((resolve) => child.stdout?.once('data', () => resolve({ ended })));
}

describe('the watchdog of a member', { skip: process.platform !== 'linux' && 'Linux only', timeout: 20_000 }, () => {
  test('off: nothing to arm, nothing in the way', async () => {
    const { watchdog, double } = member(settings('off'));
    assert.deepEqual([watchdog.isRunning, watchdog.isArmed, watchdog.firesAt, watchdog.isHealthy()], [true, false, undefined, true]);
    assert.equal(await watchdog.activate(), true);
    assert.deepEqual(double.calls, []);
  });

  test('off takes effect at once', async () => {
    const { watchdog, double } = member(settings('required'));
    await watchdog.activate();
    watchdog.reload(settings('off'));
    assert.deepEqual(double.calls.slice(-2), ['0 write V', '0 close']);
    assert.equal(watchdog.isArmed, false);
  });

  test('from off to required it is armed in the next cycle', async () => {
    const { watchdog } = member(settings('off'));
    watchdog.reload(settings('required'));
    assert.equal(watchdog.isRunning, false);
    assert.equal(await watchdog.activate(), true);
    assert.equal(watchdog.isArmed, true);
  });

  test('from device to guard the device is fed until the guard stands', {
    skip: guardProgram() === undefined && 'no guard program',
  }, async () => {
    const { watchdog, double, clock, renew } = member(settings('required'));
    await watchdog.activate();
    watchdog.reload(settings('guard'));
    assert.deepEqual([watchdog.isRunning, watchdog.isArmed], [false, true]);
    await clock.advance(3000);
    renew();
    assert.equal(double.calls.at(-1), '3 write 1');
    assert.equal(watchdog.firesAt, 28_000);
    assert.equal(await watchdog.activate(), true);
    assert.deepEqual(double.calls.slice(-2), ['3 write V', '3 close']);
    assert.equal(watchdog.firesAt, 31_000);
    watchdog.disable();
    assert.equal(watchdog.isArmed, false);
  });

  test('a guard that was left behind counts as armed until it is disarmed', {
    skip: guardProgram() === undefined && 'no guard program',
  }, async () => {
    const left = await leftGuard();
    const { watchdog } = member(settings('guard'));
    await watchdog.adopt();
    assert.equal(watchdog.isArmed, true);
    watchdog.disable();
    assert.equal(await left.ended, 0);
    assert.equal(watchdog.isArmed, false);
  });

  test('without guard mode it goes with the first renewal', { skip: guardProgram() === undefined && 'no guard program' }, async () => {
    const left = await leftGuard();
    const { watchdog, renew } = member(settings('off'));
    await watchdog.adopt();
    renew();
    assert.equal(await left.ended, 0);
    assert.equal(watchdog.isArmed, false);
  });

  test('what can not be had is said at the start', () => {
    assert.equal(
      watchdogObstacle(settings('required', { driver: 'other' })),
      'Configuration requires a watchdog, but watchdog is not supported on this platform.',
    );
    assert.equal(watchdogObstacle(settings('automatic', { driver: 'other' })), undefined);
    assert.equal(watchdogObstacle(settings('required')), undefined);
  });
});
