import { isTruthy, pythonText } from '../../base/python-values.js';
import type { Clock } from '../../ports/clock.js';
import type { Log } from '../../ports/log.js';
import type { ToolOptions } from '../../ports/settings.js';
import type { CancellableRunner } from '../cancellable.js';
import { methodArguments, splitWords } from '../command-line.js';
import { isDataDirectoryEmpty } from '../control-data/data-directory.js';
import { clearRewindMarker } from '../rewind/marker.js';
import { toolOutput } from '../tool-output.js';
import { basebackup, type CloneSource } from './basebackup.js';
import { removeDataDirectory } from './data-directory.js';

type Section = Readonly<Record<string, unknown>>;

export interface ReplicaRequest {
  readonly dataDir: string;
  readonly scope: string;
  /** In the order in which they are tried; `basebackup` is built in. */
  readonly methods: readonly string[];
  readonly sections: Readonly<Record<string, Section>>;
  readonly basebackup: ToolOptions;
  /** Path of pg_basebackup. */
  readonly pgBasebackup: string;
  /** Version of the binaries: 150004. */
  readonly binaryVersion: number;
  /** Whom to copy; undefined: nobody, only methods with `no_leader` can do that. */
  readonly source: CloneSource | undefined;
}

export interface ReplicaDependencies {
  readonly runner: CancellableRunner;
  readonly clock: Clock;
  readonly log: Log;
}

const BASEBACKUP = 'basebackup';

/** Which of the methods work without a source. */
export function leaderlessMethods(methods: readonly string[], sections: Readonly<Record<string, Section>>): readonly string[] {
  return methods.filter((name) => name !== BASEBACKUP && isTruthy(sections[name]?.['no_leader']));
}

/**
 * Fills the data directory by the first method that succeeds. The server is not started. When all fail (or the work is
 * cancelled) the data directory is removed, whatever `keep_data` says: the next attempt starts from an empty one.
 */
export async function createReplica(request: ReplicaRequest, dependencies: ReplicaDependencies): Promise<boolean> {
  const { runner, log } = dependencies;
  const methods = request.source ? request.methods : leaderlessMethods(request.methods, request.sections);
  if (methods.length === 0) log.error('no replica creation method works without a running leader');
  for (const method of methods) {
    if (runner.isCancelled) break;
    const isDone =
      method === BASEBACKUP && request.source !== undefined
        ? await basebackup({ ...request, options: request.basebackup, source: request.source }, dependencies)
        : await runMethod(method, request, dependencies);
    if (isDone) {
      await clearRewindMarker(request.dataDir);
      return true;
    }
  }
  if (!(await isDataDirectoryEmpty(request.dataDir))) await removeDataDirectory(request.dataDir, log);
  return false;
}

async function runMethod(name: string, request: ReplicaRequest, { runner, clock, log }: ReplicaDependencies): Promise<boolean> {
  const section = request.sections[name] ?? {};
  const keepsData = isTruthy(section['keep_data']);
  if (!(await isDataDirectoryEmpty(request.dataDir))) {
    if (keepsData) log.info('Leaving data directory uncleaned');
    else await removeDataDirectory(request.dataDir, log);
  }
  const argv = replicaCommand(name, section, request);
  if (argv === undefined) {
    log.error(`Error creating replica using method ${name}: unbalanced quotes in its command`);
    return false;
  }
  const env = request.source?.environment ?? {};
  const outcome = await runner.run(argv, { env, onLine: toolOutput(name, log, clock) });
  if (outcome.kind === 'exited' && outcome.exitCode === 0) {
    log.info(`replica has been created using ${name}`);
    return true;
  }
  if (outcome.kind === 'exited') log.error(`Error creating replica using method ${name}: ${argv[0]} exited with code=${outcome.exitCode}`);
  if (!keepsData && !(await isDataDirectoryEmpty(request.dataDir))) await removeDataDirectory(request.dataDir, log);
  return false;
}

/** The command line of a custom method; undefined when the quotes of its command don't match. */
export function replicaCommand(
  name: string,
  section: Section,
  request: Pick<ReplicaRequest, 'scope' | 'dataDir' | 'source'>,
): readonly string[] | undefined {
  const words = splitWords(isTruthy(section['command']) ? pythonText(section['command']) : name);
  if (words === undefined) return undefined;
  if (isTruthy(section['no_params'])) return [...words, ...methodArguments(section, ['command', 'no_params', 'no_leader', 'keep_data'])];
  const standard = {
    scope: request.scope,
    role: 'replica',
    datadir: request.dataDir,
    connstring: request.source?.connectionString ?? '',
  };
  return [...words, ...methodArguments(section, ['command'], standard)];
}
