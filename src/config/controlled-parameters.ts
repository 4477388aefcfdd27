import { parseBool, parseInteger, pythonText } from '../base/python-values.js';

/**
 * A PostgreSQL parameter that must be the same on all members, so only the dynamic configuration sets it
 * (configuration.md §3.1). `read` gives the value to use, or undefined for one that is refused.
 */
interface ControlledParameter {
  readonly fallback: string | number | undefined;
  readonly read: (value: unknown) => unknown;
}

function atLeast(min: number, fallback: number): ControlledParameter {
  return {
    fallback,
    read: (value) => {
      const number = parseInteger(value);
      return number !== undefined && number >= min ? number : undefined;
    },
  };
}

function boolean(fallback: 'on' | 'off'): ControlledParameter {
  return { fallback, read: (value) => (parseBool(value) === undefined ? undefined : value) };
}

/** Set from `postgresql.listen` and `scope`, never by a value. */
const never: ControlledParameter = { fallback: undefined, read: () => undefined };
const WAL_LEVELS = ['hot_standby', 'replica', 'logical'];

const CONTROLLED: Readonly<Record<string, ControlledParameter>> = {
  listen_addresses: never,
  port: never,
  cluster_name: never,
  wal_level: {
    fallback: 'hot_standby',
    read: (value) => (typeof value === 'string' && WAL_LEVELS.includes(value.toLowerCase()) ? value : undefined),
  },
  hot_standby: { fallback: 'on', read: (value) => (parseBool(value) === true ? value : undefined) },
  max_connections: atLeast(25, 100),
  max_wal_senders: atLeast(3, 10),
  wal_keep_segments: atLeast(1, 8),
  wal_keep_size: { fallback: '128MB', read: (value) => ((parseInteger(value, 'MB') ?? 0) >= 16 ? value : undefined) },
  max_prepared_transactions: atLeast(0, 0),
  max_locks_per_transaction: atLeast(32, 64),
  track_commit_timestamp: boolean('off'),
  max_replication_slots: atLeast(4, 10),
  max_worker_processes: atLeast(2, 8),
  wal_log_hints: boolean('on'),
};

/** Whether only the dynamic configuration may set the parameter; names compare without case. */
export function isControlledParameter(name: string): boolean {
  return Object.hasOwn(CONTROLLED, name.toLowerCase());
}

/**
 * The value to use for a parameter of the dynamic configuration. An invalid one gives the default (not the nearest allowed
 * value) and a warning; `undefined` means "leave it out".
 */
export function controlledValue(name: string, value: unknown): { readonly value: unknown; readonly warning?: string } {
  const parameter = CONTROLLED[name.toLowerCase()];
  if (parameter === undefined) return { value };
  const read = parameter.read(value);
  if (read !== undefined) return { value: read };
  const fallback = parameter.fallback;
  const shown = fallback === undefined ? 'None' : pythonText(fallback);
  return { value: fallback, warning: `postgresql parameter ${name}=${pythonText(value)} failed validation, defaulting to ${shown}` };
}

/** Parameters in force before any configuration (configuration.md §1.7). */
export const DEFAULT_PARAMETERS: Readonly<Record<string, unknown>> = {
  wal_level: 'hot_standby',
  hot_standby: 'on',
  max_connections: 100,
  max_wal_senders: 10,
  max_prepared_transactions: 0,
  max_locks_per_transaction: 64,
  track_commit_timestamp: 'off',
  max_replication_slots: 10,
  max_worker_processes: 8,
  wal_log_hints: 'on',
};
