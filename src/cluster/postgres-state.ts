/** States of the local server, with the index that metrics export. The texts and numbers never change (rest-api.md §8.2). */
export const POSTGRES_STATES = [
  ['initializing new cluster', 'initdb'],
  ['initdb failed', 'initdb_failed'],
  ['running custom bootstrap script', 'custom_bootstrap'],
  ['custom bootstrap failed', 'custom_bootstrap_failed'],
  ['creating replica', 'creating_replica'],
  ['running', 'running'],
  ['starting', 'starting'],
  ['starting after custom bootstrap', 'bootstrap_starting'],
  ['start failed', 'start_failed'],
  ['restarting', 'restarting'],
  ['restart failed', 'restart_failed'],
  ['stopping', 'stopping'],
  ['stopped', 'stopped'],
  ['stop failed', 'stop_failed'],
  ['crashed', 'crashed'],
] as const;

/** Older servers take a new `primary_conninfo` by a restart only. */
export const FOLLOWS_BY_RELOAD_FROM = 130_000;

export type PostgresState = (typeof POSTGRES_STATES)[number][0];

/** The role that an agent remembers for its server; `master` of other implementations is read as `primary`. */
export type PostgresRole = 'primary' | 'replica' | 'standby_leader' | 'promoted' | 'demoted' | 'uninitialized';

export function isStarting(state: PostgresState): boolean {
  return state === 'starting' || state === 'starting after custom bootstrap';
}
