import { parseBool, parseNumber } from '../../base/python-values.js';
import type { Row } from '../query/session.js';
import type { PendingRestart } from '../server-configuration.js';
import type { ServerParameters } from './server-parameters.js';

/** What pg_settings says of a parameter. */
export const SETTINGS_QUERY = `SELECT pg_catalog.lower(name) AS name, setting, unit, vartype, context, sourcefile, pending_restart
FROM pg_catalog.pg_settings WHERE context <> 'internal'`;

const SKIPPED = new Set(['hot_standby', 'synchronous_standby_names', 'wal_buffers']);

/** Parameters whose wanted value differs from the server's and takes effect only by a restart. */
export function restartNeeds(rows: readonly Row[], wanted: ServerParameters): PendingRestart {
  const result: Record<string, { old_value: string; new_value: string }> = {};
  for (const row of rows) {
    const name = row['name'] ?? '';
    const value = wanted[name];
    if (row['context'] !== 'postmaster' || value === undefined || SKIPPED.has(name)) continue;
    const setting = row['setting'] ?? '';
    if (isSameValue(row, value)) continue;
    result[name] = { old_value: withUnit(setting, row['unit']), new_value: withUnit(value, row['unit']) };
  }
  return result;
}

export function isSameValue(row: Row, value: string): boolean {
  const setting = row['setting'] ?? '';
  switch (row['vartype']) {
    case 'bool':
      return parseBool(setting) === parseBool(value);
    case 'integer':
    case 'real':
      return parseNumber(setting) === parseNumber(value, row['unit'] ?? undefined);
    case 'enum':
      return setting.toLowerCase() === value.toLowerCase();
    default:
      return setting === value;
  }
}

const MEMORY: readonly (readonly [string, number])[] = [
  ['TB', 2 ** 40],
  ['GB', 2 ** 30],
  ['MB', 2 ** 20],
  ['kB', 1024],
  ['B', 1],
];
const TIME: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
  ['ms', 1],
];

/** `16384` of 8kB → `128MB`: the largest unit that shows it exactly. What is no number, or has a unit, stays. */
export function withUnit(value: string, unit: string | null | undefined): string {
  const match = /^(\d*)([A-Za-z]+)$/.exec(unit ?? '');
  const number = Number(value);
  if (match === null || !/^-?\d+$/.test(value) || number <= 0) return value;
  const table = MEMORY.some(([name]) => name === match[2]) ? MEMORY : TIME;
  const factor = table.find(([name]) => name === match[2])?.[1];
  if (factor === undefined) return value;
  const total = number * Number(match[1] || 1) * factor;
  const best = table.find(([, size]) => total % size === 0);
  return best === undefined ? value : `${total / best[1]}${best[0]}`;
}
