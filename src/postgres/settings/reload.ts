import { parseBool, parseInteger, parseNumber, pythonText } from '../../base/python-values.js';
import type { Parameters } from './parameters.js';
import type { PendingRestartEntries } from './server-parameters.js';
import { isRecoveryParameter } from './validity.js';

/** A row of `pg_settings`. */
export interface ServerSetting {
  readonly name: string;
  readonly setting: string;
  readonly unit: string | undefined;
  readonly vartype: string;
  readonly context: string;
}

export interface ReloadComparison {
  readonly changed: boolean;
  readonly pendingRestart: PendingRestartEntries;
  readonly logLines: readonly string[];
  /** Names that are no parameters of the server: to be left out of the file. */
  readonly invalid: readonly string[];
  /** The old addresses stay valid until the restart: they must not be computed anew. */
  readonly keepsAddresses: boolean;
}

/** How new parameters differ from those of the running server (postgres.md §14). `previous` is what we wrote last. */
export function compareWithServer(
  wanted: Parameters,
  previous: Parameters,
  rows: readonly ServerSetting[],
  options: { readonly useUnixSocket: boolean; readonly walSegmentBytes: number },
): ReloadComparison {
  const server = new Map(rows.map((row) => [row.name.toLowerCase(), row]));
  const names = new Set([...previous, ...wanted].map(([name]) => name.toLowerCase()));
  const pendingRestart: Record<string, { old_value: string; new_value: string }> = {};
  const logLines: string[] = [];
  const invalid: string[] = [];
  let changed = false;
  for (const name of names) {
    if (isRecoveryParameter(name) || name === 'hot_standby') continue;
    const value = wanted.get(name);
    const row = server.get(name);
    const isChangedText = pythonText(value) !== pythonText(previous.get(name));
    if (row === undefined) {
      if (name.includes('.') || value === undefined) changed ||= isChangedText;
      else {
        invalid.push(name);
        logLines.push(`Removing invalid parameter \`${name}\` from postgresql.parameters`);
      }
    } else if (row.context === 'internal') continue;
    else if (value !== undefined && value !== null && isEqualSetting(row, effective(row, value, server, options.walSegmentBytes)))
      changed ||= isChangedText;
    else {
      changed = true;
      const isRestart = row.context === 'postmaster';
      const change = {
        old_value: humanize(row, row.setting),
        new_value: value === undefined || value === null ? '' : humanize(row, value),
      };
      if (isRestart) pendingRestart[row.name] = change;
      logLines.push(
        `Changed ${row.name} from '${change.old_value}' to '${change.new_value}'${isRestart ? ' (restart might be required)' : ''}`,
      );
    }
  }
  const addresses = ['listen_addresses', 'port', ...(options.useUnixSocket ? ['unix_socket_directories'] : [])];
  return { changed, pendingRestart, logLines, invalid, keepsAddresses: addresses.some((name) => name in pendingRestart) };
}

/**
 * What waits for a restart when the files give a parameter `value` (undefined: it can't be told); undefined when that runs already.
 * PostgreSQL itself calls a parameter pending that was taken out of its file, even when its default is what runs.
 */
export function changeAtRestart(
  row: ServerSetting,
  value: string | undefined,
  server: { readonly rows: readonly ServerSetting[]; readonly walSegmentBytes: number },
): PendingRestartEntries[string] | undefined {
  const old_value = humanize(row, row.setting);
  if (value === undefined) return { old_value, new_value: '?' };
  const byName = new Map(server.rows.map((one) => [one.name.toLowerCase(), one]));
  if (isEqualSetting(row, effective(row, value, byName, server.walSegmentBytes))) return undefined;
  return { old_value, new_value: humanize(row, value) };
}

/** Whether `value` is what the server has; what does not parse is different. */
export function isEqualSetting(row: ServerSetting, value: unknown): boolean {
  switch (row.vartype) {
    case 'bool': {
      const wanted = parseBool(value);
      return wanted !== undefined && wanted === parseBool(row.setting);
    }
    case 'integer': {
      const wanted = parseInteger(value, row.unit);
      return wanted !== undefined && wanted === parseInteger(row.setting);
    }
    case 'real': {
      const wanted = parseNumber(value, row.unit);
      return wanted !== undefined && wanted === parseNumber(row.setting);
    }
    case 'enum':
      return pythonText(value).toLowerCase() === row.setting.toLowerCase();
    default:
      return pythonText(value) === row.setting;
  }
}

/** The server shows the computed size where `wal_buffers` is −1. */
function effective(row: ServerSetting, value: unknown, server: ReadonlyMap<string, ServerSetting>, walSegmentBytes: number): unknown {
  if (row.name !== 'wal_buffers' || (value !== '' && parseInteger(value, row.unit) !== -1)) return value;
  const sharedBuffers = parseInteger(server.get('shared_buffers')?.setting) ?? 0;
  return Math.min(Math.max(Math.floor(sharedBuffers / 32), 8), walSegmentBytes / 8192);
}

const UNITS: Readonly<Record<string, readonly (readonly [unit: string, factor: number])[]>> = {
  memory: [
    ['TB', 1024 ** 4],
    ['GB', 1024 ** 3],
    ['MB', 1024 ** 2],
    ['kB', 1024],
    ['B', 1],
  ],
  time: [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1000],
    ['ms', 1],
  ],
};

/** A number in the largest unit that shows it exactly: `16384` of 8 kB is `128MB`. Other values as their text. */
export function humanize(row: ServerSetting, value: unknown): string {
  const text = pythonText(value);
  const unit = /^([0-9]*)([A-Za-z]+)$/.exec(row.unit ?? '');
  const number = parseInteger(value, row.unit);
  if (row.vartype !== 'integer' || unit === null || number === undefined || number <= 0) return text;
  for (const units of Object.values(UNITS)) {
    const base = units.find(([name]) => name === unit[2])?.[1];
    if (base === undefined) continue;
    const total = number * Number(unit[1] || 1) * base;
    const fitting = units.find(([, factor]) => total % factor === 0);
    if (fitting !== undefined) return `${total / fitting[1]}${fitting[0]}`;
  }
  return text;
}
