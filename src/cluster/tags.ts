import { isTruthy, parseBool, parseInteger, pythonText } from '../base/python-values.js';

/** The tags of a member as configured or published; custom tags pass through with their YAML type. */
export type Tags = Readonly<Record<string, unknown>>;

const BUILT_IN_FLAGS = ['clonefrom', 'nofailover', 'noloadbalance', 'nosync', 'nostream'] as const;

/** What the tags of a member mean to the decisions. See dcs.md §3.3, ha.md §1.5. */
export interface MemberTraits {
  readonly nofailover: boolean;
  readonly failoverPriority: number;
  readonly nosync: boolean;
  readonly syncPriority: number;
  readonly noloadbalance: boolean;
  readonly clonefrom: boolean;
  readonly nostream: boolean;
  readonly replicatefrom: string | undefined;
}

export function traitsOf(tags: Tags): MemberTraits {
  return {
    nofailover: forbids(tags, 'nofailover', 'failover_priority'),
    failoverPriority: priority(tags, 'nofailover', 'failover_priority'),
    nosync: forbids(tags, 'nosync', 'sync_priority'),
    syncPriority: priority(tags, 'nosync', 'sync_priority'),
    noloadbalance: isTruthy(tags['noloadbalance']),
    clonefrom: isTruthy(tags['clonefrom']),
    nostream: parseBool(tags['nostream']) === true,
    replicatefrom: typeof tags['replicatefrom'] === 'string' && tags['replicatefrom'] !== '' ? tags['replicatefrom'] : undefined,
  };
}

/** The tags that a member publishes: false built-in flags are left out, but for one that contradicts a priority. */
export function publishedTags(configured: Tags): Tags {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(configured)) {
    const isFalsyFlag = (BUILT_IN_FLAGS as readonly string[]).includes(name) && !isTruthy(value);
    const explainsPriority =
      (name === 'nofailover' && 'failover_priority' in configured) || (name === 'nosync' && 'sync_priority' in configured);
    if (!isFalsyFlag || explainsPriority) kept[name] = value;
  }
  return kept;
}

/** The warnings that contradictory tags deserve, once per load of the configuration. */
export function tagConflicts(tags: Tags): string[] {
  const warnings: string[] = [];
  for (const [flag, number] of [
    ['nofailover', 'failover_priority'],
    ['nosync', 'sync_priority'],
  ] as const) {
    if (tags[flag] === undefined || tags[flag] === null || tags[number] === undefined || tags[number] === null) continue;
    const forbidden = isTruthy(tags[flag]);
    const value = parseInteger(tags[number]) ?? 1;
    if (forbidden === value > 0) {
      const shown = `${flag}: ${pythonText(tags[flag])}`;
      warnings.push(`Conflicting configuration between ${shown} and ${number}: ${pythonText(tags[number])}. Defaulting to ${shown}`);
    }
  }
  return warnings;
}

function forbids(tags: Tags, flag: string, number: string): boolean {
  const value = tags[flag];
  if (value !== undefined && value !== null) return isTruthy(value);
  const parsed = parseInteger(tags[number]);
  return parsed !== undefined && parsed <= 0;
}

function priority(tags: Tags, flag: string, number: string): number {
  return isTruthy(tags[flag]) ? 0 : (parseInteger(tags[number]) ?? 1);
}
