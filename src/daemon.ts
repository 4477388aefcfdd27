import { parseCommandLine } from './config/command-line.js';
import { readDynamicCache } from './config/dynamic-cache.js';
import { effectiveSettings } from './config/effective.js';
import { ConfigError } from './config/errors.js';
import { LocalConfiguration } from './config/local.js';
import { missingPrograms } from './config/validate-postgresql.js';
import { MemberDaemon } from './member-daemon.js';
import { nodeClock } from './platform/node-clock.js';
import { createLog } from './platform/node-log.js';
import { nodeRandom } from './platform/node-random.js';
import type { LogSettings } from './ports/settings.js';

/** Exit code for whatever keeps the daemon from starting, as Patroni's (configuration.md §4.7). */
const CANNOT_START = 1;

/** Whatever the daemon and its children create is for its own user (postgres.md §27.1). */
const PRIVATE_UMASK = 0o077;

/** The `patroni` command. @returns the exit code of the process. */
export async function main(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const command = parseCommandLine(args);
  switch (command.kind) {
    case 'exit':
      (command.code === 0 ? process.stdout : process.stderr).write(command.text);
      return command.code;
    case 'validate': {
      const { runValidate } = await import('./config/validate.js');
      return runValidate(command, environment);
    }
    case 'generate-sample': {
      const { runGenerateSample } = await import('./config/generate-sample.js');
      return runGenerateSample(command, environment);
    }
    case 'generate': {
      const [{ runGenerateConfig }, { connect }, { askPassword }] = await Promise.all([
        import('./config/generate-config.js'),
        import('./postgres/query/connect.js'),
        import('./platform/ask-password.js'),
      ]);
      const connectTo = (parameters: Readonly<Record<string, string>>) => connect(parameters, { clock: nodeClock });
      return runGenerateConfig(command, { dsn: command.dsn, environment, connect: connectTo, askPassword });
    }
    case 'run':
      return run(command.path, environment);
  }
}

async function run(path: string | undefined, environment: NodeJS.ProcessEnv): Promise<number> {
  if (typeof process.getuid === 'function' && process.getuid() === 0) {
    process.stderr.write(
      'patroni refuses to run as root, because PostgreSQL does: start it as the user that owns the data directory, for example with "su postgres -c \'patroni CONFIG\'"\n',
    );
    return CANNOT_START;
  }
  try {
    const local = LocalConfiguration.load({ path, environment });
    const first = effectiveSettings(local.raw, {});
    const cached = readDynamicCache(first.settings.postgresql.dataDir);
    const log = openLog(first.settings.log);
    for (const warning of [...local.warnings, ...first.warnings]) log.warning(warning);
    // No reason to refuse the start: a directory on a network may be back when it is needed.
    const missing = missingPrograms(local.raw['postgresql'], environment['PATH'] ?? '');
    if (missing.length > 0) log.error(`not found in postgresql.bin_dir, or in PATH while that is not set: ${missing.join(', ')}`);
    const umask = process.umask(PRIVATE_UMASK);
    const daemon = await MemberDaemon.create({ umask, local, cached, log, clock: nodeClock, random: nodeRandom, environment });
    const code = await daemon.run();
    log.flushSync();
    return code;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return CANNOT_START;
  }
}

/** @throws ConfigError when there is no place for the log. */
function openLog(settings: LogSettings): ReturnType<typeof createLog> {
  try {
    return createLog(settings, nodeClock);
  } catch (error) {
    if (settings.dir === undefined || !(error instanceof Error)) throw error;
    throw new ConfigError(`log.dir: the log can not be written in '${settings.dir}': ${error.message}`, { cause: error });
  }
}
