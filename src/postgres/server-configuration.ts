import type { PostgresRole } from '../cluster/postgres-state.js';
import type { ControlData, Upstream } from '../ports/postgres.js';
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

/** What the life cycle needs of the configuration files; built over `settings/` in `configuration-files.ts`. */
export interface ServerConfiguration {
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
  /** Writes postgresql.conf for the current role. */
  writeServerFile(role: PostgresRole): Promise<void>;
  /** True when the file was changed. */
  setSynchronousStandbyNames(value: string | undefined): Promise<boolean>;
}
