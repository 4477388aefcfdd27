import { closeSync, constants, fchmodSync, fstatSync, openSync, renameSync, write, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { LogSettings } from '../ports/settings.js';

/** Where lines go. Nothing here waits for a slow reader except `writeSync`. */
export interface LogDestination {
  /** Calls `done` once the text is written or can not be. */
  write(text: string, done: (error: Error | undefined) => void): void;
  writeSync(text: string): void;
  /** Bytes that still fit before the file is rotated; at least one line always fits. */
  room(): number;
  close(): void;
}

/** A pipe whose reader is behind answers "try again"; how long to wait before doing so. */
const RETRY_MS = 50;

type Delay = (ms: number, action: () => void) => void;

/** Writes all of `text`; a descriptor may take less than it is given. Not `process.stderr`: that blocks on a full pipe. */
function writeAll(fd: number, text: string, delay: Delay, done: (error: Error | undefined) => void): void {
  const bytes = Buffer.from(text, 'utf8');
  const step = (from: number): void => {
    write(fd, bytes, from, bytes.length - from, null, (error, written) => {
      if (error?.code === 'EAGAIN') delay(RETRY_MS, () => step(from));
      else if (error) done(error);
      else if (from + written < bytes.length) step(from + written);
      else done(undefined);
    });
  };
  step(0);
}

export function standardError(delay: Delay): LogDestination {
  const fd = openStandardError();
  return {
    write: (text, done) => writeAll(fd, text, delay, done),
    writeSync: (text) => writeSyncAll(fd, text),
    room: () => Number.POSITIVE_INFINITY,
    close: () => {
      if (fd !== 2) closeSync(fd);
    },
  };
}

/**
 * Standard error once more, so that it never blocks: a write that waits in a thread keeps the process from ending. Setting
 * the flag on descriptor 2 itself would also set it for PostgreSQL and the callbacks, which share it.
 */
function openStandardError(): number {
  try {
    const stat = fstatSync(2);
    // In a file the children's writes, which share descriptor 2 and its position, would overwrite ours.
    if (!stat.isFIFO() && !stat.isCharacterDevice()) return 2;
    return openSync('/proc/self/fd/2', constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK);
  } catch {
    // A socket (journald), another user's pipe, or no /proc: descriptor 2 has to do.
    return 2;
  }
}

/** As often as a full pipe is tried before the rest is given up. */
const SYNC_ATTEMPTS = 1000;

function writeSyncAll(fd: number, text: string): void {
  const bytes = Buffer.from(text, 'utf8');
  let from = 0;
  for (let attempt = 0; from < bytes.length && attempt < SYNC_ATTEMPTS; attempt++) {
    try {
      from += writeSync(fd, bytes, from);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
    }
  }
}

/**
 * `<dir>/patroni.log`, rotated before a write that would make it `fileSize` bytes or more (configuration.md §5.5).
 * @throws Error when the file can not be opened.
 */
export class LogFile implements LogDestination {
  private readonly path: string;
  private readonly settings: LogSettings;
  private readonly delay: Delay;
  private fd: number;
  private size = 0;
  /** A write under way keeps its descriptor: no rotation meanwhile. */
  private isWriting = false;

  constructor(dir: string, settings: LogSettings, delay: Delay) {
    this.path = join(dir, 'patroni.log');
    this.settings = settings;
    this.delay = delay;
    this.fd = this.open();
  }

  write(text: string, done: (error: Error | undefined) => void): void {
    try {
      this.makeRoom(text);
    } catch (error) {
      done(error as Error);
      return;
    }
    this.isWriting = true;
    writeAll(this.fd, text, this.delay, (error) => {
      this.isWriting = false;
      done(error);
    });
  }

  writeSync(text: string): void {
    this.makeRoom(text);
    writeSyncAll(this.fd, text);
  }

  room(): number {
    const { fileSize } = this.settings;
    return fileSize > 0 ? Math.max(fileSize - this.size - 1, 0) : Number.POSITIVE_INFINITY;
  }

  close(): void {
    closeSync(this.fd);
  }

  private makeRoom(text: string): void {
    const length = Buffer.byteLength(text);
    if (length > this.room() && this.size > 0 && !this.isWriting) this.rotate();
    this.size += length;
  }

  private rotate(): void {
    closeSync(this.fd);
    for (let number = this.settings.fileNum; number > 0; number--) {
      rename(number === 1 ? this.path : `${this.path}.${number - 1}`, `${this.path}.${number}`);
    }
    this.fd = this.open();
  }

  private open(): number {
    const fd = openSync(this.path, 'a', 0o666);
    if (this.settings.mode !== undefined) fchmodSync(fd, this.settings.mode);
    this.size = fstatSync(fd).size;
    return fd;
  }
}

function rename(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
