import { readlinkSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Milliseconds } from '../base/duration.js';
import type { Timings } from '../cluster/dynamic-config.js';
import type { Clock } from '../ports/clock.js';
import type { Log } from '../ports/log.js';
import type { WatchdogSettings } from '../ports/settings.js';
import type { Watchdog } from '../ports/watchdog.js';
import type { DeviceCalls } from './device.js';
import { DeviceWatchdog } from './device-watchdog.js';
import { linuxCalls, testingCalls } from './drivers.js';
import type { GuardedServer } from './guard-process.js';
import { GuardWatchdog } from './guard-watchdog.js';
import { Predecessors } from './predecessors.js';
import { guardProgram } from './program.js';
import type { Timer } from './timer.js';

export interface MemberWatchdogOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: WatchdogSettings;
  readonly timings: Timings;
  readonly dataDir: () => string;
  readonly serverBinary: () => string;
  readonly postmaster: () => GuardedServer['postmaster'];
  /** Stands in for the driver in tests. */
  readonly calls?: DeviceCalls;
}

/** A path on a disk that hangs is given up after this. */
const DISK_MS = 2000;

type Kind = 'none' | 'device' | 'guard';

/**
 * The watchdog of this member by its settings: none, the kernel's device, or the guard. When the settings change, the former
 * timer stays armed, and is fed, until the new one stands; only `off` ends it at once.
 */
export class MemberWatchdog implements Watchdog {
  private readonly o: MemberWatchdogOptions;
  private settings: WatchdogSettings;
  private timings: Timings;
  private kind: Kind;
  private timer: Timer | undefined;
  private former: Timer | undefined;
  private predecessors = new Predecessors('');
  private readonly listeners = new Set<() => void>();

  constructor(options: MemberWatchdogOptions) {
    this.o = options;
    this.settings = options.settings;
    this.timings = options.timings;
    this.kind = kindOf(options.settings);
    this.timer = this.create();
  }

  /** At the agent's start: looks for guards that earlier agents have left with this server. */
  async adopt(): Promise<void> {
    const { log } = this.o;
    const directory = await this.realDataDir().catch(() => undefined);
    this.predecessors = new Predecessors(directory ?? '');
    if (this.predecessors.count > 0) log.info('a guard process of an earlier agent watches the server; it stays until this one leads');
  }

  get isRunning(): boolean {
    return this.timer === undefined || this.timer.isRunning;
  }

  get isArmed(): boolean {
    return this.timer?.isArmed === true || this.former !== undefined || this.predecessors.count > 0;
  }

  get firesAt(): Milliseconds | undefined {
    const times = [this.timer?.firesAt, this.former?.firesAt].filter((time) => time !== undefined);
    return times.length === 0 ? undefined : (Math.min(...times) as Milliseconds);
  }

  isHealthy(): boolean {
    return this.timer === undefined || this.timer.isHealthy();
  }

  async activate(): Promise<boolean> {
    const isActive = this.timer === undefined || (await this.timer.activate());
    if (isActive) this.dismissFormer();
    return isActive;
  }

  keepAlive(leaseEnd: Milliseconds): void {
    this.timer?.keepAlive(leaseEnd);
    this.former?.keepAlive(leaseEnd);
    // Without a guard of our own, the one of an earlier agent must not end a lead that was confirmed just now.
    if (this.kind !== 'guard') this.predecessors.dismiss();
  }

  disable(): void {
    this.timer?.disable();
    this.dismissFormer();
    this.predecessors.dismiss();
  }

  configure(timings: Timings): void {
    this.timings = timings;
    for (const timer of [this.timer, this.former]) timer?.reconfigure(this.settings, timings);
  }

  /** Adopts changed local settings. */
  reload(settings: WatchdogSettings): void {
    this.settings = settings;
    const kind = kindOf(settings);
    if (kind === this.kind) {
      this.timer?.reconfigure(settings, this.timings);
      return;
    }
    this.kind = kind;
    this.dismissFormer();
    if (kind === 'none') this.timer?.disable();
    else if (this.timer?.isArmed === true) this.former = this.timer;
    this.timer = this.create();
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private dismissFormer(): void {
    this.former?.disable();
    this.former = undefined;
  }

  private create(): Timer | undefined {
    const { clock, log, postmaster } = this.o;
    const onLost = (): void => {
      for (const listener of [...this.listeners]) listener();
    };
    const options = { clock, log, settings: this.settings, timings: this.timings, onLost };
    if (this.kind === 'none') return undefined;
    if (this.kind === 'device') return new DeviceWatchdog({ ...options, calls: this.o.calls ?? this.driver() });
    return new GuardWatchdog({
      ...options,
      program: guardProgram(),
      postmaster,
      locate: () => this.locate(),
      onArmed: () => this.predecessors.dismiss(),
    });
  }

  private driver(): DeviceCalls {
    return this.settings.driver === 'testing' ? testingCalls(this.o.clock) : linuxCalls;
  }

  /** A running server tells its directory and binary without a look at the disk. */
  private async locate(): Promise<GuardedServer> {
    const postmaster = this.o.postmaster();
    const link = (leaf: string): string | undefined => (postmaster === undefined ? undefined : readLink(`/proc/${postmaster.pid}/${leaf}`));
    const binary = link('exe')?.replace(/ \(deleted\)$/, '') ?? this.o.serverBinary();
    return { binary: basename(binary), directory: link('cwd') ?? (await this.realDataDir()), postmaster };
  }

  private realDataDir(): Promise<string> {
    return new Promise((resolve, reject) => {
      const cancel = this.o.clock.after(DISK_MS, () => reject(new Error(`the data directory did not answer within ${DISK_MS} ms`)));
      realpath(this.o.dataDir()).then(resolve, reject).finally(cancel);
    });
  }
}

function kindOf({ mode, driver }: WatchdogSettings): Kind {
  if (mode === 'guard') return 'guard';
  if (mode === 'off') return 'none';
  if (driver === 'testing') return 'device';
  return driver === 'default' && process.platform === 'linux' ? 'device' : 'none';
}

/** Why the agent must not start with these settings; undefined: it may. */
export function watchdogObstacle(settings: WatchdogSettings): string | undefined {
  const { mode } = settings;
  if (mode === 'required' && kindOf(settings) === 'none')
    return 'Configuration requires a watchdog, but watchdog is not supported on this platform.';
  if (mode === 'guard' && guardProgram() === undefined)
    return `watchdog.mode is guard, but there is no guard program for ${process.platform} ${process.arch} (libexec)`;
  return undefined;
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}
