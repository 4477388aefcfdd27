import type { Clock } from '../../ports/clock.js';

/** The disk did not answer in time, or an earlier call still hangs. */
export class FilesUnavailable extends Error {
  override readonly name = 'FilesUnavailable';
}

/** So many calls that take longer than this may be under way at once: two of the four threads stay free for everything else. */
const MOST_SLOW_CALLS = 2;
const SLOW_MS = 250;

/**
 * Puts a limit on file calls. A hung disk keeps a thread per call, and the process has four, which resolve names and derive
 * keys as well. Once a call is overdue, or two are slow, further ones are refused until one returns, so that the agent goes on
 * to breathe (and to give up its lock).
 */
export class FileGuard {
  private readonly clock: Clock;
  private readonly limitMs: number;
  private overdue = 0;
  /** Start times of the calls under way. Work with a longer limit of its own is more than a file call, and does not count. */
  private readonly underWay = new Set<{ readonly startedAt: number }>();

  constructor(clock: Clock, limitMs: number) {
    this.clock = clock;
    this.limitMs = limitMs;
  }

  /** @throws FilesUnavailable, and whatever `action` throws. */
  run<T>(what: string, action: () => Promise<T>, limitMs = this.limitMs): Promise<T> {
    if (this.overdue > 0) return Promise.reject(new FilesUnavailable(`${what}: an earlier file call still hangs`));
    const call = { startedAt: this.clock.monotonic() };
    const slow = [...this.underWay].filter((other) => call.startedAt - other.startedAt > SLOW_MS).length;
    if (slow >= MOST_SLOW_CALLS) return Promise.reject(new FilesUnavailable(`${what}: ${slow} earlier file calls have not returned yet`));
    if (limitMs <= this.limitMs) this.underWay.add(call);
    return new Promise<T>((resolve, reject) => {
      let isOverdue = false;
      const cancel = this.clock.after(limitMs, () => {
        isOverdue = true;
        this.overdue++;
        reject(new FilesUnavailable(`${what}: no answer within ${limitMs} ms`));
      });
      const settle = (): void => {
        cancel();
        this.underWay.delete(call);
        if (isOverdue) this.overdue--;
      };
      action().then(
        (value) => {
          settle();
          resolve(value);
        },
        (error: unknown) => {
          settle();
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }
}
