import { parseInteger } from '../base/python-values.js';
import type { LogSettings } from '../ports/settings.js';
import { SectionReader } from './reader.js';

const LEVELS: Readonly<Record<string, number>> = {
  NOTSET: 0,
  DEBUG: 10,
  INFO: 20,
  WARN: 30,
  WARNING: 30,
  ERROR: 40,
  FATAL: 50,
  CRITICAL: 50,
};

export const DEFAULT_LOG_FORMAT = '%(asctime)s %(levelname)s: %(message)s';

/** The section as checked by the schema; an unknown level name is `INFO`. */
export function logSettings(raw: unknown): LogSettings {
  const r = new SectionReader(raw);
  const format = r.get('format');
  return {
    type: r.text('type')?.toLowerCase() === 'json' ? 'json' : 'plain',
    level: levelNumber(r.get('level')) ?? 20,
    tracebackLevel: r.text('traceback_level')?.toUpperCase() === 'DEBUG' ? 'DEBUG' : 'ERROR',
    format:
      typeof format === 'string' && format !== '' ? format : Array.isArray(format) ? (format as LogSettings['format']) : DEFAULT_LOG_FORMAT,
    dateformat: r.text('dateformat'),
    staticFields: r.map('static_fields'),
    maxQueueSize: r.integer('max_queue_size', 1000),
    dir: r.text('dir'),
    mode: r.get('mode') === undefined ? undefined : parseInteger(r.get('mode')),
    fileSize: r.integer('file_size', 25_000_000),
    fileNum: r.integer('file_num', 4),
    loggers: Object.fromEntries(
      Object.entries(r.map('loggers')).flatMap(([name, value]) => {
        const level = levelNumber(value);
        return level === undefined ? [] : [[name, level]];
      }),
    ),
    deduplicateHeartbeatLogs: r.bool('deduplicate_heartbeat_logs'),
  };
}

/** The number of a level name or of a number as text; undefined for anything else. */
export function levelNumber(value: unknown): number | undefined {
  return typeof value === 'string' && value in LEVELS ? LEVELS[value] : parseInteger(value);
}
