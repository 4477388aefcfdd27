import { join } from 'node:path';
import { parseInteger } from '../../base/python-values.js';
import { ConnectionProblem } from '../query/errors.js';
import type { ConnectionParameters, Row } from '../query/session.js';
import type { RunningServer } from '../server-configuration.js';
import { parseConninfo } from './conninfo.js';
import { isThere, modifiedAt, readIfThere } from './file-system.js';
import { hasPasswordFile, passwordLines } from './password-file.js';
import type { WantedRecovery } from './recovery.js';

export interface ComparisonResult {
  readonly change: boolean;
  readonly restart: boolean;
}

interface ComparedFiles {
  readonly dataDir: string;
  readonly serverFile: string;
  readonly pgpass: string;
}

interface KnownValue {
  readonly value: string;
  readonly needsRestart: boolean;
  readonly sourceFile: string;
}

const SAME: ComparisonResult = { change: false, restart: false };
const RESTART: ComparisonResult = { change: true, restart: true };

/** A user may set these in a file of his own; they are left alone unless we want them. */
const USERS_OWN = new Set([
  'archive_cleanup_command',
  'promote_trigger_file',
  'recovery_end_command',
  'recovery_min_apply_delay',
  'restore_command',
]);

const QUERY = `SELECT pg_catalog.lower(name) AS name, setting, context, sourcefile FROM pg_catalog.pg_settings
WHERE name LIKE 'recovery\\_%' OR name IN ('archive_cleanup_command', 'primary_conninfo', 'primary_slot_name', 'promote_trigger_file', 'restore_command')`;

/** Not to be compared: they change nothing on a standby that goes on for ever, or are our `recovery.conf` times'. */
const NOT_COMPARED = new Set(['recovery_target_action', 'recovery_target_inclusive', 'recovery_init_sync_method', 'recovery_prefetch']);

/** Whether a running standby's recovery settings are the wanted ones (postgres.md §16.4). */
export class RecoveryComparison {
  private readAt = '';
  private known: ReadonlyMap<string, KnownValue> | undefined;

  /** After we wrote the files. */
  forget(): void {
    this.readAt = '';
  }

  async compare(wanted: WantedRecovery, files: ComparedFiles, majorVersion: number, server: RunningServer): Promise<ComparisonResult> {
    const marker = majorVersion >= 120_000 ? 'standby.signal' : 'recovery.conf';
    if (!(await isThere(join(files.dataDir, marker)))) return RESTART;
    if (majorVersion < 120_000) return this.compareFile(wanted, files);
    if (server.isStarting) return SAME;
    if (!(await this.read(files, server))) return SAME;
    let change = !server.isTakenOver;
    let restart = false;
    for (const [name, known] of this.known ?? []) {
      if (await this.isSame(name, known, wanted, files, majorVersion)) continue;
      change = true;
      restart ||= known.needsRestart;
    }
    return { change, restart };
  }

  /** Reads again when a file or the process changed. False when the server is just not there: then nothing is known. */
  private async read(files: ComparedFiles, server: RunningServer): Promise<boolean> {
    const paths = [files.serverFile, join(files.dataDir, 'postgresql.auto.conf'), files.pgpass];
    const times = await Promise.all(paths.map(modifiedAt));
    const key = [...times, server.processKey].join(' ');
    if (key === this.readAt && this.known !== undefined) return true;
    try {
      this.known = new Map((await server.query(QUERY)).map(entry));
      this.readAt = key;
      return true;
    } catch (error) {
      if (error instanceof ConnectionProblem) return false;
      throw error;
    }
  }

  private async isSame(
    name: string,
    known: KnownValue,
    wanted: WantedRecovery,
    files: ComparedFiles,
    majorVersion: number,
  ): Promise<boolean> {
    const value = wanted.settings[name];
    if (NOT_COMPARED.has(name)) return true;
    const isOurFile =
      known.sourceFile === '' || known.sourceFile === files.serverFile || known.sourceFile.endsWith('/postgresql.auto.conf');
    if (value === undefined && !isOurFile && USERS_OWN.has(name)) return true;
    if (name === 'primary_conninfo') return isSameConninfo(known.value, wanted.conninfo, value, files.pgpass, majorVersion);
    if (name === 'primary_slot_name' && wanted.conninfo === undefined) return true;
    if (name === 'recovery_min_apply_delay') return parseInteger(known.value) === (parseInteger(value ?? '0', 'ms') ?? 0);
    return known.value === (value ?? '');
  }

  private async compareFile(wanted: WantedRecovery, files: ComparedFiles): Promise<ComparisonResult> {
    const content = (await readIfThere(join(files.dataDir, 'recovery.conf'))) ?? '';
    const entries = Object.entries(wanted.settings).filter(([, value]) => value !== '');
    const isSame = entries.every(([name, value]) => content.includes(`\n${name} = '${value.replace(/['\\]/g, '$&$&')}'\n`));
    return isSame ? SAME : RESTART;
  }
}

function entry(row: Row): [string, KnownValue] {
  const value = { value: row['setting'] ?? '', needsRestart: row['context'] === 'postmaster', sourceFile: row['sourcefile'] ?? '' };
  return [row['name'] ?? '', value];
}

async function isSameConninfo(
  current: string,
  wanted: ConnectionParameters | undefined,
  text: string | undefined,
  pgpass: string,
  majorVersion: number,
): Promise<boolean> {
  if (wanted === undefined || text === undefined) return current === '';
  const known = parseConninfo(current);
  const ours = parseConninfo(text);
  if (known === undefined || ours === undefined || current === '') return false;
  for (const [key, value] of Object.entries(ours)) {
    if (key === 'dbname' && majorVersion < 170_000) continue;
    if (known[key] !== value) return false;
  }
  const lines = passwordLines(wanted);
  return lines === undefined || hasPasswordFile(pgpass, lines);
}
