import type { DeviceCalls, DeviceFacts } from '../../src/watchdog/device.js';
import type { ManualClock } from './manual-clock.js';

export interface DoubleOptions {
  /** WDIOF bits; default: settable, with magic close. */
  readonly options?: number;
  /** Seconds that the driver begins with. */
  readonly timeoutS?: number;
  /** The driver rounds what is asked for. */
  readonly round?: (seconds: number) => number;
  readonly isWritable?: boolean;
  readonly openError?: string;
  readonly controlError?: string;
}

/**
 * A watchdog device as the kernel's drivers behave: opening starts the timer, every byte feeds it, a V before the close stops it
 * (with magic close), and a time-out that passes resets the machine. It keeps each call with its time, and refuses what no
 * driver gets: a call on a closed file, or on a machine that was reset.
 */
export class WatchdogDouble implements DeviceCalls {
  readonly calls: string[] = [];
  resetAt: number | undefined;
  private readonly clock: ManualClock;
  private readonly o: Required<Omit<DoubleOptions, 'openError' | 'controlError'>> & DoubleOptions;
  private timeoutS: number;
  private isOpen = false;
  private isMagic = false;
  private cancel: (() => void) | undefined;

  constructor(clock: ManualClock, options: DoubleOptions = {}) {
    this.clock = clock;
    this.o = { options: 0x8180, timeoutS: 60, round: (seconds) => seconds, isWritable: true, ...options };
    this.timeoutS = this.o.timeoutS;
  }

  isWritable(): boolean {
    return this.o.isWritable;
  }

  async open(path: string): Promise<number> {
    this.note(`open ${path}`);
    if (this.o.openError !== undefined) throw new Error(this.o.openError);
    if (this.isOpen) throw new Error('EBUSY');
    this.isOpen = true;
    this.restart();
    return 7;
  }

  async control(file: number, timeoutS: number): Promise<DeviceFacts> {
    this.check(file);
    this.note(`timeout ${timeoutS}`);
    if (this.o.controlError !== undefined) throw new Error(this.o.controlError);
    if (timeoutS > 0 && (this.o.options & 0x80) !== 0) this.timeoutS = this.o.round(timeoutS);
    this.restart();
    return { options: this.o.options, firmware: 0, identity: 'Double', timeoutS: this.timeoutS };
  }

  write(file: number, text: string): void {
    this.check(file);
    this.note(`write ${text}`);
    this.isMagic = text.includes('V');
    this.restart();
  }

  close(file: number): void {
    this.check(file);
    this.note('close');
    this.isOpen = false;
    if (this.isMagic && (this.o.options & 0x100) !== 0) this.cancel?.();
  }

  private restart(): void {
    this.cancel?.();
    this.cancel = this.clock.after(this.timeoutS * 1000, () => {
      this.resetAt = this.clock.monotonic();
    });
  }

  private check(file: number): void {
    if (file !== 7 || !this.isOpen) throw new Error(`EBADF: file ${file}`);
    if (this.resetAt !== undefined) throw new Error('the machine was reset');
  }

  private note(call: string): void {
    this.calls.push(`${this.clock.monotonic() / 1000} ${call}`);
  }
}
