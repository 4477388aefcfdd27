import { isPlainObject, parseBool, parseInteger, pythonText } from '../../base/python-values.js';
import { settingError } from './errors.js';

const DEFAULT_SCOPE_LABEL = 'cluster-name';
const DEFAULT_POSTGRES_PORT = 5432;

export type Labels = Readonly<Record<string, string>>;

/** How a pod's labels tell its role (dcs.md §14.7). */
export interface RoleLabels {
  readonly roleLabel: string;
  readonly leaderValue: string;
  readonly followerValue: string;
  readonly standbyLeaderValue: string;
  /** A second label with fixed values, for the time in which the first one's values change. */
  readonly temporaryRoleLabel: string | undefined;
  /** Set while the data directory comes into being. */
  readonly bootstrapLabels: Labels;
}

/** A port of the leader's endpoint. */
export interface EndpointPort {
  readonly port: number;
  readonly name?: string;
  readonly protocol?: string;
}

export interface KubernetesSettings {
  readonly namespace: string;
  /** Of all our objects, the scope's label included; also the selector. */
  readonly labels: Labels;
  readonly role: RoleLabels;
  readonly useEndpoints: boolean;
  readonly podIp: string | undefined;
  readonly ports: readonly EndpointPort[];
  readonly bypassApiService: boolean;
  readonly cacert: string | undefined;
  readonly context: string;
  readonly retriableCodes: ReadonlySet<number>;
}

type Section = Readonly<Record<string, unknown>>;

/** Reads the section `kubernetes`. @throws DcsSettingError */
export function parseKubernetesSettings(section: Section, scope: string): KubernetesSettings {
  const labels = labelsOf(section['labels'], 'labels');
  if (labels === undefined) throw settingError('kubernetes.labels', 'must be a map of labels, {} at least', section['labels']);
  return {
    namespace: text(section, 'namespace') ?? 'default',
    labels: { ...labels, [text(section, 'scope_label') ?? DEFAULT_SCOPE_LABEL]: scope },
    role: {
      roleLabel: text(section, 'role_label') ?? 'role',
      leaderValue: text(section, 'leader_label_value') ?? 'primary',
      followerValue: text(section, 'follower_label_value') ?? 'replica',
      standbyLeaderValue: text(section, 'standby_leader_label_value') ?? 'primary',
      temporaryRoleLabel: text(section, 'tmp_role_label'),
      bootstrapLabels: labelsOf(section['bootstrap_labels'], 'bootstrap_labels') ?? {},
    },
    useEndpoints: parseBool(section['use_endpoints']) === true,
    podIp: text(section, 'pod_ip'),
    ports: portsOf(section['ports']),
    bypassApiService: parseBool(section['bypass_api_service']) === true,
    cacert: text(section, 'cacert'),
    context: text(section, 'context') ?? 'kind-kind',
    retriableCodes: retriableCodesOf(section),
  };
}

/** Statuses that are repeated beside Patroni's own; a reload may change them. Unusable entries are left out. */
export function retriableCodesOf(section: Section): ReadonlySet<number> {
  const value = section['retriable_http_codes'];
  const list = Array.isArray(value) ? value : typeof value === 'string' ? value.split(',') : value === undefined ? [] : [value];
  return new Set(list.map((item) => parseInteger(item)).filter((code) => code !== undefined && code >= 100 && code <= 599) as number[]);
}

function labelsOf(value: unknown, key: string): Labels | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isPlainObject(value)) throw settingError(`kubernetes.${key}`, 'must be a map of labels', value);
  return Object.fromEntries(Object.entries(value).map(([name, label]) => [name, pythonText(label)]));
}

function portsOf(value: unknown): readonly EndpointPort[] {
  const list = Array.isArray(value) && value.length > 0 ? value : [{}];
  return list.map((item, i) => {
    if (!isPlainObject(item)) throw settingError(`kubernetes.ports.${i}`, 'must be a map with port, name, protocol', item);
    const port = item['port'] === undefined ? DEFAULT_POSTGRES_PORT : parseInteger(item['port']);
    if (port === undefined || port < 1 || port > 65535)
      throw settingError(`kubernetes.ports.${i}.port`, 'must be a port number, 1 to 65535', item['port']);
    const [name, protocol] = [text(item, 'name'), text(item, 'protocol')];
    return { port, ...(name === undefined ? {} : { name }), ...(protocol === undefined ? {} : { protocol }) };
  });
}

function text(section: Section, key: string): string | undefined {
  const value = section[key];
  return value === undefined || value === null || value === '' ? undefined : String(value);
}
