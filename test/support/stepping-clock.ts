import { milliseconds } from '../../src/base/duration.js';
import type { Clock } from '../../src/ports/clock.js';
import { NOW, WALL_NOW } from './builders.js';

/** A clock that goes on by itself whenever somebody sleeps. What is to happen later happens only when it is asked for. */
export class SteppingClock implements Clock {
  private passed = 0;

  monotonic = () => milliseconds(NOW + this.passed);
  wall = () => WALL_NOW + this.passed;

  pass(ms: number): void {
    this.passed += ms;
  }

  async sleep(ms: number): Promise<void> {
    this.passed += ms;
  }

  after(): () => void {
    return () => undefined;
  }
}
