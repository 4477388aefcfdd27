import { isPlainObject, isTruthy, parseInteger, pythonText } from '../base/python-values.js';

/** The section `standby_cluster` of the dynamic configuration: the server outside that the cluster replicates from. */
export interface StandbyCluster {
  /** One host, or several separated by commas. */
  readonly host: string | undefined;
  /** One port for all hosts, or one for each. */
  readonly port: string | undefined;
  readonly primarySlotName: string | undefined;
  readonly restoreCommand: string | undefined;
  readonly archiveCleanupCommand: string | undefined;
  readonly recoveryMinApplyDelay: string | undefined;
  readonly createReplicaMethods: readonly string[];
}

const DEFAULT_PORT = '5432';
const KEYS = [
  'host',
  'port',
  'primary_slot_name',
  'restore_command',
  'archive_cleanup_command',
  'recovery_min_apply_delay',
  'create_replica_methods',
];

/** undefined unless the section names a host, a port or a restore command: then this is no standby cluster. */
export function parseStandbyCluster(value: unknown): StandbyCluster | undefined {
  if (!isPlainObject(value)) return undefined;
  if (!isTruthy(value['host']) && !isTruthy(value['port']) && !isTruthy(value['restore_command'])) return undefined;
  const text = (name: string): string | undefined => (isTruthy(value[name]) ? pythonText(value[name]) : undefined);
  const methods = value['create_replica_methods'];
  return {
    host: text('host'),
    port: text('port'),
    primarySlotName: text('primary_slot_name'),
    restoreCommand: text('restore_command'),
    archiveCleanupCommand: text('archive_cleanup_command'),
    recoveryMinApplyDelay: text('recovery_min_apply_delay'),
    createReplicaMethods: Array.isArray(methods) && methods.length > 0 ? methods.map(pythonText) : ['basebackup'],
  };
}

/** What is wrong with the section, as sentences without the values of settings that may hold secrets. */
export function standbyClusterProblems(value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!isPlainObject(value)) return ['standby_cluster is ignored: it has to be a mapping with host, port or restore_command'];
  const problems = Object.keys(value)
    .filter((key) => !KEYS.includes(key))
    .map((key) => `standby_cluster.${key} is no known setting (known are ${KEYS.join(', ')})`);
  const parsed = parseStandbyCluster(value);
  if (parsed === undefined) {
    if (Object.keys(value).length === 0) return problems;
    return [
      ...problems,
      'standby_cluster is ignored: it names neither host, port nor restore_command, so this cluster has its own primary',
    ];
  }
  if (value['create_replica_methods'] !== undefined && !Array.isArray(value['create_replica_methods'])) {
    problems.push('standby_cluster.create_replica_methods is ignored: it has to be a list of names');
  }
  return [...problems, ...addressProblems(parsed)];
}

function addressProblems({ host, port, restoreCommand }: StandbyCluster): readonly string[] {
  const suffix = restoreCommand === undefined ? 'nobody can be followed' : 'only the archive is followed';
  if (host === undefined) return port === undefined ? [] : [`standby_cluster.port without host says nothing: ${suffix}`];
  const problem = hostList(host, port);
  return typeof problem === 'string' ? [`${problem}: ${suffix}`] : [];
}

/**
 * Where the remote servers are, as a connection URL without user, password or database.
 * @returns undefined without a usable address: then only the archive can be followed.
 */
export function remoteConnUrl({ host, port }: StandbyCluster): string | undefined {
  const hosts = host === undefined ? 'none' : hostList(host, port);
  return typeof hosts === 'string' ? undefined : `postgres://${hosts.join(',')}`;
}

/** `host:port` for each host; else what is wrong. Addresses of IPv6 get brackets. */
function hostList(host: string, port: string | undefined): readonly string[] | string {
  const hosts = host.split(',').map((each) => each.trim());
  const ports = (port ?? DEFAULT_PORT).split(',').map((each) => each.trim());
  // A password that somebody put here must not get into a log.
  if (host.includes('@'))
    return 'standby_cluster.host takes host names only; user and password belong to postgresql.authentication.replication';
  if (hosts.some((each) => each === '')) return 'standby_cluster.host has an empty name in its list';
  if (ports.length > 1 && ports.length !== hosts.length) {
    return `standby_cluster.port has ${ports.length} numbers for ${hosts.length} hosts: give one, or one for each`;
  }
  const wrong = ports.find((each) => !isPort(each));
  if (wrong !== undefined) return `standby_cluster.port: '${wrong}' is no port number`;
  const parts = hosts.map((each, index) => withPort(each, ports[index] ?? ports[0] ?? DEFAULT_PORT));
  const bad = hosts.find((_, index) => parts[index] === undefined);
  if (bad !== undefined) return `standby_cluster.host: '${bad}' is no host name, address or directory of a socket`;
  return parts.filter((each) => each !== undefined);
}

/** A port beside the host name wins over `port`. */
function withPort(host: string, port: string): string | undefined {
  if (host.startsWith('/')) return `${encodeURIComponent(host)}:${port}`;
  const bracketed = /^\[([0-9a-fA-F:.%]+)\](?::(\d+))?$/.exec(host);
  if (bracketed) return `[${bracketed[1]}]:${bracketed[2] ?? port}`;
  if (/^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.%]*$/.test(host)) return `[${host}]:${port}`;
  const named = /^([^\s:/?#[\]'"\\]+)(?::(\d+))?$/.exec(host);
  if (!named || (named[2] !== undefined && !isPort(named[2]))) return undefined;
  return `${named[1]}:${named[2] ?? port}`;
}

function isPort(text: string): boolean {
  const number = /^\d+$/.test(text) ? parseInteger(text) : undefined;
  return number !== undefined && number > 0 && number < 65_536;
}
