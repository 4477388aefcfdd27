import type { ClusterView } from '../cluster/view.js';
import type { Clock } from '../ports/clock.js';
import type { LogLevel } from '../ports/log.js';
import type { Random } from '../ports/random.js';
import type { RestClient } from './rest-client.js';
import type { Terminal } from './terminal.js';

/** What patronictl needs of a store, for one cluster or Citus group. Every call is bounded; it throws `DcsUnavailable`. */
export interface ClusterStore {
  load(): Promise<ClusterView>;
  writeConfig(value: string, version: string | undefined): Promise<boolean>;
  writeFailover(value: string, version: string | undefined): Promise<boolean>;
  deleteCluster(): Promise<boolean>;
}

/** Programs and files of the person who runs patronictl. */
export interface Workplace {
  /** `-`: standard input, to its end. @throws UnreadableFile */
  readFile(path: string): Promise<string>;
  /** Opens an editor on `text`; the edited text. `prefix` begins the name of the file. */
  edit(text: string, prefix: string): Promise<string>;
  /** Shows a long text page by page. */
  page(text: string): Promise<void>;
}

export interface QueryTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly database: string | undefined;
}

export interface QueryFailure {
  readonly kind: 'failed';
  readonly message: string;
}

export type QueryResult =
  | { readonly kind: 'rows'; readonly columns: readonly string[]; readonly rows: readonly (readonly unknown[])[] }
  | QueryFailure;

export interface QuerySession {
  run(sql: string): Promise<QueryResult>;
  close(): Promise<void>;
}

export interface Settings {
  readonly scope: string | undefined;
  /** undefined: not a Citus cluster. */
  readonly citusGroup: number | undefined;
}

/** The world of one run of patronictl; tests hand in another one. */
export interface CtlContext {
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: Settings;
  readonly rest: RestClient;
  readonly workplace: Workplace;
  log(level: LogLevel, message: string): void;
  /** Cached by cluster and group. */
  store(cluster: string, group: number | undefined): Promise<ClusterStore>;
  /** undefined: the server is not in the wanted state of recovery. */
  connect(target: QueryTarget, isInRecovery: boolean | undefined): Promise<QuerySession | QueryFailure | undefined>;
}
