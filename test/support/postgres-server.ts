import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { milliseconds } from '../../src/base/duration.js';
import { nodeClock } from '../../src/platform/node-clock.js';
import { nodeRandom } from '../../src/platform/node-random.js';
import type { Log } from '../../src/ports/log.js';
import type { PostgresSettings } from '../../src/ports/settings.js';

/** Why tests with a server can't run here; undefined when they can. `initdb` refuses to run as root. */
export function whyNoPostgres(): string | undefined {
  if (process.getuid?.() === 0) return 'PostgreSQL does not run as root: run this file as another user';
  return binDir() === undefined ? 'no PostgreSQL found: set PG_BINDIR' : undefined;
}

export function binDir(): string | undefined {
  const candidates = [process.env['PG_BINDIR'], ...[18, 17, 16, 15, 14, 13].map((version) => `/usr/lib/postgresql/${version}/bin`)];
  return candidates.find((folder) => folder !== undefined && existsSync(join(folder, 'postgres')));
}

export function initdb(dataDir: string): void {
  execFileSync(join(binDir() ?? '', 'initdb'), ['-D', dataDir, '-N', '--username=postgres', '--auth=trust'], { stdio: 'ignore' });
}

/** Waits for a state; the deadline is only for the failure. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, limitMs = 15_000): Promise<void> {
  const deadline = nodeClock.monotonic() + milliseconds(limitMs);
  while (!(await condition())) {
    if (nodeClock.monotonic() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
    await nodeClock.sleep(20);
  }
}

export function memoryLog(lines: string[]): Log {
  const write =
    (level: string) =>
    (message: string, error?: unknown): void =>
      void lines.push(`${level} ${message}${error === undefined ? '' : ` ${String(error)}`}`);
  const log: Log = {
    debug: write('debug'),
    info: write('info'),
    warning: write('warning'),
    error: write('error'),
    critical: write('critical'),
    named: () => log,
  };
  return log;
}

export function postgresSettings(dataDir: string, port: number, changes: Partial<PostgresSettings> = {}): PostgresSettings {
  const none = { primary: undefined, replica: undefined, standby_leader: undefined };
  return {
    dataDir,
    configDir: dataDir,
    configBaseName: 'postgresql',
    binDir: binDir() ?? '',
    binName: {},
    database: 'postgres',
    listen: `127.0.0.1:${port}`,
    connectAddress: `127.0.0.1:${port}`,
    proxyAddress: undefined,
    useUnixSocket: true,
    useUnixSocketRepl: true,
    pgpass: join(dataDir, '..', 'pgpass'),
    pgCtlTimeout: 60,
    superuser: { username: 'postgres' },
    replication: { username: 'postgres' },
    rewind: undefined,
    parameters: {},
    parametersByRole: none,
    pgHba: undefined,
    pgHbaByRole: none,
    pgIdent: undefined,
    pgIdentByRole: none,
    recoveryConf: {},
    customConf: undefined,
    callbacks: {},
    prePromote: undefined,
    beforeStop: undefined,
    createReplicaMethods: ['basebackup'],
    methods: {},
    basebackup: [],
    rewindOptions: [],
    usePgRewind: false,
    removeDataDirectoryOnRewindFailure: false,
    removeDataDirectoryOnDivergedTimelines: false,
    useSlots: true,
    krbsrvname: undefined,
    ...changes,
  };
}

/** What every server of a test is told, whatever its settings. */
export function surroundings(log: string[], changes: { readonly name?: string; readonly mode?: 'off' | 'on' } = {}) {
  return {
    name: changes.name ?? 'n1',
    scope: 'demo',
    clock: nodeClock,
    random: nodeRandom,
    log: memoryLog(log),
    environment: { PATH: process.env['PATH'] ?? '' },
    retryTimeoutMs: (): number => 10_000,
    synchronousMode: (): 'off' | 'on' => changes.mode ?? 'off',
  };
}
