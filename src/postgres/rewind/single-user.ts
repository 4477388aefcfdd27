import { access, readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../ports/log.js';
import type { CancellableRunner } from '../cancellable.js';
import type { ProcessTable } from '../process/process-table.js';
import { hasErrorCode } from '../system-error.js';
import { archiveReadyWal } from './archive-ready.js';
import { wasRewindInterrupted } from './marker.js';

export interface SingleUserRequest {
  /** Path of the server. */
  readonly postgres: string;
  readonly dataDir: string;
  /** `pg_wal` below the data directory. */
  readonly walDir: string;
  /** undefined when archiving is off or no command is set. */
  readonly archiveCommand: string | undefined;
}

export interface SingleUserDependencies {
  readonly runner: CancellableRunner;
  readonly log: Log;
  /** Deletes signal files or recovery.conf: with them the server would wait for a leader. */
  readonly removeRecoveryConfiguration: () => Promise<void>;
  readonly table: Pick<ProcessTable, 'isZombie'>;
}

/** A backup that was restored but never started needs its label; recovering it alone would corrupt it. */
export async function canSkipSingleUserRecovery(dataDir: string, majorVersion: number): Promise<boolean> {
  if (majorVersion < 150000) return false;
  try {
    await access(join(dataDir, 'backup_label'));
    return true;
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return false;
    throw error;
  }
}

/**
 * Brings a crashed data directory to a clean shutdown without opening it to anybody. Nothing is archived meanwhile: the end
 * of this history may be about to be rewound.
 */
export async function singleUserRecovery(request: SingleUserRequest, dependencies: SingleUserDependencies): Promise<boolean> {
  const { dataDir, walDir } = request;
  const { runner, log } = dependencies;
  if (await wasRewindInterrupted(dataDir)) {
    log.error('Crash recovery refused: a rewind of this data directory broke off');
    return false;
  }
  await archiveReadyWal(walDir, request.archiveCommand, dependencies);
  await emptyArchiveStatus(join(walDir, 'archive_status'));
  const options = { ...(await serverOptions(dataDir)), archive_mode: 'on', archive_command: 'false' };
  await dependencies.removeRecoveryConfiguration();
  const settings = Object.entries(options)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  log.info('running crash recovery in single-user mode');
  const outcome = await runner.run([request.postgres, '--single', '-D', dataDir, ...settings, 'template1'], {
    stdin: '',
    capture: true,
    env: { LANG: 'C', LC_ALL: 'C', ...(await ignoredLockHolder(dataDir, dependencies.table)) },
  });
  if (outcome.kind === 'exited' && outcome.exitCode === 0) return true;
  if (outcome.kind === 'exited') {
    log.error(`Crash recovery finished with code=${outcome.exitCode}: ${outcome.stdout.trim()} ${outcome.stderr.trim()}`);
  }
  return false;
}

/**
 * A dead postmaster that init has not reaped yet still takes signals, so its lock file would stop the server; as the "parent
 * of the parent" it is ignored. Backends that are left are found by the shared memory all the same.
 */
async function ignoredLockHolder(dataDir: string, table: Pick<ProcessTable, 'isZombie'>): Promise<Readonly<Record<string, string>>> {
  try {
    const pid = Number((await readFile(join(dataDir, 'postmaster.pid'), 'utf8')).split('\n')[0]);
    return pid > 0 && table.isZombie(pid) ? { PG_GRANDPARENT_PID: String(pid) } : {};
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return {};
    throw error;
  }
}

/** Options of the last start: a smaller max_connections or max_prepared_transactions would make the recovery fail. */
async function serverOptions(dataDir: string): Promise<Readonly<Record<string, string>>> {
  try {
    return parsePostmasterOptions(await readFile(join(dataDir, 'postmaster.opts'), 'utf8'));
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return {};
    throw error;
  }
}

/** The `"--name=value"` items of postmaster.opts; the server writes them without any escaping. */
export function parsePostmasterOptions(content: string): Readonly<Record<string, string>> {
  const options: Record<string, string> = {};
  const items = content
    .slice(content.indexOf(' "') + 2)
    .trimEnd()
    .replace(/"$/, '');
  for (const item of items.split('" "')) {
    const match = /^--([^=]+)=(.*)$/s.exec(item);
    if (match?.[1] !== undefined) options[match[1]] = match[2] ?? '';
  }
  return options;
}

async function emptyArchiveStatus(folder: string): Promise<void> {
  try {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.isFile() || entry.isSymbolicLink()) await unlink(join(folder, entry.name));
    }
  } catch (error) {
    if (!hasErrorCode(error, 'ENOENT')) throw error;
  }
}
