import { open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../ports/clock.js';
import type { Log } from '../../ports/log.js';
import type { RewindOutcome } from '../../ports/postgres.js';
import type { ToolOptions } from '../../ports/settings.js';
import type { CancellableRunner } from '../cancellable.js';
import { splitWords, toolOptions } from '../command-line.js';
import { toolOutput } from '../tool-output.js';
import { fillPlaceholders } from './archive-ready.js';
import type { SourceCheck } from './leader.js';
import { clearRewindMarker, wasRewindInterrupted, writeRewindMarker } from './marker.js';

export interface RewindRequest {
  /** Path of pg_rewind. */
  readonly pgRewind: string;
  readonly dataDir: string;
  readonly configDir: string;
  /** Path of postgresql.conf. */
  readonly configFile: string;
  readonly majorVersion: number;
  readonly options: ToolOptions;
  readonly leaderName: string;
  /** Connection string of the rewind user with `target_session_attrs`, without password. */
  readonly connectionString: string;
  /** `PGPASSFILE`. */
  readonly environment: Readonly<Record<string, string>>;
}

/** `isConfigured`: the stopped server's own files name it, so that pg_rewind finds it. A primary's usually do not. */
export interface RestoreCommand {
  readonly command: string;
  readonly isConfigured: boolean;
}

export interface RewindDependencies {
  readonly runner: CancellableRunner;
  readonly clock: Clock;
  readonly log: Log;
  /** Fast, without checkpoint; true when nothing runs. */
  readonly stopServer: () => Promise<boolean>;
  readonly archiveReadyWal: () => Promise<void>;
  readonly checkSource: () => Promise<SourceCheck>;
  readonly restoreCommand: () => Promise<RestoreCommand | undefined>;
  /** Whether the control file still allows a rewind. */
  readonly canRewind: () => Promise<boolean>;
}

const REFUSED = [
  'target-pgdata',
  'source-pgdata',
  'source-server',
  'write-recovery-conf',
  'dry-run',
  'restore-target-wal',
  'config-file',
  'no-ensure-shutdown',
  'version',
  'help',
];

/** A rewind that needs more segments from the archive than this goes back too far: a copy is quicker. */
const MAX_FETCHED_SEGMENTS = 1_000;

/** Printed with `--progress` when the comparison is finished, just before the first file of the target is changed. */
const STARTS_TO_CHANGE = 'need to copy';

/**
 * Brings a diverged data directory back onto the leader's history with pg_rewind.
 *
 * A marker beside the data directory says so while it is at work (marker.ts). A rewind that ended before it changed anything
 * is `not-now` when the leader was the cause, and may be repeated. One that broke off half-way is `failed`, its marker stays,
 * and this and the start of the server refuse from then on.
 */
export async function rewind(request: RewindRequest, dependencies: RewindDependencies): Promise<RewindOutcome> {
  const { log } = dependencies;
  const { dataDir, leaderName } = request;
  if (await wasRewindInterrupted(dataDir)) {
    log.error(`An earlier rewind of ${dataDir} broke off half-way: it has to be rebuilt`);
    return { kind: 'failed' };
  }
  if (!(await dependencies.stopServer())) return { kind: 'not-now', reason: 'postgres is still running' };
  await dependencies.archiveReadyWal();
  const before = await dependencies.checkSource();
  if (before.kind === 'unusable') return { kind: 'not-now', reason: before.reason };
  if (!(await writeRewindMarker(dataDir)))
    log.warning(`Can not write a marker beside ${dataDir}: a crash during the rewind would go unseen`);
  const end = await runPgRewind(request, dependencies);
  if (end === 'done') {
    if (request.majorVersion < 110000) await removeSlots(join(dataDir, 'pg_replslot'));
    await clearRewindMarker(dataDir);
    return { kind: 'done' };
  }
  if (end === 'broken-off') {
    log.error(`The rewind from ${leaderName} broke off half-way: ${dataDir} has to be rebuilt`);
    return { kind: 'failed' };
  }
  await clearRewindMarker(dataDir);
  if (end === 'same-timeline') {
    log.error(`pg_rewind can not tell the data of ${leaderName} from ours: both are on a timeline of the same number`);
    return { kind: 'same-timeline' };
  }
  return afterFailure(request, dependencies);
}

/** The target is as it was. Whose fault was it? */
async function afterFailure({ leaderName }: RewindRequest, dependencies: RewindDependencies): Promise<RewindOutcome> {
  const { runner, log } = dependencies;
  if (runner.isCancelled) return { kind: 'not-now', reason: 'cancelled' };
  if ((await dependencies.checkSource()).kind === 'usable') {
    log.error(`Failed to rewind from healthy primary: ${leaderName}`);
    return { kind: 'failed' };
  }
  log.warning(`Failed to rewind because primary ${leaderName} become unreachable`);
  return (await dependencies.canRewind()) ? { kind: 'not-now', reason: `${leaderName} became unreachable` } : { kind: 'failed' };
}

type RunEnd = 'done' | 'untouched' | 'broken-off' | 'same-timeline';

async function runPgRewind(request: RewindRequest, dependencies: RewindDependencies): Promise<RunEnd> {
  const { runner, clock, log } = dependencies;
  const restoreCommand = await dependencies.restoreCommand();
  const argv = rewindCommand(request, restoreCommand, log);
  const env = { ...request.environment, LANG: 'C', LC_ALL: 'C', PGOPTIONS: '-c statement_timeout=0' };
  const fetched = new Set<string>();
  let isChanging = false;
  const report = toolOutput('pg_rewind', log, clock);
  const onLine = (line: string): void => {
    if (line.includes(STARTS_TO_CHANGE)) isChanging = true;
    report(line);
  };
  for (;;) {
    log.info(`running pg_rewind from ${request.leaderName}`);
    const outcome = await runner.run(argv, { env, capture: true, onLine });
    if (outcome.kind === 'exited') log.info(`pg_rewind exit code=${outcome.exitCode}`);
    // It goes by the numbers, and did nothing though something was to be done.
    if (outcome.kind === 'exited' && outcome.exitCode === 0) return isSameTimeline(outcome) ? 'same-timeline' : 'done';
    // Below version 12 the progress goes to a buffered stdout, which is lost when pg_rewind is killed.
    const isUnknown = request.majorVersion < 120000 && !(outcome.kind === 'exited' && outcome.exitCode < 128);
    if (isChanging || (isUnknown && outcome.kind !== 'not-started')) return 'broken-off';
    if (outcome.kind !== 'exited' || !restoreCommand || argv.includes('--restore-target-wal')) return 'untouched';
    const segment = missingSegment(outcome.stderr) ?? missingSegment(outcome.stdout);
    if (segment === undefined || fetched.has(segment) || fetched.size >= MAX_FETCHED_SEGMENTS) return 'untouched';
    fetched.add(segment);
    if (!(await fetchSegment(segment, restoreCommand.command, request, dependencies))) return 'untouched';
  }
}

function isSameTimeline({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }): boolean {
  return `${stdout}\n${stderr}`.includes('source and target cluster are on the same timeline');
}

/** The command line. From version 13 pg_rewind can fetch WAL itself, if it finds restore_command in the configuration. */
export function rewindCommand(
  request: RewindRequest,
  restoreCommand: RestoreCommand | undefined,
  log: Pick<Log, 'error'>,
): readonly string[] {
  const { dataDir, configDir, majorVersion } = request;
  const isConfigInside = configDir === dataDir;
  const options = toolOptions('rewind', request.options, REFUSED);
  for (const error of options.errors) log.error(error);
  const restore: string[] = [];
  if (restoreCommand?.isConfigured && (majorVersion >= 150000 || (majorVersion >= 130000 && isConfigInside))) {
    restore.push('--restore-target-wal');
    if (!isConfigInside) restore.push(`--config-file=${request.configFile}`);
  }
  const progress = options.arguments.includes('--progress') ? [] : ['--progress'];
  return [request.pgRewind, ...restore, '-D', dataDir, '--source-server', request.connectionString, ...progress, ...options.arguments];
}

/** The WAL segment that pg_rewind could not open, by its message. */
export function missingSegment(output: string): string | undefined {
  return /could not open file ".*\/pg_(?:wal|xlog)\/([0-9A-F]{24})": /.exec(output)?.[1];
}

async function fetchSegment(
  segment: string,
  restoreCommand: string,
  request: RewindRequest,
  dependencies: RewindDependencies,
): Promise<boolean> {
  const { runner, log } = dependencies;
  const words = splitWords(restoreCommand);
  if (words === undefined) return false;
  const path = join(request.dataDir, request.majorVersion >= 100000 ? 'pg_wal' : 'pg_xlog', segment);
  log.info(`Trying to fetch the missing wal: ${segment}`);
  // Split first: a path with spaces stays one argument.
  const argv = words.map((word) => fillPlaceholders(word, path, segment));
  const outcome = await runner.run(argv, { onLine: (line) => log.info(`restore_command: ${line}`) });
  return outcome.kind === 'exited' && outcome.exitCode === 0;
}

/** Slots copied from the source would pin WAL for ever. Newer versions of pg_rewind leave them out. */
async function removeSlots(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
