import type { Clock } from '../ports/clock.js';
import type { Log } from '../ports/log.js';
import type { LogSettings } from '../ports/settings.js';
import { HeartbeatFilter } from './heartbeat-filter.js';
import { type LogDestination, LogFile, standardError } from './log-destination.js';
import { createFormatter, errorText, type LogFormatter, type LogRecord, traceText } from './log-format.js';

/** The log of the process. Records wait in a bounded queue, so a reader that stands still never holds up the agent. */
export interface NodeLog extends Log {
  /** @throws Error when the new log file can not be opened; everything then stays as it was. */
  reconfigure(settings: LogSettings): void;
  /** Writes what waits before the process ends. @returns false when nothing could be written because nobody reads. */
  flushSync(): boolean;
  /** Records that wait, and records dropped since the last one that found room. */
  readonly queue: { readonly size: number; readonly lost: number };
}

/** In force until the configuration is read. */
export const INITIAL_LOG_SETTINGS: LogSettings = {
  type: 'plain',
  level: 10,
  tracebackLevel: 'ERROR',
  format: '%(asctime)s %(levelname)s: %(message)s',
  dateformat: undefined,
  staticFields: {},
  maxQueueSize: 1000,
  dir: undefined,
  mode: undefined,
  fileSize: 25_000_000,
  fileNum: 4,
  loggers: {},
  deduplicateHeartbeatLogs: false,
};

const DEBUG = 10;
const INFO = 20;
const WARNING = 30;
const ERROR = 40;
const CRITICAL = 50;
/** Text given to one write: enough to be cheap, little enough to be gone from memory soon. */
const BATCH_CHARACTERS = 65_536;
/** A write that takes longer has no reader; waiting for it at the end would hang the process. */
const STUCK_MS = 1000;

export function createLog(settings: LogSettings, clock: Clock): NodeLog {
  return new QueuedLog(settings, clock).named('patroni');
}

class QueuedLog {
  private readonly clock: Clock;
  private readonly startMs: number;
  private readonly filter = new HeartbeatFilter();
  private readonly waiting: LogRecord[] = [];
  private readonly levels = new Map<string, number>();
  private settings: LogSettings;
  private formatter: LogFormatter;
  private destination: LogDestination;
  private lost = 0;
  /** Monotonic time at which the write under way began. */
  private writingSince: number | undefined;
  private isScheduled = false;

  constructor(settings: LogSettings, clock: Clock) {
    this.clock = clock;
    this.startMs = clock.wall();
    this.settings = settings;
    this.formatter = createFormatter(settings, this.startMs);
    this.destination = this.openDestination(settings);
    this.warn();
  }

  named(name: string): NodeLog {
    const log = (level: number) => (message: string, error?: unknown) => this.log(name, level, message, error);
    const queue = this.queueView();
    return {
      debug: log(DEBUG),
      info: log(INFO),
      warning: log(WARNING),
      error: log(ERROR),
      critical: log(CRITICAL),
      named: (other) => this.named(other),
      reconfigure: (settings) => this.reconfigure(settings),
      flushSync: () => this.flushSync(),
      queue,
    };
  }

  private queueView(): NodeLog['queue'] {
    const size = (): number => this.waiting.length;
    const lost = (): number => this.lost;
    return {
      get size() {
        return size();
      },
      get lost() {
        return lost();
      },
    };
  }

  private reconfigure(settings: LogSettings): void {
    const old = this.settings;
    const isMoved = (['dir', 'mode', 'fileSize', 'fileNum'] as const).some((key) => old[key] !== settings[key]);
    if (isMoved) {
      const next = this.openDestination(settings);
      this.flushSync();
      const previous = this.destination;
      // A write under way still needs its descriptor.
      if (this.writingSince === undefined) previous.close();
      this.destination = next;
    }
    this.settings = settings;
    this.formatter = createFormatter(settings, this.startMs);
    this.levels.clear();
    this.warn();
  }

  private openDestination(settings: LogSettings): LogDestination {
    const delay = (ms: number, action: () => void): void => void this.clock.after(ms, action);
    return settings.dir === undefined ? standardError(delay) : new LogFile(settings.dir, settings, delay);
  }

  private warn(): void {
    for (const warning of this.formatter.warnings) this.log('patroni.log', WARNING, warning);
  }

  private log(name: string, level: number, message: string, error?: unknown): void {
    const threshold = this.level(name);
    let shown = level;
    let text = message;
    let trace: string | undefined;
    if (error !== undefined) {
      const isDetailWanted = this.settings.tracebackLevel === 'ERROR' || threshold <= DEBUG;
      if (level < ERROR) text = `${message}: ${errorText(error)}`;
      else if (isDetailWanted) {
        trace = traceText(error);
        if (level === ERROR && this.settings.tracebackLevel === 'DEBUG') shown = DEBUG;
      } else text = `${message}, DETAIL: '${errorText(error)}'`;
    }
    if (shown < threshold) return;
    const record: LogRecord = { wallMs: this.clock.wall(), level: shown, name, message: text, trace };
    for (const passed of this.filter.pass(record, this.settings.level === INFO, this.settings.deduplicateHeartbeatLogs))
      this.enqueue(passed);
  }

  /** The level of the nearest name above, as in Python's logging. */
  private level(name: string): number {
    const known = this.levels.get(name);
    if (known !== undefined) return known;
    let level: number | undefined;
    for (let at = name; level === undefined && at !== ''; at = at.slice(0, Math.max(at.lastIndexOf('.'), 0)))
      level = this.settings.loggers[at] || undefined;
    level ??= this.settings.level;
    this.levels.set(name, level);
    return level;
  }

  private enqueue(record: LogRecord): void {
    if (this.isFull()) {
      this.lost++;
      return;
    }
    this.waiting.push(record);
    if (this.lost > 0) {
      const message = `QueueHandler has lost ${this.lost} log records`;
      this.lost = 0;
      this.waiting.push({ wallMs: this.clock.wall(), level: WARNING, name: 'patroni.log', message, trace: undefined });
    }
    this.schedule();
  }

  private isFull(): boolean {
    return this.settings.maxQueueSize > 0 && this.waiting.length >= this.settings.maxQueueSize;
  }

  /** After the current turn, so that what is logged right before the process ends is still here for `flushSync`. */
  private schedule(): void {
    if (this.isScheduled || this.writingSince !== undefined) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      this.writeNext();
    });
  }

  private writeNext(): void {
    if (this.writingSince !== undefined || this.waiting.length === 0) return;
    const { destination } = this;
    const { text, count } = this.batch();
    this.writingSince = this.clock.monotonic();
    destination.write(text, (error) => {
      this.writingSince = undefined;
      if (error !== undefined) this.lost += count;
      if (destination !== this.destination) destination.close();
      // A destination that fails (disk full) is tried again with the next record, not in a loop.
      if (error === undefined && this.waiting.length > 0) this.schedule();
    });
  }

  /** As many records as go into one write and into the file; one at least. */
  private batch(): { readonly text: string; readonly count: number } {
    const room = this.destination.room();
    let text = '';
    let bytes = 0;
    let count = 0;
    for (const record of this.waiting) {
      const line = this.formatter.format(record);
      const size = Buffer.byteLength(line);
      if (count > 0 && (bytes + size > room || text.length + line.length > BATCH_CHARACTERS)) break;
      text += line;
      bytes += size;
      count++;
    }
    this.waiting.splice(0, count);
    return { text, count };
  }

  private flushSync(): boolean {
    const isStuck = this.writingSince !== undefined && this.clock.monotonic() - this.writingSince > STUCK_MS;
    if (isStuck || (this.isFull() && this.writingSince !== undefined)) return false;
    this.waiting.push(...this.filter.release());
    try {
      while (this.waiting.length > 0) this.destination.writeSync(this.batch().text);
    } catch {
      // The last words of a process have nowhere else to go.
      return false;
    }
    return true;
  }
}
