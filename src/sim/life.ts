import { milliseconds } from '../base/duration.js';
import type { Clock } from '../ports/clock.js';
import type { Scheduler } from './scheduler.js';

/**
 * One life of a process, from start to crash. It can be frozen (SIGSTOP, a paused virtual machine): timers and answers
 * then wait. After the crash nothing of it happens any more: its timers are void and what it awaits never comes.
 * Its clock has a rate and an offset of its own.
 */
export class Life {
  isAlive = true;
  private frozenUntil = 0;
  /** What happened meanwhile, in order. */
  private waiting: (() => void)[] = [];
  private readonly scheduler: Scheduler;
  private readonly rate: number;
  private wallOffset = 0;

  constructor(scheduler: Scheduler, rate: number) {
    this.scheduler = scheduler;
    this.rate = rate;
  }

  get isFrozen(): boolean {
    return this.frozenUntil > this.scheduler.now;
  }

  crash(): void {
    this.isAlive = false;
  }

  freeze(ms: number): void {
    this.frozenUntil = Math.max(this.frozenUntil, this.scheduler.now + ms);
  }

  thaw(): void {
    this.frozenUntil = this.scheduler.now;
    const waiting = this.waiting;
    this.waiting = [];
    // One after the other, with their promises settled in between, as a real event loop catches up.
    for (const action of waiting) this.scheduler.after(0, () => this.deliver(action));
  }

  /** The wall clock jumps; the monotonic one never does. */
  jump(ms: number): void {
    this.wallOffset += ms;
  }

  /** Does `action` as soon as the process runs; never when it has crashed. */
  deliver(action: () => void): void {
    if (!this.isAlive) return;
    if (this.isFrozen) {
      if (this.waiting.length === 0) this.thawLater();
      this.waiting.push(action);
    } else action();
  }

  private thawLater(): void {
    this.scheduler.after(this.frozenUntil - this.scheduler.now, () => {
      if (this.isFrozen) this.thawLater();
      else this.thaw();
    });
  }

  /** The result of something outside, for the process: late when frozen, never after a crash. */
  guard<T>(result: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      result.then(
        (value) => this.deliver(() => resolve(value)),
        (error: unknown) => this.deliver(() => reject(error)),
      );
    });
  }

  readonly clock: Clock = {
    monotonic: () => milliseconds(this.scheduler.now * this.rate),
    wall: () => 1_900_000_000_000 + this.scheduler.now * this.rate + this.wallOffset,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const cancel = this.clock.after(ms, resolve);
        signal?.addEventListener('abort', () => {
          cancel();
          resolve();
        });
      }),
    after: (ms, action) => {
      let isCancelled = false;
      const cancel = this.scheduler.after(ms / this.rate, () =>
        this.deliver(() => {
          if (!isCancelled) action();
        }),
      );
      return () => {
        isCancelled = true;
        cancel();
      };
    },
  };
}

/** Guards every method of a port for one life: calls of the dead do nothing, answers wait for the frozen. */
export function guardPort<T extends object>(port: T, life: Life): T {
  return new Proxy(port, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key, target);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown => {
        if (!life.isAlive) return new Promise(() => undefined);
        const result: unknown = member.apply(target, args);
        return result instanceof Promise ? life.guard(result) : result;
      };
    },
  });
}
