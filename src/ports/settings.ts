/**
 * The effective local settings, as `config/` hands them to the rest: merged from file, environment, dynamic configuration
 * and defaults, checked and converted (configuration.md §1.8). Adapters get the part that concerns them.
 */
export interface MemberSettings {
  readonly name: string;
  readonly scope: string;
  /** `service` unless set; without slashes at its ends. */
  readonly namespace: string;
  readonly tags: Readonly<Record<string, unknown>>;
  readonly log: LogSettings;
  readonly restapi: RestApiSettings;
  readonly ctl: CtlSettings;
  readonly dcs: DcsSettings;
  readonly postgresql: PostgresSettings;
  readonly bootstrap: BootstrapSettings | undefined;
  readonly watchdog: WatchdogSettings;
  /** Our extension: V8 without the optimising compilers (less memory). Default true. */
  readonly leanMemory: boolean;
}

/** Which store, with its section as configured plus `namespace`, `scope`, `name`. */
export interface DcsSettings {
  readonly kind: 'etcd3' | 'etcd' | 'consul' | 'zookeeper' | 'exhibitor' | 'kubernetes' | 'raft';
  readonly section: Readonly<Record<string, unknown>>;
}

export interface LogSettings {
  readonly type: 'plain' | 'json';
  /** Number of Python's logging: DEBUG 10, INFO 20, WARNING 30, ERROR 40, CRITICAL 50. */
  readonly level: number;
  readonly tracebackLevel: 'ERROR' | 'DEBUG';
  readonly format: string | readonly (string | Readonly<Record<string, string>>)[];
  readonly dateformat: string | undefined;
  readonly staticFields: Readonly<Record<string, unknown>>;
  /** Records; 0 and less: no limit. */
  readonly maxQueueSize: number;
  /** undefined: standard error. */
  readonly dir: string | undefined;
  readonly mode: number | undefined;
  /** Bytes; 0: no rotation. */
  readonly fileSize: number;
  readonly fileNum: number;
  readonly loggers: Readonly<Record<string, number>>;
  readonly deduplicateHeartbeatLogs: boolean;
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface RestApiSettings {
  /** `''` and `*`: all addresses. IPv6 without brackets. */
  readonly listenHost: string;
  readonly listenPort: number;
  /** As configured, `host:port`; the listen address where it is not set. */
  readonly connectAddress: string;
  readonly authentication: Credentials | undefined;
  readonly certfile: string | undefined;
  readonly keyfile: string | undefined;
  readonly keyfilePassword: string | undefined;
  readonly cafile: string | undefined;
  readonly ciphers: string | undefined;
  readonly verifyClient: 'none' | 'optional' | 'required';
  /** undefined: not configured. */
  readonly allowlist: readonly string[] | undefined;
  readonly allowlistIncludeMembers: boolean;
  readonly httpExtraHeaders: Readonly<Record<string, string>>;
  readonly httpsExtraHeaders: Readonly<Record<string, string>>;
  readonly requestQueueSize: number;
  readonly serverTokens: 'original' | 'minimal' | 'productonly';
}

export interface CtlSettings {
  readonly insecure: boolean;
  readonly cacert: string | undefined;
  readonly certfile: string | undefined;
  readonly keyfile: string | undefined;
  readonly keyfilePassword: string | undefined;
  readonly authentication: Credentials | undefined;
}

/** One entry of `postgresql.authentication`: username, password and libpq's TLS keys; nothing else is let through. */
export type ConnectionCredentials = Readonly<
  Partial<
    Record<
      | 'username'
      | 'password'
      | 'sslmode'
      | 'sslcert'
      | 'sslkey'
      | 'sslpassword'
      | 'sslrootcert'
      | 'sslcrl'
      | 'sslcrldir'
      | 'gssencmode'
      | 'channel_binding'
      | 'sslnegotiation',
      string
    >
  >
>;

/** A parameter map as configured; names keep their spelling, values their YAML type. Names compare without case. */
export type ParameterMap = Readonly<Record<string, unknown>>;

/** Options of a tool (`initdb`, `basebackup`, `rewind`) as configured: list or map, checked where they are used. */
export type ToolOptions = readonly unknown[] | Readonly<Record<string, unknown>>;

export interface PostgresSettings {
  readonly dataDir: string;
  readonly configDir: string;
  readonly configBaseName: string;
  /** Empty: search PATH. */
  readonly binDir: string;
  readonly binName: Readonly<Record<string, string>>;
  readonly database: string;
  /** As configured: `addr[,addr…][:port]`. */
  readonly listen: string;
  readonly connectAddress: string | undefined;
  readonly proxyAddress: string | undefined;
  readonly useUnixSocket: boolean;
  readonly useUnixSocketRepl: boolean;
  readonly pgpass: string;
  /** Seconds. */
  readonly pgCtlTimeout: number;
  readonly superuser: ConnectionCredentials;
  readonly replication: ConnectionCredentials;
  readonly rewind: ConnectionCredentials | undefined;
  /** Merged: defaults, dynamic (checked for the controlled ones), local. */
  readonly parameters: ParameterMap;
  readonly parametersByRole: Readonly<Record<'primary' | 'replica' | 'standby_leader', ParameterMap | undefined>>;
  readonly pgHba: readonly string[] | undefined;
  readonly pgHbaByRole: Readonly<Record<'primary' | 'replica' | 'standby_leader', readonly string[] | undefined>>;
  readonly pgIdent: readonly string[] | undefined;
  readonly pgIdentByRole: Readonly<Record<'primary' | 'replica' | 'standby_leader', readonly string[] | undefined>>;
  readonly recoveryConf: ParameterMap;
  readonly customConf: string | undefined;
  readonly callbacks: Readonly<Partial<Record<'on_start' | 'on_stop' | 'on_restart' | 'on_reload' | 'on_role_change', string>>>;
  readonly prePromote: string | undefined;
  readonly beforeStop: string | undefined;
  readonly createReplicaMethods: readonly string[];
  /** Sections of custom replica methods by name, as configured. */
  readonly methods: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly basebackup: ToolOptions;
  readonly rewindOptions: ToolOptions;
  readonly usePgRewind: boolean;
  readonly removeDataDirectoryOnRewindFailure: boolean;
  readonly removeDataDirectoryOnDivergedTimelines: boolean;
  readonly useSlots: boolean;
  readonly krbsrvname: string | undefined;
}

export interface BootstrapSettings {
  readonly dcs: Readonly<Record<string, unknown>>;
  readonly method: string | undefined;
  readonly initdb: ToolOptions;
  readonly pgHba: readonly string[];
  readonly postBootstrap: string | undefined;
  /** Sections of custom methods by name, as configured. */
  readonly methods: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export interface WatchdogSettings {
  /** `guard`: a process of our own that kills the server (our extension). */
  readonly mode: 'off' | 'automatic' | 'required' | 'guard';
  readonly device: string;
  readonly driver: string;
  /** Seconds; -1: half of ttl; undefined: the mode's own. */
  readonly safetyMargin: number | undefined;
}
