import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { seconds } from './base/duration.js';
import { isPlainObject } from './base/python-values.js';
import { dcsSettings, namespaceOf } from './config/effective-dcs.js';
import { ctlSettings } from './config/effective-rest.js';
import { ConfigError } from './config/errors.js';
import { LocalConfiguration } from './config/local.js';
import type { ClusterStore, CtlContext } from './ctl/context.js';
import { withDcsUrl } from './ctl/dcs-url.js';
import { Aborted, CtlError, UsageError } from './ctl/errors.js';
import { nodeTerminal } from './ctl/node-terminal.js';
import { createProgram, type GlobalOptions, usageText } from './ctl/program.js';
import { createRestClient } from './ctl/rest-client.js';
import { nodeClock } from './platform/node-clock.js';
import { nodeRandom } from './platform/node-random.js';
import type { Dcs } from './ports/dcs.js';
import type { Log } from './ports/log.js';

const TIMINGS = { ttlMs: seconds(30), loopWaitMs: seconds(10), retryTimeoutMs: seconds(10) };
const terminal = nodeTerminal();
const opened: Dcs[] = [];

function log(level: string, message: string): void {
  if (level !== 'debug' && level !== 'info') terminal.err(`${level.toUpperCase()} - ${message}\n`);
}
const stderrLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warning: (message) => log('warning', message),
  error: (message) => log('error', message),
  critical: (message) => log('critical', message),
  named: () => stderrLog,
};

function configuration(options: GlobalOptions): Readonly<Record<string, unknown>> {
  const given = options.configFile ?? process.env['PATRONICTL_CONFIG_FILE'];
  const path = given ?? join(process.env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'patroni', 'patronictl.yaml');
  const isThere = statSync(path, { throwIfNoEntry: false }) !== undefined;
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
  const citus = isPlainObject(raw['citus']) ? raw['citus']['group'] : undefined;
  const stores = new Map<string, Promise<ClusterStore>>();
  const unavailable = (): never => {
    throw new CtlError('this command is not available yet');
  };
  return {
    terminal,
    clock: nodeClock,
    random: nodeRandom,
    settings: {
      scope: typeof raw['scope'] === 'string' ? raw['scope'] : undefined,
      citusGroup: typeof citus === 'number' ? citus : undefined,
    },
    rest: createRestClient({ ...ctl, isInsecure: options.insecure || ctl.insecure }),
    workplace: { readFile: unavailable, edit: unavailable, page: unavailable },
    log,
    store: (cluster, group) => {
      const key = `${cluster}/${group ?? ''}`;
      const store = stores.get(key) ?? openStore(raw, group === undefined ? cluster : key);
      stores.set(key, store);
      return store;
    },
    connect: unavailable,
  };
}

async function openStore(raw: Readonly<Record<string, unknown>>, scope: string): Promise<ClusterStore> {
  const { kind, section } = dcsSettings(raw);
  if (kind !== 'etcd3') throw new CtlError(`${kind} is not available as a store; available: etcd3`);
  const { createEtcd3 } = await import('./dcs/etcd3/etcd3-dcs.js');
  const common = { namespace: namespaceOf(raw), timings: TIMINGS, clock: nodeClock, random: nodeRandom, log: stderrLog };
  const dcs = createEtcd3({ ...common, section, scope, name: String(raw['name'] ?? scope), isReadOnlyClient: true });
  opened.push(dcs);
  const limit = { timeoutMs: TIMINGS.retryTimeoutMs };
  return {
    load: () => dcs.load(limit),
    writeConfig: (value, version) => dcs.writeConfig(value, version, limit),
    writeFailover: (value, version) => dcs.writeFailover(value, version, limit),
    deleteCluster: () => dcs.deleteCluster(limit),
  };
}

function exitCodeFor(error: unknown): number {
  const usage = error instanceof CommanderError ? usageText(error) : error instanceof UsageError ? error.message : undefined;
  if (usage !== undefined) {
    terminal.err(`Usage: patronictl [OPTIONS] COMMAND [ARGS]...\nTry 'patronictl --help' for help.\n\nError: ${usage}\n`);
    return 2;
  }
  if (error instanceof CommanderError) return 0;
  terminal.err(error instanceof Aborted ? 'Aborted!\n' : `Error: ${error instanceof Error ? error.message : String(error)}\n`);
  return 1;
}

try {
  await createProgram(open, terminal.out).parseAsync();
} catch (error) {
  process.exitCode = exitCodeFor(error);
} finally {
  for (const dcs of opened) await dcs.close();
  terminal.close();
}
