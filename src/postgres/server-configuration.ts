import type { PostgresRole } from '../cluster/postgres-state.js';
import type { ControlData, Upstream } from '../ports/postgres.js';
import type { PostgresSettings } from '../ports/settings.js';
import type { ConnectionParameters, Row } from './query/session.js';
import type { ReceiverFacts } from './query/status-answer.js';

export type PendingRestart = Readonly<Record<string, { readonly old_value: string; readonly new_value: string }>>;

/** What the comparison of recovery settings needs of the running server. */
export interface RunningServer {
  readonly query: (text: string) => Promise<readonly Row[]>;
  readonly isStarting: boolean;
  readonly isTakenOver: boolean;
  /** Changes when the server was restarted. */
  readonly processKey: string | undefined;
  readonly receiver: ReceiverFacts | undefined;
}

/** Whose credentials a connection to another server uses. */
export type RemoteUser = 'replication' | 'rewind' | 'superuser';

/** How a program is told where to connect: no password is in the connection string, the environment names the password file. */
export interface ToolConnection {
  readonly connectionString: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** What comes of new settings: `isChanged` when a file was written and the server should read it again. */
export interface AppliedSettings {
  readonly isChanged: boolean;
}

/** What the life cycle needs of the configuration files; `local-configuration.ts` builds it over `settings/`. */
export interface ServerConfiguration {
  /** `postgres://host:port/database` for other members. */
  connUrl(): string;
  proxyUrl(): string | undefined;
  /** Adopts new settings; compares with the running server when there is one, and writes what changed (always with `force`). */
  apply(settings: PostgresSettings, server: RunningServer | undefined, options: { readonly force: boolean }): Promise<AppliedSettings>;
  /** After a reload: which parameters wait for a restart by the server's own account. */
  refreshPendingRestart(server: RunningServer): Promise<void>;
  /** undefined: nothing is known of where it is. */
  remoteTarget(upstream: Upstream, user: RemoteUser): ConnectionParameters | undefined;
  /** Writes the password file for one consumer. */
  toolConnection(parameters: ConnectionParameters): Promise<ToolConnection>;
  /** Effective value of a parameter by `postgres -C`; undefined when it is empty or can't be told. */
  effectiveValue(name: string): Promise<string | undefined>;
  /** The restore_command that a standby of `upstream` gets. */
  restoreCommand(upstream: Upstream): Promise<string | undefined>;
  /** Version of the binaries, 150004. */
  binaryVersion(): Promise<number>;
  /** After initdb, clone or custom bootstrap: reads version and files anew; missing files come back from their copies. */
  dataDirectoryCreated(): Promise<void>;
  appendBootstrapHba(lines: readonly string[]): Promise<void>;
  removeRecovery(): Promise<void>;
  /** Recovery settings of a custom bootstrap; undefined: what it left behind is kept. Until `endCustomBootstrap` we trust ourselves. */
  beginCustomBootstrap(recovery: Readonly<Record<string, unknown>> | 'keep' | 'none'): Promise<void>;
  /** True when the server must be restarted rather than reloaded. */
  endCustomBootstrap(role: PostgresRole): Promise<boolean>;
  readonly pendingRestart: PendingRestart;
  /** Where the agent's own connections and the replication protocol reach the local server. */
  localTarget(): ConnectionParameters;
  replicationTarget(): ConnectionParameters;
  /** Credentials checked and files written for a start in `role`; the server's arguments after its binary. @throws Error */
  prepareStart(role: PostgresRole, controlData: () => Promise<ControlData | undefined>): Promise<readonly string[]>;
  /** Copies of the configuration files below the data directory. */
  saveFiles(): Promise<void>;
  /** Takes over the settings of a server that ran before us. True when the server must reload. */
  join(server: RunningServer, isInRecovery: boolean): Promise<boolean>;
  /** Writes the recovery settings for `upstream` (undefined: archive only). */
  writeRecovery(upstream: Upstream | undefined): Promise<void>;
  compareRecovery(upstream: Upstream | undefined, server: RunningServer): Promise<{ readonly change: boolean; readonly restart: boolean }>;
  /** Writes postgresql.conf and the access files for a role. True when one changed. */
  writeServerFile(role: PostgresRole): Promise<boolean>;
  /** hot_standby_feedback is forced on, whatever is configured, because logical slots of standbys need it. */
  readonly isFeedbackEnforced: boolean;
  /** True when the file was changed. */
  setFeedback(isEnforced: boolean): Promise<boolean>;
  /** True when the file was changed. */
  setSynchronousStandbyNames(value: string | undefined): Promise<boolean>;
}
