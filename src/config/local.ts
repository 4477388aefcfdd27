import { deepEqualByText } from '../base/python-values.js';
import { type CapturedEnvironment, captureEnvironment, type Environment } from './environment.js';
import { ConfigError } from './errors.js';
import { type ConfigFiles, nodeConfigFiles, parseConfigText, readConfigPath } from './file.js';
import { patch } from './patch.js';

/** Stands in `synchronous_standby_names` while no standby is synchronous; a member of that name would count as one. */
export const STRICT_SYNC_PLACEHOLDER = '__patroni_strict_sync_replica_placeholder__';

export interface LocalSource {
  /** File or directory; undefined or absent on disk: the environment alone. */
  readonly path: string | undefined;
  /** The process's environment. Variables of ours are removed from it. */
  readonly environment: Environment;
  readonly files?: ConfigFiles;
}

/** This member's own configuration: file or directory, with the environment of the process start merged over it. */
export class LocalConfiguration {
  /** What should be told in the log once there is one: variables without meaning, a path that is not there. */
  readonly warnings: readonly string[];
  /** undefined: the environment alone, and `reload` has nothing to read. */
  readonly path: string | undefined;
  private readonly environment: CapturedEnvironment;
  /** What an empty configuration is due to: a path that is not there is none of Patroni's errors. */
  private readonly absence: string;
  private readonly files: ConfigFiles;
  private current: Readonly<Record<string, unknown>>;

  private constructor(source: LocalSource) {
    const files = source.files ?? nodeConfigFiles;
    const environment = captureEnvironment(source.environment);
    const isThere = source.path !== undefined && files.kind(source.path) !== 'absent';
    this.files = files;
    this.environment = environment;
    this.absence = source.path === undefined || isThere ? '' : ` ${source.path} does not exist, and no PATRONI_* variable is set.`;
    this.path = isThere ? source.path : undefined;
    this.warnings =
      source.path === undefined || isThere
        ? environment.warnings
        : [...environment.warnings, `config path ${source.path} does not exist, using the environment`];
    this.current = this.read();
  }

  /**
   * Reads file and environment (configuration.md §1.3).
   * @throws ConfigError when they can't be read, hold nothing, or hold the reserved name.
   */
  static load(source: LocalSource): LocalConfiguration {
    return new LocalConfiguration(source);
  }

  get raw(): Readonly<Record<string, unknown>> {
    return this.current;
  }

  /**
   * Reads the files again; the environment stays as it was at the start.
   * @throws ConfigError as `load`; `raw` then keeps its value.
   */
  reload(): { readonly changed: boolean } {
    if (this.path === undefined) return { changed: false };
    const next = this.read();
    const changed = !deepEqualByText(next, this.current);
    if (changed) this.current = next;
    return { changed };
  }

  private read(): Record<string, unknown> {
    const { path, environment } = this;
    let result: Record<string, unknown>;
    if (path === undefined && environment.configuration !== undefined) {
      result = parseConfigText(environment.configuration, 'PATRONI_CONFIGURATION');
    } else {
      result = path === undefined ? {} : readConfigPath(path, this.files);
      patch(result, structuredClone(environment.config));
    }
    if (Object.keys(result).length === 0) throw new ConfigError(`Config is empty.${this.absence}`);
    if (result['name'] === STRICT_SYNC_PLACEHOLDER) throw new ConfigError(`Node 'name' can't be set to '${STRICT_SYNC_PLACEHOLDER}'`);
    return result;
  }
}
