import type { Clock } from '../../ports/clock.js';
import type { Log } from '../../ports/log.js';
import type { ToolOptions } from '../../ports/settings.js';
import type { CancellableRunner } from '../cancellable.js';
import { type ParsedOptions, toolOptions } from '../command-line.js';
import { isDataDirectoryEmpty } from '../control-data/data-directory.js';
import { toolOutput } from '../tool-output.js';
import { removeDataDirectory } from './data-directory.js';

export interface CloneSource {
  /** Keyword/value connection string of the replication user, without password. */
  readonly connectionString: string;
  /** `PGPASSFILE`. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface BasebackupRequest {
  readonly pgBasebackup: string;
  readonly dataDir: string;
  readonly options: ToolOptions;
  readonly binaryVersion: number;
  readonly source: CloneSource;
}

const ATTEMPTS = 2;
const PAUSE_MS = 5_000;

const REFUSED = ['pgdata', 'format', 'wal-method', 'xlog-method', 'gzip', 'version', 'dbname', 'host', 'port', 'username', 'password'];

/**
 * Client-side compression would leave archives instead of a data directory; from version 15 the server can compress for
 * the way and pg_basebackup unpacks.
 */
export function basebackupOptions(options: ToolOptions, binaryVersion: number): ParsedOptions {
  if (binaryVersion < 150000) return toolOptions('basebackup', options, [...REFUSED, 'compress']);
  return toolOptions('basebackup', options, REFUSED, (name, value) =>
    name === 'compress' && value?.startsWith('server') !== true
      ? 'compress option for basebackup must use server-side compression (e.g., server-gzip, server-zstd). Client-side compression is not allowed.'
      : undefined,
  );
}

/** Copies the source with pg_basebackup. After a failure the data directory is empty. */
export async function basebackup(
  request: BasebackupRequest,
  { runner, clock, log }: { readonly runner: CancellableRunner; readonly clock: Clock; readonly log: Log },
): Promise<boolean> {
  const { dataDir, source } = request;
  const options = basebackupOptions(request.options, request.binaryVersion);
  for (const error of options.errors) log.error(error);
  const argv = [
    request.pgBasebackup,
    `--pgdata=${dataDir}`,
    '-X',
    'stream',
    `--dbname=${source.connectionString}`,
    ...(options.arguments.includes('--progress') ? [] : ['--progress']),
    ...options.arguments,
  ];
  for (let attempt = 1; attempt <= ATTEMPTS && !runner.isCancelled; attempt++) {
    if (!(await isDataDirectoryEmpty(dataDir))) await removeDataDirectory(dataDir, log);
    const outcome = await runner.run(argv, { env: source.environment, onLine: toolOutput('pg_basebackup', log, clock) });
    if (outcome.kind === 'exited' && outcome.exitCode === 0) {
      log.info('replica has been created using basebackup');
      return true;
    }
    if (outcome.kind === 'cancelled') break;
    if (outcome.kind === 'exited') log.error(`Error when fetching backup: pg_basebackup exited with code=${outcome.exitCode}`);
    if (attempt < ATTEMPTS) {
      log.warning('Trying again in 5 seconds');
      await clock.sleep(PAUSE_MS);
    }
  }
  if (!(await isDataDirectoryEmpty(dataDir))) await removeDataDirectory(dataDir, log);
  return false;
}
