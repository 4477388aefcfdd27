import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.js';
import { type DoubleOptions, WatchdogDouble } from '../../test/support/watchdog-double.js';
import { milliseconds, seconds } from '../base/duration.js';
import type { Log } from '../ports/log.js';
import type { WatchdogSettings } from '../ports/settings.js';
import { DeviceWatchdog } from './device-watchdog.js';

const timings = { ttlMs: seconds(30), loopWaitMs: seconds(10), retryTimeoutMs: seconds(10) };
const REQUIRED: WatchdogSettings = { mode: 'required', device: '/dev/watchdog', driver: 'default', safetyMargin: undefined };

function world(options: DoubleOptions = {}, settings: Partial<WatchdogSettings> = {}, times: Partial<typeof timings> = {}) {
  const clock = new ManualClock();
  const double = new WatchdogDouble(clock, options);
  const lines: string[] = [];
  const told = { lost: 0 };
  const log = Object.fromEntries(
    ['debug', 'info', 'warning', 'error', 'critical'].map((level) => [level, (text: string) => lines.push(`${level}: ${text}`)]),
  ) as unknown as Log;
  const own = { ...REQUIRED, ...settings };
  const all = { ...timings, ...times };
  const onLost = (): void => void told.lost++;
  const watchdog = new DeviceWatchdog({ clock, log, settings: own, timings: all, calls: double, onLost });
  /** A renewal that was asked for `agoMs` ago. */
  const renew = (agoMs = 0): void => watchdog.keepAlive(milliseconds(clock.monotonic() - agoMs + all.ttlMs));
  return { clock, double, lines, told, watchdog, renew, settings: own, timings: all };
}

describe('watchdog device', () => {
  test('T176: the time-out is ttl less the margin, or half of ttl', async () => {
    const plain = world();
    assert.equal(await plain.watchdog.activate(), true);
    assert.deepEqual(plain.double.calls, ['0 open /dev/watchdog', '0 timeout 25']);
    assert.deepEqual(plain.lines, ['info: Double activated with 25 second timeout, timing slack 15 seconds']);
    const half = world({}, { safetyMargin: -1 });
    await half.watchdog.activate();
    assert.deepEqual(half.double.calls.at(-1), '0 timeout 15');
  });

  test('fed at every renewal it does not fire; left alone it fires before the lease ends', async () => {
    const { clock, double, watchdog, renew } = world();
    await watchdog.activate();
    for (let cycle = 0; cycle < 20; cycle++) {
      renew();
      await clock.advance(10_000);
    }
    assert.equal(double.resetAt, undefined);
    assert.equal(watchdog.firesAt, 190_000 + 25_000);
    // The last renewal was at 190 s: the lease ends at 220 s.
    await clock.advance(60_000);
    assert.equal(double.resetAt, 215_000);
  });

  test('a renewal that was confirmed after the end of its lease does not feed', async () => {
    const { clock, double, watchdog, renew, lines } = world();
    await watchdog.activate();
    await clock.advance(20_000);
    renew(30_000);
    assert.equal(double.calls.includes('20 write 1'), false);
    assert.match(lines.at(-1) ?? '', /^error: the watchdog is not fed/);
  });

  test('disarming writes the magic close, and nothing fires afterwards', async () => {
    const { clock, double, watchdog, renew } = world();
    await watchdog.activate();
    renew();
    watchdog.disable();
    watchdog.disable();
    assert.deepEqual(double.calls.slice(2), ['0 write 1', '0 write V', '0 close']);
    assert.equal(watchdog.isArmed, false);
    renew();
    await clock.advance(100_000);
    assert.equal(double.resetAt, undefined);
  });

  test('a device that can not be stopped is said to be one, and gets a last feed', async () => {
    const { clock, double, watchdog, lines } = world({ options: 0x8080 });
    assert.equal(await watchdog.activate(), true);
    await clock.advance(5000);
    watchdog.disable();
    assert.deepEqual(double.calls.slice(2), ['5 write 1', '5 close']);
    assert.match(lines.join('\n'), /can't be disabled\. Watchdog will trigger after Patroni loses leader key\./);
    assert.match(lines.at(-1) ?? '', /System will reboot after 25 seconds when watchdog times out\.$/);
    await clock.advance(30_000);
    assert.equal(double.resetAt, 30_000);
  });

  test('T177: required and no slack: not armed, not healthy', async () => {
    const { watchdog, double, lines } = world({}, { safetyMargin: -1 }, { loopWaitMs: seconds(20) });
    assert.equal(watchdog.isHealthy(), false);
    assert.equal(await watchdog.activate(), false);
    assert.deepEqual(double.calls, []);
    assert.equal(lines[0], 'warning: Watchdog not supported because leader TTL 30 is less than 2x loop_wait 20');
  });

  test('T22: required and no device: not healthy, and not again after a failed attempt until the settings change', async () => {
    assert.equal(world({ isWritable: false }).watchdog.isHealthy(), false);
    const failing = world({ openError: 'ENODEV: no such device' });
    assert.equal(failing.watchdog.isHealthy(), true);
    assert.equal(await failing.watchdog.activate(), false);
    assert.deepEqual(failing.lines, [
      'warning: Could not activate /dev/watchdog: ENODEV: no such device',
      'error: Configuration requires watchdog, but watchdog could not be configured.',
    ]);
    assert.equal(failing.watchdog.isHealthy(), false);
    assert.equal(failing.watchdog.isRunning, false);
    assert.equal(await failing.watchdog.activate(), false);
    assert.equal(failing.double.calls.length, 1);
    failing.watchdog.reconfigure({ ...failing.settings, device: '/dev/watchdog1' }, failing.timings);
    assert.equal(failing.watchdog.isHealthy(), true);
    await failing.watchdog.activate();
    assert.equal(failing.double.calls.at(-1), '0 open /dev/watchdog1');
  });

  test('automatic without device leads without, and does not ask every cycle', async () => {
    const { watchdog, lines } = world({ openError: 'ENOENT' }, { mode: 'automatic' });
    assert.equal(watchdog.isRunning, false);
    assert.equal(await watchdog.activate(), true);
    assert.equal(watchdog.isRunning, true);
    assert.equal(watchdog.isArmed, false);
    assert.deepEqual(lines, ['debug: Could not activate /dev/watchdog: ENOENT']);
  });

  test('a time-out longer than the safe one: required refuses, automatic warns', async () => {
    const round = (seconds: number): number => Math.ceil(seconds / 60) * 60;
    const required = world({ round });
    assert.equal(await required.watchdog.activate(), false);
    assert.equal(
      required.lines.at(-1),
      'error: Configuration requires watchdog, but a safe watchdog timeout 25 could not be configured. Watchdog timeout is 60.',
    );
    assert.deepEqual(required.double.calls.slice(-2), ['0 write V', '0 close']);
    const automatic = world({ round }, { mode: 'automatic' });
    assert.equal(await automatic.watchdog.activate(), true);
    assert.equal(automatic.watchdog.isArmed, true);
    assert.match(automatic.lines[0] ?? '', /^warning: Watchdog timeout is 60 seconds, only 25 would be safe/);
  });

  test('a device with a fixed time-out below loop_wait is not used', async () => {
    const { watchdog, lines, double } = world({ options: 0x8100, timeoutS: 8 });
    assert.equal(await watchdog.activate(), false);
    assert.equal(lines[0], 'error: loop_wait of 10 seconds is too long for watchdog 8 second timeout');
    assert.deepEqual(double.calls.slice(-2), ['0 write V', '0 close']);
  });

  test('a driver that refuses a call is closed again', async () => {
    const { watchdog, double } = world({ controlError: 'SETTIMEOUT failed with error number 22' });
    assert.equal(await watchdog.activate(), false);
    assert.deepEqual(double.calls.slice(-2), ['0 write V', '0 close']);
  });

  test('another ttl is set with the next feed; another device is opened in its place', async () => {
    const { watchdog, double, renew, settings, told } = world();
    await watchdog.activate();
    watchdog.reconfigure(settings, { ...timings, ttlMs: seconds(60) });
    assert.equal(double.calls.length, 2);
    renew();
    assert.deepEqual(double.calls.slice(2), ['0 write 1', '0 timeout 55']);
    watchdog.reconfigure({ ...settings, device: '/dev/watchdog1' }, { ...timings, ttlMs: seconds(60) });
    renew();
    assert.equal(told.lost, 1);
    assert.equal(watchdog.isRunning, false);
    assert.equal(await watchdog.activate(), true);
    assert.deepEqual(double.calls.slice(-2), ['0 open /dev/watchdog1', '0 timeout 55']);
  });

  test('disarmed while it is being armed it does not stay armed', async () => {
    const { watchdog, double } = world();
    const arming = watchdog.activate();
    watchdog.disable();
    assert.equal(await arming, false);
    assert.equal(watchdog.isArmed, false);
    assert.deepEqual(double.calls.slice(-2), ['0 write V', '0 close']);
  });

  test('a device that fails is told, so that the next cycle arms one or steps down', async () => {
    const { watchdog, clock, renew, told, lines } = world();
    await watchdog.activate();
    await clock.advance(26_000);
    renew();
    assert.equal(watchdog.isArmed, false);
    assert.equal(told.lost, 1);
    assert.match(lines.join('\n'), /error: Error while sending keepalive to Double/);
  });
});
