export type LogLevel = 'debug' | 'info' | 'warning' | 'error' | 'critical';

/** A destination of log records. It never blocks and never throws. Secrets must not be in what it is given. */
export interface Log {
  debug(message: string, error?: unknown): void;
  info(message: string, error?: unknown): void;
  warning(message: string, error?: unknown): void;
  error(message: string, error?: unknown): void;
  critical(message: string, error?: unknown): void;
  /** The same log under a dotted name (`patroni.ha`), for per-module levels. */
  named(name: string): Log;
}
