/** WDIOF_SETTIMEOUT and WDIOF_MAGICCLOSE of linux/watchdog.h. */
export const CAN_SET_TIMEOUT = 0x80;
export const HAS_MAGIC_CLOSE = 0x100;

/** What the kernel tells of an open device. */
export interface DeviceFacts {
  /** Bits of WDIOC_GETSUPPORT. */
  readonly options: number;
  readonly firmware: number;
  readonly identity: string;
  /** Seconds, read back after they were set. */
  readonly timeoutS: number;
}

/** The calls at the edge: what a double stands in for. `open` and `control` reject with a sentence. */
export interface DeviceCalls {
  isWritable(path: string): boolean;
  open(path: string): Promise<number>;
  /** Sets the time-out where the device can (0: leaves it), and reads it back. */
  control(file: number, timeoutS: number): Promise<DeviceFacts>;
  write(file: number, text: string): void;
  close(file: number): void;
}

/** Range of a device's time-out in seconds (ha.md §23.3). */
const LEAST_TIMEOUT_S = 1;
const MOST_TIMEOUT_S = 65_534;

/** An open watchdog device. It is fed with a byte, and stopped with a V before it is closed (magic close). */
export class Device {
  private readonly calls: DeviceCalls;
  private readonly path: string;
  private readonly file: number;
  private facts: DeviceFacts;

  private constructor(calls: DeviceCalls, path: string, file: number, facts: DeviceFacts) {
    this.calls = calls;
    this.path = path;
    this.file = file;
    this.facts = facts;
  }

  /** Opens it, which starts its timer, and sets its time-out. Rejects with a sentence; the timer is then stopped if it can be. */
  static async open(calls: DeviceCalls, path: string, timeoutS: number): Promise<Device> {
    const file = await calls.open(path);
    try {
      return new Device(calls, path, file, await calls.control(file, inRange(timeoutS)));
    } catch (error) {
      closeDisarmed(calls, file);
      throw error;
    }
  }

  get timeoutS(): number {
    return this.facts.timeoutS;
  }

  get canBeDisabled(): boolean {
    return (this.facts.options & HAS_MAGIC_CLOSE) !== 0;
  }

  describe(): string {
    const { identity, firmware } = this.facts;
    const version = firmware === 0 ? '' : ` (firmware ${firmware})`;
    return `${identity}${version}${this.path === '/dev/watchdog' ? '' : ` at ${this.path}`}`;
  }

  async retime(timeoutS: number): Promise<void> {
    if ((this.facts.options & CAN_SET_TIMEOUT) !== 0) this.facts = await this.calls.control(this.file, inRange(timeoutS));
  }

  keepAlive(): void {
    this.calls.write(this.file, '1');
  }

  /** Stops the timer if the device can be stopped, else grants it one last feed. */
  close(): void {
    if (this.canBeDisabled) {
      closeDisarmed(this.calls, this.file);
      return;
    }
    try {
      this.keepAlive();
    } finally {
      this.calls.close(this.file);
    }
  }
}

function inRange(timeoutS: number): number {
  return Math.min(Math.max(timeoutS, LEAST_TIMEOUT_S), MOST_TIMEOUT_S);
}

function closeDisarmed(calls: DeviceCalls, file: number): void {
  try {
    calls.write(file, 'V');
  } finally {
    calls.close(file);
  }
}
