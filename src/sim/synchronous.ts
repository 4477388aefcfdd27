/** What `synchronous_standby_names` means. `*` stands for every standby. */
export interface SynchronousNames {
  readonly method: 'off' | 'first' | 'any';
  readonly count: number;
  /** In lower case: PostgreSQL compares application names without it. */
  readonly names: readonly string[];
}

const OFF: SynchronousNames = { method: 'off', count: 0, names: [] };
const parsed = new Map<string, SynchronousNames>();

/** Reads the setting as PostgreSQL does: `a, b`, `2 (a, b)`, `FIRST 2 (a, b)`, `ANY 1 (*)`, names in quotes. */
export function parseSynchronousNames(value: string): SynchronousNames {
  let known = parsed.get(value);
  if (known === undefined) {
    known = parse(value.trim());
    parsed.set(value, known);
  }
  return known;
}

function parse(value: string): SynchronousNames {
  if (value === '') return OFF;
  const [, method, count, list] = /^(?:(first|any)\s+)?(\d+)\s*\((.*)\)$/is.exec(value) ?? [];
  const names = [...(list ?? value).matchAll(/"((?:[^"]|"")*)"|([^\s,"]+)/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  );
  return {
    method: method?.toLowerCase() === 'any' ? 'any' : 'first',
    count: count === undefined ? 1 : Number(count),
    names: names.map((name) => name.toLowerCase()),
  };
}

/** How early a standby stands in the list; 0: not in it. */
export function priorityOf({ names }: SynchronousNames, standby: string): number {
  return names.findIndex((name) => name === '*' || name === standby.toLowerCase()) + 1;
}

export type SyncStateName = 'async' | 'potential' | 'sync' | 'quorum';

/** `sync_state` in pg_stat_replication of each connected standby. */
export function syncStatesOf(names: SynchronousNames, connected: readonly string[]): readonly SyncStateName[] {
  const chosen = chosenOf(names, connected);
  return connected.map((standby) => {
    if (names.method === 'off' || priorityOf(names, standby) === 0) return 'async';
    if (names.method === 'any') return 'quorum';
    return chosen.includes(standby) ? 'sync' : 'potential';
  });
}

/** FIRST: those connected whose names come first. */
function chosenOf(names: SynchronousNames, connected: readonly string[]): readonly string[] {
  const listed = connected.filter((standby) => priorityOf(names, standby) > 0);
  return listed.sort((a, b) => priorityOf(names, a) - priorityOf(names, b)).slice(0, names.count);
}

/**
 * Up to where commits count as replicated, by what each connected standby has flushed; undefined: not enough of them are
 * there. FIRST waits for each of the chosen ones, ANY for as many as come first.
 */
export function replicatedUpTo(names: SynchronousNames, flushed: ReadonlyMap<string, number>): number | undefined {
  const connected = [...flushed.keys()];
  const standbys = names.method === 'any' ? connected.filter((name) => priorityOf(names, name) > 0) : chosenOf(names, connected);
  if (standbys.length < names.count) return undefined;
  const positions = standbys.map((name) => flushed.get(name) ?? 0).sort((a, b) => b - a);
  return positions[names.count - 1];
}
