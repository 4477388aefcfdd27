import type { Log } from '../../src/ports/log.js';

export interface LogLine {
  readonly level: string;
  readonly text: string;
}

/** A log that puts its lines into a list. */
export function recordingLog(lines: LogLine[]): Log {
  const at =
    (level: string) =>
    (text: string): void =>
      void lines.push({ level, text });
  const log: Log = {
    debug: at('debug'),
    info: at('info'),
    warning: at('warning'),
    error: at('error'),
    critical: at('critical'),
    named: () => log,
  };
  return log;
}
