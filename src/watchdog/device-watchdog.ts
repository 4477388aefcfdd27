import { type Milliseconds, milliseconds } from '../base/duration.js';
import type { Timings } from '../cluster/dynamic-config.js';
import type { WatchdogSettings } from '../ports/settings.js';
import { Device, type DeviceCalls } from './device.js';
import { timerPlan, tooShort } from './plan.js';
import type { Timer, TimerOptions } from './timer.js';

export interface DeviceWatchdogOptions extends TimerOptions {
  readonly calls: DeviceCalls;
}

/**
 * The kernel's watchdog device: it resets the machine when it is not fed in time (ha.md §23).
 *
 * States: *idle*, *armed* (the device is open), *unusable*. idle → armed or unusable by `activate`; armed → idle by `disable` or
 * a failed write; unusable → idle when settings or timings change. Invariant: it is fed only with the end of a lease that was
 * renewed just now, and never after that end.
 */
export class DeviceWatchdog implements Timer {
  private readonly o: DeviceWatchdogOptions;
  private settings: WatchdogSettings;
  private timings: Timings;
  private device: Device | undefined;
  private isUnusable = false;
  private fedAt = 0;
  private activating: Promise<boolean> | undefined;
  /** Nobody has disarmed it since it was to be armed. */
  private isWanted = false;
  /** What changed while it was armed, to be applied with the next feed. */
  private due: 'nothing' | 'timeout' | 'device' = 'nothing';

  constructor(options: DeviceWatchdogOptions) {
    this.o = options;
    this.settings = options.settings;
    this.timings = options.timings;
  }

  get isRunning(): boolean {
    return this.isArmed || (this.isUnusable && !this.isRequired);
  }

  get isArmed(): boolean {
    return this.device !== undefined;
  }

  get firesAt(): Milliseconds | undefined {
    return this.device === undefined ? undefined : milliseconds(this.fedAt + this.device.timeoutS * 1000);
  }

  isHealthy(): boolean {
    if (!this.isRequired || this.isArmed) return true;
    return !this.isUnusable && this.plan.slackMs >= 0 && this.o.calls.isWritable(this.settings.device);
  }

  activate(): Promise<boolean> {
    if (this.device !== undefined) return Promise.resolve(true);
    this.isWanted = true;
    this.activating ??= this.arm().finally(() => {
      this.activating = undefined;
    });
    return this.activating;
  }

  keepAlive(leaseEnd: Milliseconds): void {
    const { device } = this;
    const { clock, log } = this.o;
    if (device === undefined) return;
    if (clock.monotonic() >= leaseEnd) {
      log.error('the watchdog is not fed: the renewal of the leader lock was confirmed after the end of its lease');
      return;
    }
    try {
      device.keepAlive();
      this.fedAt = clock.monotonic();
    } catch (error) {
      log.error(`Error while sending keepalive to ${device.describe()}`, error);
      this.giveUp();
      return;
    }
    if (this.due !== 'nothing') this.applyChange(device);
  }

  disable(): void {
    const { device } = this;
    this.isWanted = false;
    this.device = undefined;
    this.due = 'nothing';
    if (device === undefined) return;
    if (!device.canBeDisabled)
      this.o.log.warning(
        `Watchdog implementation can't be disabled. System will reboot after ${device.timeoutS} seconds when watchdog times out.`,
      );
    try {
      device.close();
    } catch (error) {
      this.o.log.error(`Error while disabling watchdog ${device.describe()}`, error);
    }
  }

  reconfigure(settings: WatchdogSettings, timings: Timings): void {
    const [was, before] = [this.settings, this.plan];
    this.settings = settings;
    this.timings = timings;
    const isOther = was.device !== settings.device || was.driver !== settings.driver;
    const isRetimed = before.timeoutMs !== this.plan.timeoutMs || before.slackMs !== this.plan.slackMs;
    if (isOther || isRetimed || was.mode !== settings.mode) this.isUnusable = false;
    if (!this.isArmed) return;
    if (isOther) this.due = 'device';
    else if (isRetimed && this.due === 'nothing') this.due = 'timeout';
  }

  private get isRequired(): boolean {
    return this.settings.mode === 'required';
  }

  private get plan(): ReturnType<typeof timerPlan> {
    return timerPlan(this.settings, this.timings);
  }

  /** True: armed, or nobody insists. */
  private async arm(): Promise<boolean> {
    const { log } = this.o;
    const wantedS = this.plan.timeoutMs / 1000;
    const device = this.isUnusable ? undefined : await this.openDevice(wantedS);
    this.isUnusable = device === undefined;
    this.device = device;
    if (device !== undefined && !this.isWanted) {
      this.disable();
      return !this.isRequired;
    }
    const isTooSlow = device !== undefined && device.timeoutS > wantedS;
    if (this.isRequired && (device === undefined || isTooSlow)) return this.refuse(device, wantedS);
    if (device === undefined) return true;
    if (isTooSlow) log.warning(`Watchdog timeout is ${device.timeoutS} seconds, only ${wantedS} would be safe: it may fire too late`);
    const slackS = device.timeoutS - this.timings.loopWaitMs / 1000;
    log.info(`${device.describe()} activated with ${device.timeoutS} second timeout, timing slack ${slackS} seconds`);
    return true;
  }

  private refuse(device: Device | undefined, wantedS: number): boolean {
    const reason =
      device === undefined
        ? 'watchdog could not be configured.'
        : `a safe watchdog timeout ${wantedS} could not be configured. Watchdog timeout is ${device.timeoutS}.`;
    this.o.log.error(`Configuration requires watchdog, but ${reason}`);
    // Not kept: a timer that fires too late protects nobody, and would reset the machine of a mere replica.
    this.disable();
    this.isUnusable = true;
    return false;
  }

  private async openDevice(wantedS: number): Promise<Device | undefined> {
    const { log, calls, clock } = this.o;
    const { device: path } = this.settings;
    if (this.plan.slackMs < 0) {
      log.warning(tooShort(this.timings));
      return undefined;
    }
    let device: Device;
    try {
      device = await Device.open(calls, path, wantedS);
    } catch (error) {
      const message = `Could not activate ${path}: ${error instanceof Error ? error.message : String(error)}`;
      if (this.isRequired) log.warning(message);
      else log.debug(message);
      return undefined;
    }
    this.fedAt = clock.monotonic();
    if (!device.canBeDisabled)
      log.warning("Watchdog implementation can't be disabled. Watchdog will trigger after Patroni loses leader key.");
    const loopWaitS = this.timings.loopWaitMs / 1000;
    if (device.timeoutS >= loopWaitS) return device;
    log.error(`loop_wait of ${loopWaitS} seconds is too long for watchdog ${device.timeoutS} second timeout`);
    if (!device.canBeDisabled) return device;
    device.close();
    return undefined;
  }

  private applyChange(device: Device): void {
    const { log } = this.o;
    const isOther = this.due === 'device' || this.plan.slackMs < 0;
    this.due = 'nothing';
    if (isOther) {
      this.giveUp();
      return;
    }
    const wantedS = this.plan.timeoutMs / 1000;
    device.retime(wantedS).then(
      () => log.info(`watchdog timeout is now ${device.timeoutS} seconds`),
      (error: unknown) => log.warning(`the watchdog's timeout could not be changed to ${wantedS} seconds`, error),
    );
  }

  /** This device is of no more use: arming one is due again, in the next cycle. */
  private giveUp(): void {
    this.disable();
    this.o.onLost();
  }
}
