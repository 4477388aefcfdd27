import { CREDENTIAL_KEYS, PROGRAMS } from './environment-variables.js';
import {
  anything,
  bool,
  connectAddress,
  either,
  hostPort,
  hostPortPath,
  integer,
  list,
  listenAddress,
  map,
  numeric,
  real,
  type SettingType,
  text,
  toolOptions,
  word,
} from './setting-types.js';

/**
 * All settings of the local configuration by path, in the order of the messages of `--validate-config`.
 * `required`: `--validate-config` reports its absence. `*` in a path stands for any key.
 */
export interface SchemaRow {
  readonly path: string;
  readonly type: SettingType;
  readonly required: boolean;
}

const ANY_INTEGER = integer(-Number.MAX_SAFE_INTEGER);
const PORT = integer(-Number.MAX_SAFE_INTEGER, 65_535);
const PORT_LIST = /^\s*\d{1,5}\s*(,\s*\d{1,5}\s*)+$/;
/** As libpq has it: one port for all hosts, or a list with one for each. */
const remotePort: SettingType = {
  allowed: 'is neither an integer up to 65535 nor a list of them',
  accepts: (value) => PORT.accepts(value) || PORT_LIST.test(String(value)),
  strict: (value) => (PORT_LIST.test(String(value)) ? undefined : PORT.strict(value)),
};
const LEVELS = ['DEBUG', 'INFO', 'WARN', 'WARNING', 'ERROR', 'FATAL', 'CRITICAL'];
const level: SettingType = {
  allowed: `is none of ${LEVELS.join(', ')}`,
  accepts: (value) =>
    (typeof value === 'string' && [...LEVELS, 'NOTSET'].includes(value)) || Number.isInteger(value) || /^\d+$/.test(String(value)),
  strict: word(LEVELS).strict,
};
const synchronousMode: SettingType = {
  allowed: 'is neither a boolean nor quorum',
  accepts: (value) => bool.accepts(value) || String(value).toLowerCase() === 'quorum',
  strict: (value) =>
    bool.accepts(value) || String(value).toLowerCase() === 'quorum'
      ? undefined
      : "didn't pass validation: invalid value for synchronous_mode",
};
const format: SettingType = {
  allowed: 'is neither a string nor a list of field names',
  accepts: (value) => typeof value === 'string' || Array.isArray(value),
  strict: (value) => {
    if (typeof value === 'string') return undefined;
    if (!Array.isArray(value)) return "didn't pass validation: Should be a string or a list";
    if (value.length === 0) return "didn't pass validation: should contain at least one item";
    const isGood = value.every(
      (item) =>
        typeof item === 'string' ||
        (typeof item === 'object' && item !== null && Object.values(item).every((name) => typeof name === 'string')),
    );
    return isGood ? undefined : "didn't pass validation: each item should be a string or a dictionary with string values";
  },
};
const placeholderFree: SettingType = {
  ...text,
  strict: (value) =>
    text.strict(value) ?? (value === '__patroni_strict_sync_replica_placeholder__' ? "didn't pass validation: Wrong value" : undefined),
};
const hosts: SettingType = { ...either(text, list(hostPort)), allowed: 'is not a list of host:port', probe: 'reachable' };
const zookeeperHosts: SettingType = {
  ...hosts,
  ...either(text, list(hostPortPath)),
  allowed: 'is not a list of host:port, with a path at its end',
};
const stackSize = integer(65_536, Number.MAX_SAFE_INTEGER, { min: 0, base: 'B' });
const ipAddress: SettingType = text;

/** `keys` of one type below `section`; a trailing `?` makes a key optional. */
function rows(section: string, keys: string, type: SettingType): SchemaRow[] {
  return keys.split(' ').map((key) => ({
    path: (section === '' ? '' : `${section}.`) + key.replace('?', ''),
    type,
    required: !key.endsWith('?'),
  }));
}

function etcd(section: string): SchemaRow[] {
  return [
    ...rows(section, 'host?', hostPort),
    ...rows(section, 'hosts?', hosts),
    ...rows(section, 'srv? srv_suffix? url? proxy? protocol? username? password? cacert? cert? key? discovery_srv? srv_domain?', text),
    ...rows(section, 'use_proxies?', bool),
    ...rows(section, 'port?', PORT),
  ];
}

const ZOOKEEPER_COMMON: readonly (readonly [string, SettingType])[] = [
  ['use_ssl? verify?', bool],
  ['cacert? cert? key? key_password?', text],
  ['set_acls? auth_data?', map],
];

/** The settings of `postgresql` that may come from the dynamic configuration, too. */
function postgresqlShared(section: string): SchemaRow[] {
  return [
    ...rows(section, 'parameters? parameters_primary? parameters_replica? parameters_standby_leader?', map),
    ...rows(section, 'pg_hba? pg_ident? pg_hba_primary? pg_hba_replica? pg_hba_standby_leader?', list(text)),
    ...rows(section, 'pg_ident_primary? pg_ident_replica? pg_ident_standby_leader?', list(text)),
    ...rows(section, 'pg_ctl_timeout?', numeric(0)),
    ...rows(section, 'use_pg_rewind? use_unix_socket? use_unix_socket_repl?', bool),
    ...rows(section, 'remove_data_directory_on_rewind_failure? remove_data_directory_on_diverged_timelines?', bool),
    ...rows(section, 'rewind? basebackup?', toolOptions),
    ...rows(section, 'recovery_conf?', map),
    ...rows(section, 'custom_conf? config_base_name? bin_dir? database? pre_promote? before_stop? krbsrvname?', text),
    ...rows(`${section}.callbacks`, 'on_start? on_stop? on_restart? on_reload? on_role_change?', text),
    ...rows(section, 'create_replica_methods? create_replica_method?', list(text)),
    ...rows(`${section}.bin_name`, PROGRAMS.map((program) => `${program}?`).join(' '), text),
  ];
}

const DCS = 'bootstrap.dcs';
const low = { min: 0 } as const;

export const SCHEMA: readonly SchemaRow[] = [
  ...rows('', 'name', placeholderFree),
  ...rows('', 'scope', text),
  ...rows('', 'namespace?', text),
  ...rows('', 'lean_memory?', bool),
  ...rows('', 'thread_pool_size?', integer(5, Number.MAX_SAFE_INTEGER, low)),
  ...rows('', 'thread_stack_size?', {
    ...stackSize,
    // Documented are multiples of 64 kB, checked were those of 65535 at first.
    strict: (value) =>
      stackSize.strict(value) ??
      (Number(value) % 65_535 === 0 || Number(value) % 65_536 === 0 ? undefined : "didn't pass validation: Wrong value"),
  }),
  ...rows('log', 'type?', word(['plain', 'json'])),
  ...rows('log', 'level?', level),
  ...rows('log', 'traceback_level?', word(['debug', 'error'], { anyCase: true })),
  ...rows('log', 'format?', format),
  ...rows('log', 'dateformat?', text),
  ...rows('log', 'static_fields?', map),
  ...rows('log', 'max_queue_size? file_num? file_size?', ANY_INTEGER),
  ...rows('log', 'dir?', text),
  ...rows('log', 'mode?', integer(0, 511)),
  ...rows('log', 'loggers?', map),
  ...rows('log', 'deduplicate_heartbeat_logs?', bool),
  ...rows('ctl', 'insecure?', bool),
  ...rows('ctl', 'cacert? certfile? keyfile? keyfile_password?', text),
  ...rows('ctl.authentication', 'username password', text),
  ...rows('restapi', 'thread_pool_size?', integer(5, Number.MAX_SAFE_INTEGER, low)),
  ...rows('restapi', 'listen', listenAddress),
  // Patroni's validator wants it although the daemon does without.
  ...rows('restapi', 'connect_address', connectAddress),
  ...rows('restapi.authentication', 'username password', text),
  ...rows('restapi', 'certfile? keyfile? keyfile_password? cafile? ciphers?', text),
  ...rows('restapi', 'verify_client?', word(['none', 'optional', 'required'])),
  ...rows('restapi', 'allowlist?', list(text)),
  ...rows('restapi', 'allowlist_include_members?', bool),
  ...rows('restapi', 'http_extra_headers? https_extra_headers?', map),
  ...rows('restapi', 'request_queue_size?', integer(0, 4096)),
  ...rows('restapi', 'server_tokens?', word(['minimal', 'productonly', 'original'], { anyCase: true })),
  ...rows(DCS, 'ttl?', numeric(20, Number.MAX_SAFE_INTEGER, low)),
  ...rows(DCS, 'loop_wait?', numeric(1, Number.MAX_SAFE_INTEGER, low)),
  ...rows(DCS, 'retry_timeout?', numeric(3, Number.MAX_SAFE_INTEGER, low)),
  ...rows(DCS, 'maximum_lag_on_failover?', numeric(0)),
  ...rows(DCS, 'maximum_lag_on_syncnode?', numeric(-1)),
  ...rows(DCS, 'member_slots_ttl?', numeric(0, Number.MAX_SAFE_INTEGER, { base: 's' })),
  ...rows(DCS, 'primary_start_timeout? primary_stop_timeout? master_start_timeout? master_stop_timeout?', numeric(0)),
  ...rows(DCS, 'max_timelines_history? primary_race_backoff? primary_useless_timeout?', numeric(0)),
  ...rows(DCS, 'synchronous_mode?', synchronousMode),
  ...rows(DCS, 'synchronous_mode_strict? check_timeline? failsafe_mode? pause?', bool),
  ...rows(DCS, 'synchronous_node_count?', numeric(1, Number.MAX_SAFE_INTEGER, low)),
  ...rows(`${DCS}.standby_cluster`, 'host?', text),
  ...rows(`${DCS}.standby_cluster`, 'port?', remotePort),
  ...rows(`${DCS}.standby_cluster`, 'restore_command? primary_slot_name? archive_cleanup_command? recovery_min_apply_delay?', text),
  ...rows(`${DCS}.standby_cluster`, 'create_replica_methods?', list(text)),
  ...rows(DCS, 'slots? permanent_slots? permanent_replication_slots?', map),
  ...rows(DCS, 'ignore_slots?', list(map)),
  ...rows(`${DCS}.postgresql.parameters`, 'max_connections?', numeric(1, 262_143)),
  ...rows(`${DCS}.postgresql.parameters`, 'max_locks_per_transaction?', numeric(10, 2_147_483_647)),
  ...rows(
    `${DCS}.postgresql.parameters`,
    'max_prepared_transactions? max_replication_slots? max_wal_senders? max_worker_processes?',
    numeric(0, 262_143),
  ),
  ...rows(`${DCS}.postgresql`, 'use_slots?', bool),
  ...postgresqlShared(`${DCS}.postgresql`),
  ...rows('bootstrap', 'initdb?', toolOptions),
  ...rows('bootstrap', 'method? post_bootstrap? post_init?', text),
  ...rows('bootstrap', 'pg_hba?', list(text)),
  ...rows('bootstrap', 'users?', anything),
  ...rows('consul', 'host?', hostPort),
  ...rows('consul', 'url?', text),
  ...rows('consul', 'port?', PORT),
  ...rows('consul', 'scheme? token? cacert? cert? key? dc? service_check_interval? service_check_tls_server_name?', text),
  ...rows('consul', 'verify? register_service?', bool),
  ...rows('consul', 'checks? service_tags?', list(text)),
  ...rows('consul', 'consistency?', word(['default', 'consistent', 'stale'])),
  ...etcd('etcd'),
  ...etcd('etcd3'),
  ...rows('exhibitor', 'hosts', list(text)),
  ...rows('exhibitor', 'port', PORT),
  ...rows('exhibitor', 'poll_interval?', integer(1)),
  ...ZOOKEEPER_COMMON.flatMap(([keys, type]) => rows('exhibitor', keys, type)),
  ...rows('kubernetes', 'labels', map),
  ...rows('kubernetes', 'bypass_api_service? use_endpoints?', bool),
  ...rows('kubernetes', 'namespace? context? scope_label? role_label? leader_label_value? follower_label_value?', text),
  ...rows('kubernetes', 'standby_leader_label_value? tmp_role_label? cacert?', text),
  ...rows('kubernetes', 'pod_ip?', ipAddress),
  ...rows('kubernetes', 'ports?', list(map)),
  ...rows('kubernetes', 'retriable_http_codes?', either(ANY_INTEGER, list(ANY_INTEGER), text)),
  ...rows('kubernetes', 'bootstrap_labels?', map),
  ...rows('raft', 'self_addr', connectAddress),
  ...rows('raft', 'bind_addr?', listenAddress),
  ...rows('raft', 'partner_addrs', list(hostPort)),
  ...rows('raft', 'data_dir? password?', text),
  ...rows('raft', 'min_timeout? max_timeout? connection_timeout? append_entries_period? leader_fallback_timeout?', real(0, true)),
  ...rows('raft', 'connection_retry_time?', real(0, false)),
  ...rows('zookeeper', 'hosts', zookeeperHosts),
  ...ZOOKEEPER_COMMON.flatMap(([keys, type]) => rows('zookeeper', keys, type)),
  ...rows('zookeeper', 'exhibitor?', map),
  ...rows('citus', 'database', text),
  ...rows('citus', 'group', integer(0)),
  ...rows('postgresql', 'listen', listenAddress),
  ...rows('postgresql', 'connect_address', connectAddress),
  ...rows('postgresql', 'proxy_address?', connectAddress),
  ...['replication', 'superuser', 'rewind?'].flatMap((user) =>
    rows(
      `postgresql.authentication.${user.replace('?', '')}`,
      CREDENTIAL_KEYS.map((key) => (key === 'username' ? key : `${key}?`)).join(' '),
      text,
    ),
  ),
  ...rows('postgresql', 'data_dir', text),
  ...rows('postgresql', 'config_dir? pgpass? name?', text),
  ...postgresqlShared('postgresql'),
  ...rows('postgresql', 'replication? superuser? pg_rewind?', map),
  ...rows('postgresql', 'use_slots?', bool),
  ...rows(
    'watchdog',
    'mode?',
    word(['off', 'automatic', 'required', 'guard'], { daemon: [false, 'false', 'disable', 'disabled', 'auto', 'require'] }),
  ),
  ...rows('watchdog', 'device? driver?', text),
  ...rows('watchdog', 'safety_margin?', integer(-1)),
  ...rows('tags', 'nofailover? clonefrom? noloadbalance? nostream? nosync?', bool),
  ...rows('tags', 'failover_priority? sync_priority?', integer(0, Number.MAX_SAFE_INTEGER, { min: -Number.MAX_SAFE_INTEGER })),
  ...rows('tags', 'replicatefrom?', text),
  ...rows('tags', '*?', anything),
];
