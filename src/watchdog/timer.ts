import type { Timings } from '../cluster/dynamic-config.js';
import type { Clock } from '../ports/clock.js';
import type { Log } from '../ports/log.js';
import type { WatchdogSettings } from '../ports/settings.js';
import type { Watchdog } from '../ports/watchdog.js';

/** One kind of timer behind the member's watchdog. */
export type Timer = Pick<Watchdog, 'isRunning' | 'isArmed' | 'firesAt' | 'isHealthy' | 'activate' | 'keepAlive' | 'disable'> & {
  /** Adopts changed settings; what is armed follows with its next feed. */
  reconfigure(settings: WatchdogSettings, timings: Timings): void;
};

export interface TimerOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: WatchdogSettings;
  readonly timings: Timings;
  /** It was armed, and is not any more, though nobody disarmed it. */
  readonly onLost: () => void;
}
