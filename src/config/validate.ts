import { isIPv4, isIPv6 } from 'node:net';
import { isPlainObject, pythonText } from '../base/python-values.js';
import { clampTimings } from '../cluster/dynamic-config.js';
import { effectiveSettings } from './effective.js';
import type { Environment } from './environment.js';
import { DCS_SECTIONS } from './environment-variables.js';
import { ConfigError, problemText, shownValue } from './errors.js';
import { splitHostPort } from './host-port.js';
import { LocalConfiguration } from './local.js';
import { isReachable } from './probe.js';
import { SCHEMA, type SchemaRow } from './schema-table.js';
import { failed, type SettingType, withoutPath } from './setting-types.js';
import { binDirLines, dataDirMessage } from './validate-postgresql.js';
import { dumpYaml } from './yaml.js';

type RawMap = Readonly<Record<string, unknown>>;
type Lines = readonly string[] | Promise<readonly string[]>;

export interface ValidateOptions {
  /** Do not report `listen` ports that are in use (they are, while the member runs). */
  readonly ignoreListenPort?: boolean;
  /** Directories of programs, as in `PATH`. */
  readonly path?: string;
}

const REQUIRED_SECTIONS = new Set([
  'restapi',
  'bootstrap.dcs',
  'postgresql',
  'postgresql.authentication',
  'postgresql.authentication.replication',
  'postgresql.authentication.superuser',
]);
const TIMINGS = new Set(['bootstrap.dcs.ttl', 'bootstrap.dcs.loop_wait', 'bootstrap.dcs.retry_timeout']);
/** One of these must be there. */
const AT_LEAST_ONE: Readonly<Record<string, readonly string[]>> = {
  consul: ['host', 'url'],
  etcd: ['host', 'hosts', 'srv', 'srv_suffix', 'url', 'proxy'],
  etcd3: ['host', 'hosts', 'srv', 'srv_suffix', 'url', 'proxy'],
  'bootstrap.dcs.standby_cluster': ['host', 'port', 'restore_command'],
};
const AT_MOST_ONE: readonly (readonly [string, string])[] = [
  ['nofailover', 'failover_priority'],
  ['nosync', 'sync_priority'],
];

/**
 * The lines of `--validate-config`, in the order of the schema; none when all is well (configuration.md §6).
 * Connects to configured servers and `listen` ports and runs `postgres --version`. What only the daemon's own check finds
 * stands at the end. Values of secrets are left out.
 */
export async function validateConfig(raw: RawMap, options: ValidateOptions = {}): Promise<string[]> {
  const parts: Lines[] = [];
  const seen = new Set<string>();
  for (const row of SCHEMA) {
    const section = enterSection(raw, row, seen, parts);
    if (section === undefined) continue;
    // Already reported as a section.
    if (!seen.has(row.path)) parts.push(rowLines(section, row, raw, options));
    if (row.path === 'postgresql.data_dir') parts.push(binDirLines(section, options.path ?? ''));
  }
  if (isPlainObject(raw['tags'])) parts.push(tagLines(raw['tags']));
  const lines = (await Promise.all(parts)).flat();
  return [...lines, ...daemonLines(raw, lines)];
}

/** `--validate-config`: lines on standard error, or the configuration on standard output when that is asked for. @returns the exit code. */
export async function runValidate(
  command: { readonly path: string | undefined; readonly ignoreListenPort: boolean; readonly print: boolean },
  environment: Environment,
): Promise<number> {
  let raw: RawMap;
  try {
    raw = LocalConfiguration.load({ path: command.path, environment }).raw;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
  const lines = await validateConfig(raw, { ignoreListenPort: command.ignoreListenPort, path: environment['PATH'] ?? '' });
  if (lines.length > 0) process.stderr.write(`${lines.join('\n')}\n`);
  else if (command.print) process.stdout.write(dumpYaml(raw));
  return lines.length > 0 ? 1 : 0;
}

/** The mapping in which the row's key stands; undefined, with a line where it is due, when there is none. */
function enterSection(raw: RawMap, row: SchemaRow, seen: Set<string>, parts: Lines[]): RawMap | undefined {
  const keys = row.path.split('.').slice(0, -1);
  let current = raw;
  let path = '';
  for (const key of keys) {
    path = path === '' ? key : `${path}.${key}`;
    const isFirst = !seen.has(path);
    seen.add(path);
    if (isFirst && path === DCS_SECTIONS[0] && !DCS_SECTIONS.some((name) => name in raw)) {
      parts.push(DCS_SECTIONS.map((name) => undefinedLine(name)));
    }
    const value = current[key];
    if (!(key in current)) {
      if (isFirst && REQUIRED_SECTIONS.has(path)) parts.push([undefinedLine(path)]);
      return undefined;
    }
    if (!isPlainObject(value)) {
      // A password that stands where its section should be is not shown.
      if (isFirst) parts.push([line(path, path.includes('authentication') ? '' : value, 'is not a dictionary')]);
      return undefined;
    }
    const needed = AT_LEAST_ONE[path];
    if (isFirst && needed !== undefined && !needed.some((name) => name in value)) {
      const at = path;
      parts.push(needed.map((name) => undefinedLine(`${at}.${name}`)));
    }
    current = value;
  }
  return current;
}

function undefinedLine(path: string): string {
  return `${path}  is not defined.`;
}

function line(path: string, value: unknown, message: string): string {
  const shown = shownValue(path, '') === undefined ? '' : pythonText(value);
  return `${path} ${shown} ${message}`;
}

function rowLines(section: RawMap, row: SchemaRow, raw: RawMap, options: ValidateOptions): Lines {
  const { path, type } = row;
  const key = path.slice(path.lastIndexOf('.') + 1);
  if (key === '*') return [];
  if (!(key in section)) return row.required ? [undefinedLine(path)] : [];
  const value = section[key];
  if (path === 'kubernetes.pod_ip') return addressLines(path, value);
  const lines = typeLines(path, value, type);
  if (lines.length > 0) return TIMINGS.has(path) && hasUsableTimings(section) ? [] : lines;
  if (path === 'postgresql.data_dir') {
    return dataDirMessage(raw['postgresql'], options.path ?? '').then((message) =>
      message === undefined ? [] : [line(path, value, message)],
    );
  }
  return probeLines(path, value, type, options);
}

/** Timings below Patroni's minimum that our daemon runs with as they are (docs/low-ttl.md). */
function hasUsableTimings(section: RawMap): boolean {
  const clamped = clampTimings(section);
  return 'timings' in clamped && clamped.warnings.length === 0;
}

function typeLines(path: string, value: unknown, type: SettingType): readonly string[] {
  const message = type.strict(value);
  if (message !== undefined) {
    const messages = type.alternatives?.map((alternative) => alternative.strict(value)) ?? [message];
    return messages.filter((text) => text !== undefined).map((text) => line(path, value, text));
  }
  const element = type.element ?? type.alternatives?.find((alternative) => alternative.element !== undefined)?.element;
  if (element === undefined || !Array.isArray(value)) return [];
  return value.flatMap((item, i) => typeLines(`${path}.${i}`, item, element));
}

function addressLines(path: string, value: unknown): readonly string[] {
  const text = pythonText(value);
  if (isIPv4(text) || isIPv6(text)) return [];
  return ['ipv4', 'ipv6'].map((kind) => line(path, value, failed(`Is not a valid ${kind} address`)));
}

async function probeLines(path: string, value: unknown, type: SettingType, options: ValidateOptions): Promise<readonly string[]> {
  const probe = type.probe ?? type.element?.probe;
  if (probe === undefined) return [];
  if (probe === 'listen') return options.ignoreListenPort === true ? [] : listenLines(path, String(value));
  if (Array.isArray(value)) return (await Promise.all(value.map((item, i) => reachableLines(`${path}.${i}`, String(item))))).flat();
  if (!path.endsWith('hosts')) return reachableLines(path, String(value));
  const hosts = String(value)
    .split(',')
    .map((host) => host.trim())
    .filter(Boolean);
  return (await Promise.all(hosts.map((host, i) => reachableLines(`${path}.${i}`, host)))).flat();
}

async function reachableLines(path: string, value: string): Promise<readonly string[]> {
  const address = splitHostPort(path.startsWith('zookeeper.') ? String(withoutPath(value)) : value, 1);
  if (address === undefined) return [line(path, value, failed('contains a wrong value'))];
  try {
    return (await isReachable(address.host, address.port)) ? [] : [line(path, value, failed(`${value} is not reachable`))];
  } catch (error) {
    return [line(path, value, `didn't pass validation: ${(error as Error).message}`)];
  }
}

async function listenLines(path: string, value: string): Promise<readonly string[]> {
  // Only PostgreSQL has a default port.
  const address = splitHostPort(value, path.startsWith('postgresql.') ? 5432 : undefined);
  if (address === undefined) return [line(path, value, failed('contains a wrong value'))];
  const hosts = address.host.split(',').map((host) => host.trim());
  if (hosts.includes('*') && hosts.length > 1) return [line(path, value, failed("expecting '*' alone"))];
  for (const host of hosts) {
    try {
      const isUsed = await isReachable(['*', '', '0.0.0.0', '::'].includes(host) ? 'localhost' : host, address.port);
      if (isUsed) return [line(path, value, failed(`Port ${address.port} is already in use.`))];
    } catch (error) {
      return [line(path, value, `didn't pass validation: ${(error as Error).message}`)];
    }
  }
  return [];
}

function tagLines(tags: RawMap): readonly string[] {
  return AT_MOST_ONE.filter(([one, other]) => one in tags && other in tags).map(
    ([one, other]) => `tags  Multiple of ('${one}', '${other}') provided`,
  );
}

/** Problems that would stop the daemon and that no line above names. */
function daemonLines(raw: RawMap, lines: readonly string[]): readonly string[] {
  try {
    effectiveSettings(raw, {});
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (lines.length > 0)
      return error.problems.filter((p) => p.path !== '' && !lines.some((text) => isAbout(text, p.path))).map(problemText);
    return error.problems.map(problemText);
  }
}

/** A line about the setting itself or about a section around it. */
function isAbout(text: string, path: string): boolean {
  const at = text.slice(0, text.indexOf(' '));
  return at === path || path.startsWith(`${at}.`) || at.startsWith(`${path}.`);
}
