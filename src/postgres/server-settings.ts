import { parseInteger } from '../base/python-values.js';
import type { Row } from './query/session.js';
import type { ServerSetting } from './settings/reload.js';

const QUERY = `SELECT name, setting, unit, vartype, context, source, sourcefile, pending_restart FROM pg_catalog.pg_settings`;

/** What the running server says of its parameters. */
export interface ServerSettings {
  readonly rows: readonly ServerSetting[];
  /** By its own account waiting for a restart. */
  readonly pendingRestart: readonly ServerSetting[];
  /** Set by our file, the command line or the environment. */
  readonly ours: readonly (readonly [name: string, value: string])[];
  readonly walSegmentBytes: number;
  value(name: string): string | undefined;
}

/** @throws ConnectionProblem, QueryFailed */
export async function readServerSettings(query: (text: string) => Promise<readonly Row[]>, serverFile: string): Promise<ServerSettings> {
  const result = await query(QUERY);
  const rows = result.map(setting);
  const byName = new Map(rows.map((row) => [row.name.toLowerCase(), row]));
  const segment = byName.get('wal_segment_size');
  return {
    rows,
    pendingRestart: result.filter((row) => row['pending_restart'] === 't').map(setting),
    ours: result.filter((row) => isOurs(row, serverFile)).map((row) => [row['name'] ?? '', row['setting'] ?? ''] as const),
    walSegmentBytes: (parseInteger(segment?.setting) ?? 16 * 1024 ** 2) * (segment?.unit === '8kB' ? 8192 : 1),
    value: (name) => byName.get(name)?.setting,
  };
}

function isOurs(row: Row, serverFile: string): boolean {
  return row['source'] === 'command line' || row['source'] === 'environment variable' || row['sourcefile'] === serverFile;
}

function setting(row: Row): ServerSetting {
  return {
    name: row['name'] ?? '',
    setting: row['setting'] ?? '',
    unit: row['unit'] ?? undefined,
    vartype: row['vartype'] ?? '',
    context: row['context'] ?? '',
  };
}
