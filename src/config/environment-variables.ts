/** How the text of a variable becomes a value (configuration.md §1.4). */
export type Conversion = 'text' | 'integer' | 'real' | 'bool' | 'list' | 'map' | 'format';

export interface EnvironmentVariable {
  readonly path: readonly string[];
  readonly as: Conversion;
  /** An empty value counts (generic DCS variables only). */
  readonly keepsEmpty?: true;
  /** Counts only when the section has another variable. */
  readonly needsSection?: true;
}

const text = 'text' as const;

/** Section → conversion → keys of variables `PATRONI_<SECTION>_<KEY>`. */
const PLAIN: Readonly<Record<string, Partial<Record<Conversion, string>>>> = {
  log: {
    text: 'type level traceback_level dateformat dir',
    integer: 'max_queue_size file_size file_num mode',
    bool: 'deduplicate_heartbeat_logs',
    map: 'static_fields loggers',
    format: 'format',
  },
  restapi: {
    text: 'listen connect_address certfile keyfile keyfile_password cafile ciphers verify_client server_tokens',
    integer: 'request_queue_size thread_pool_size',
    bool: 'allowlist_include_members',
    list: 'allowlist',
    map: 'http_extra_headers https_extra_headers',
  },
  ctl: { text: 'cacert certfile keyfile keyfile_password', bool: 'insecure' },
  postgresql: { text: 'listen connect_address proxy_address config_dir data_dir pgpass bin_dir' },
};

const GENERIC: Partial<Record<Conversion, string>> = {
  integer: 'port',
  list: 'hosts ports checks service_tags retriable_http_codes',
  map: 'labels set_acls auth_data bootstrap_labels',
  bool: 'use_proxies register_service use_endpoints bypass_api_service verify',
  text:
    'host protocol srv srv_suffix url proxy cacert cert key token dc consistency service_check_interval ' +
    'service_check_tls_server_name namespace context scope_label role_label pod_ip key_password use_ssl ' +
    'leader_label_value follower_label_value standby_leader_label_value tmp_role_label',
};

const RAFT: Partial<Record<Conversion, string>> = {
  text: 'self_addr bind_addr data_dir password',
  list: 'partner_addrs',
  real: 'append_entries_period min_timeout max_timeout connection_timeout connection_retry_time leader_fallback_timeout',
};

export const DCS_SECTIONS = ['consul', 'etcd', 'etcd3', 'exhibitor', 'kubernetes', 'raft', 'zookeeper'] as const;

export const CREDENTIAL_KEYS = [
  'username',
  'password',
  'sslmode',
  'sslcert',
  'sslkey',
  'sslpassword',
  'sslrootcert',
  'sslcrl',
  'sslcrldir',
  'gssencmode',
  'channel_binding',
  'sslnegotiation',
] as const;

export const PROGRAMS = ['pg_ctl', 'initdb', 'pg_controldata', 'pg_basebackup', 'postgres', 'pg_isready', 'pg_rewind'] as const;

/** Old names, used only while the new one is not set. */
export const LEGACY_VARIABLES: readonly (readonly [legacy: string, name: string])[] = [
  ['PATRONI_LOGLEVEL', 'PATRONI_LOG_LEVEL'],
  ['PATRONI_LOGFORMAT', 'PATRONI_LOG_FORMAT'],
  ['PATRONI_LOG_DATEFMT', 'PATRONI_LOG_DATEFORMAT'],
  ['PATRONI_POSTGRESQL_BIN_IS_READY', 'PATRONI_POSTGRESQL_BIN_PG_ISREADY'],
];

/** Every variable that is read, by name, in the order in which it is applied. */
export function environmentVariables(): ReadonlyMap<string, EnvironmentVariable> {
  const result = new Map<string, EnvironmentVariable>();
  const add = (name: string, variable: EnvironmentVariable): void => void result.set(`PATRONI_${name.toUpperCase()}`, variable);
  const addAll = (section: string, keys: Partial<Record<Conversion, string>>, more: Partial<EnvironmentVariable> = {}): void => {
    for (const [as, names] of Object.entries(keys) as [Conversion, string][]) {
      for (const key of names.split(' ')) add(`${section}_${key}`, { path: [section, key], as, ...more });
    }
  };
  for (const key of ['name', 'namespace', 'scope', 'thread_stack_size']) add(key, { path: [key], as: text });
  add('thread_pool_size', { path: ['thread_pool_size'], as: 'integer' });
  add('lean_memory', { path: ['lean_memory'], as: 'bool' });
  for (const [section, keys] of Object.entries(PLAIN)) addAll(section, keys);
  for (const program of PROGRAMS) add(`postgresql_bin_${program}`, { path: ['postgresql', 'bin_name', program], as: text });
  for (const section of ['restapi', 'ctl']) {
    for (const key of ['username', 'password']) add(`${section}_${key}`, { path: [section, 'authentication', key], as: text });
  }
  for (const user of ['replication', 'superuser', 'rewind']) {
    for (const key of CREDENTIAL_KEYS) add(`${user}_${key}`, { path: ['postgresql', 'authentication', user, key], as: text });
  }
  for (const section of DCS_SECTIONS) addAll(section, GENERIC, { keepsEmpty: true });
  addAll('raft', RAFT);
  // A string in Patroni, where `false` turns TLS on. Nobody means that.
  for (const section of ['exhibitor', 'zookeeper']) add(`${section}_use_ssl`, { path: [section, 'use_ssl'], as: 'bool' });
  add('consul_scheme', { path: ['consul', 'scheme'], as: text });
  add('citus_group', { path: ['citus', 'group'], as: 'integer' });
  add('citus_database', { path: ['citus', 'database'], as: text });
  for (const section of ['etcd', 'etcd3']) {
    for (const key of ['username', 'password']) add(`${section}_${key}`, { path: [section, key], as: text, needsSection: true });
  }
  return result;
}
