import type { Clock } from '../../ports/clock.js';

/** The disk did not answer in time, or an earlier call still hangs. */
export class FilesUnavailable extends Error {
  override readonly name = 'FilesUnavailable';
}

/**
 * Puts a limit on file calls. A hung disk keeps a thread per call, and the process has four: once a call is overdue, further
 * ones are refused until it returns, so that the agent goes on to breathe (and to give up its lock).
 */
export class FileGuard {
  private readonly clock: Clock;
  private readonly limitMs: number;
  private overdue = 0;

  constructor(clock: Clock, limitMs: number) {
    this.clock = clock;
    this.limitMs = limitMs;
  }

  /** @throws FilesUnavailable, and whatever `action` throws. */
  run<T>(what: string, action: () => Promise<T>, limitMs = this.limitMs): Promise<T> {
    if (this.overdue > 0) return Promise.reject(new FilesUnavailable(`${what}: an earlier file call still hangs`));
    return new Promise<T>((resolve, reject) => {
      let isOverdue = false;
      const cancel = this.clock.after(limitMs, () => {
        isOverdue = true;
        this.overdue++;
        reject(new FilesUnavailable(`${what}: no answer within ${limitMs} ms`));
      });
      const settle = (): void => {
        cancel();
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
