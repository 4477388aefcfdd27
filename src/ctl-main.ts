import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { seconds } from './base/duration.js';
import { isTruthy } from './base/python-values.js';
import { dcsSettings, namespaceOf } from './config/effective-dcs.js';
import { levelNumber } from './config/effective-log.js';
import { ctlSettings } from './config/effective-rest.js';
import { ConfigError } from './config/errors.js';
import { LocalConfiguration } from './config/local.js';
import type { ClusterStore, CtlContext } from './ctl/context.js';
import { withDcsUrl } from './ctl/dcs-url.js';
import { Aborted, CtlError, UsageError } from './ctl/errors.js';
import { nodeTerminal } from './ctl/node-terminal.js';
import { nodeWorkplace } from './ctl/node-workplace.js';
import { globalConfigOf } from './ctl/output/cluster-rows.js';
import { createProgram, type GlobalOptions } from './ctl/program.js';
import { createRestClient } from './ctl/rest-client.js';
import { localSecond } from './ctl/times.js';
import { nodeClock } from './platform/node-clock.js';
import { nodeRandom } from './platform/node-random.js';
import type { Dcs } from './ports/dcs.js';
import type { Log } from './ports/log.js';
import { loadStore } from './stores.js';

const LOG_LEVEL_WARNING = 30;
const TIMINGS = { ttlMs: seconds(30), loopWaitMs: seconds(10), retryTimeoutMs: seconds(10) };
const terminal = nodeTerminal();
const opened: Dcs[] = [];

/** Read before the configuration removes our variables from the environment. */
const LOG_LEVEL =
  levelNumber(process.env['PATRONI_LOG_LEVEL'] ?? process.env['PATRONI_LOGLEVEL'] ?? process.env['LOGLEVEL'] ?? 'WARNING') ??
  LOG_LEVEL_WARNING;

function log(level: string, message: string): void {
  const at = nodeClock.wall();
  const stamp = `${localSecond(at)},${String(at % 1000).padStart(3, '0')}`;
  if ((levelNumber(level.toUpperCase()) ?? 0) >= LOG_LEVEL) terminal.err(`${stamp} - ${level.toUpperCase()} - ${message}\n`);
}
const stderrLog: Log = {
  debug: (message) => log('debug', message),
  info: (message) => log('info', message),
  warning: (message) => log('warning', message),
  error: (message) => log('error', message),
  critical: (message) => log('critical', message),
  named: () => stderrLog,
};

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function configuration(options: GlobalOptions): Readonly<Record<string, unknown>> {
  const given = options.configFile ?? process.env['PATRONICTL_CONFIG_FILE'];
  const path = given ?? join(process.env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'patroni', 'patronictl.yaml');
  const isThere = isReadable(path);
  if (given !== undefined && !isThere) {
    throw new CtlError(`Provided config file ${path} not existing or no read rights. Check the -c/--config-file parameter`);
  }
  const url = options.dcsUrl ?? process.env['DCS_URL'];
  const read = (): Readonly<Record<string, unknown>> => {
    try {
      return LocalConfiguration.load({ path: isThere ? path : undefined, environment: process.env }).raw;
    } catch (error) {
      if (!isThere && error instanceof ConfigError && error.message === 'Config is empty.') return {};
      throw error;
    }
  };
  return url === undefined ? read() : withDcsUrl(read(), url);
}

async function open(options: GlobalOptions): Promise<CtlContext> {
  const raw = configuration(options);
  const ctl = ctlSettings(raw);
  // As the daemon: groups that are there but not shown would be worse than no answer.
  if (isTruthy(raw['citus'])) throw new CtlError('citus is not supported yet: patronictl can not read Citus clusters');
  const stores = new Map<string, Promise<ClusterStore>>();
  return {
    terminal,
    clock: nodeClock,
    random: nodeRandom,
    settings: {
      scope: typeof raw['scope'] === 'string' ? raw['scope'] : undefined,
      citusGroup: undefined,
    },
    rest: createRestClient({ ...ctl, isInsecure: options.insecure || ctl.insecure }, nodeClock),
    workplace: nodeWorkplace(process.env),
    log,
    store: (cluster, group) => {
      const key = `${cluster}/${group ?? ''}`;
      const store = stores.get(key) ?? openStore(raw, group === undefined ? cluster : key);
      stores.set(key, store);
      return store;
    },
    connect: async (target, isInRecovery) => (await import('./ctl/node-query.js')).connectQuery(target, isInRecovery),
  };
}

async function openStore(raw: Readonly<Record<string, unknown>>, scope: string): Promise<ClusterStore> {
  const { kind, section } = dcsSettings(raw);
  const common = { timings: TIMINGS, clock: nodeClock, random: nodeRandom, log: stderrLog };
  const name = String(raw['name'] ?? scope);
  const dcs = await loadStore({ dcs: { kind, section }, scope, name, namespace: namespaceOf(raw) }, common, true).catch(
    (error: unknown) => {
      throw error instanceof ConfigError ? new CtlError(error.message) : error;
    },
  );
  opened.push(dcs);
  // The cluster's own budget once it is known.
  let limit = { timeoutMs: TIMINGS.retryTimeoutMs };
  return {
    load: async () => {
      const view = await dcs.load(limit);
      limit = { timeoutMs: globalConfigOf(view).retryTimeoutMs };
      return view;
    },
    writeConfig: (value, version) => dcs.writeConfig(value, version, limit),
    writeFailover: (value, version) => dcs.writeFailover(value, version, limit),
    deleteCluster: () => dcs.deleteCluster(limit),
  };
}

const commandLine = createProgram(open, terminal.out);

function exitCodeFor(error: unknown): number {
  if (error instanceof CommanderError || error instanceof UsageError) {
    const complaint = commandLine.complaint(error);
    terminal.err(complaint ?? '');
    return complaint === undefined ? 0 : 2;
  }
  terminal.err(error instanceof Aborted ? 'Aborted!\n' : `Error: ${error instanceof Error ? error.message : String(error)}\n`);
  return 1;
}

try {
  await commandLine.program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeFor(error);
} finally {
  for (const dcs of opened) await dcs.close();
  terminal.close();
}
