import { type Milliseconds, seconds } from '../base/duration.js';
import { isPlainObject, parseInteger, pythonText } from '../base/python-values.js';
import { DynamicValues } from './dynamic-values.js';
import { parseStandbyCluster, type StandbyCluster, standbyClusterProblems } from './standby-cluster.js';

/** The three numbers that every member must agree on, in milliseconds. `loopWait + 2 * retryTimeout <= ttl` always holds. */
export interface Timings {
  readonly ttlMs: Milliseconds;
  readonly loopWaitMs: Milliseconds;
  readonly retryTimeoutMs: Milliseconds;
}

/** The settings of `/config` on which decisions rest, parsed; invalid values take their defaults (ha.md §1.4). */
export interface GlobalConfig extends Timings {
  readonly isPaused: boolean;
  readonly maximumLagOnFailover: number;
  readonly checkTimeline: boolean;
  readonly primaryStartTimeoutMs: Milliseconds;
  /** undefined: no limit. */
  readonly primaryStopTimeoutMs: Milliseconds | undefined;
  readonly primaryRaceBackoffMs: Milliseconds;
  /** How long the server of a leader may be proven useless before another member gets its chance; undefined: for ever. */
  readonly primaryUselessTimeoutMs: Milliseconds | undefined;
  readonly synchronousMode: 'off' | 'on' | 'quorum';
  readonly synchronousModeStrict: boolean;
  readonly synchronousNodeCount: number;
  readonly maximumLagOnSyncnode: number;
  readonly failsafeMode: boolean;
  /** undefined unless the section names a host, a port or a restore command. */
  readonly standbyCluster: StandbyCluster | undefined;
  readonly maxTimelinesHistory: number;
  readonly memberSlotsTtlMs: Milliseconds;
  readonly permanentSlots: Readonly<Record<string, unknown>>;
  readonly ignoreSlots: readonly Readonly<Record<string, unknown>>[];
  readonly useSlots: boolean;
}

/** The floor of each timing and the sentences about what was changed. */
export interface ClampedTimings {
  readonly timings: Timings;
  readonly warnings: readonly string[];
}

/**
 * Below 20 s a ttl is our extension (Patroni raises it): it must leave room by itself, else the Patroni minimum applies.
 * Members of other implementations go on with 20 s for themselves, which only makes them slower to notice; see docs/low-ttl.md.
 */
export const PATRONI_MINIMUM = { ttl: 20, loopWait: 1, retryTimeout: 3 } as const;
export const OUR_MINIMUM = { ttl: 5, loopWait: 1, retryTimeout: 2 } as const;

/**
 * Converts and adjusts `ttl`, `loop_wait` and `retry_timeout` (configuration.md §1.11, with our lower minimum for ttl).
 * @returns undefined when one of them is not a number: the whole configuration is then refused.
 */
export function clampTimings(data: Readonly<Record<string, unknown>>): ClampedTimings | { readonly invalid: string } {
  const read = (name: string, fallback: number): number | undefined =>
    name in data ? parseInteger(typeof data[name] === 'number' ? Math.trunc(data[name]) : data[name]) : fallback;
  let ttl = read('ttl', 30);
  let loopWait = read('loop_wait', 10);
  let retryTimeout = read('retry_timeout', 10);
  for (const [name, value] of [
    ['ttl', ttl],
    ['loop_wait', loopWait],
    ['retry_timeout', retryTimeout],
  ] as const) {
    if (value === undefined) return { invalid: `${name}: ${pythonText(data[name])} is not a whole number of seconds` };
  }
  if (ttl === undefined || loopWait === undefined || retryTimeout === undefined) return { invalid: 'ttl, loop_wait, retry_timeout' };

  const warnings: string[] = [];
  const isLowTtl =
    ttl >= OUR_MINIMUM.ttl &&
    ttl < PATRONI_MINIMUM.ttl &&
    loopWait >= OUR_MINIMUM.loopWait &&
    retryTimeout >= OUR_MINIMUM.retryTimeout &&
    loopWait + 2 * retryTimeout <= ttl;
  if (!isLowTtl) {
    const raise = (name: string, value: number, minimum: number): number => {
      if (value >= minimum) return value;
      warnings.push(`${name}=${value} can't be smaller than ${minimum}, adjusting...`);
      return minimum;
    };
    loopWait = raise('loop_wait', loopWait, PATRONI_MINIMUM.loopWait);
    retryTimeout = raise('retry_timeout', retryTimeout, PATRONI_MINIMUM.retryTimeout);
    ttl = raise('ttl', ttl, PATRONI_MINIMUM.ttl);
    const rule = 'Violated the rule "loop_wait + 2*retry_timeout <= ttl", where ';
    if (1 + 2 * retryTimeout > ttl) {
      warnings.push(
        `${rule}ttl=${ttl} and retry_timeout=${retryTimeout}. Adjusting loop_wait from ${loopWait} to 1 and retry_timeout to ${Math.floor((ttl - 1) / 2)}`,
      );
      loopWait = 1;
      retryTimeout = Math.floor((ttl - 1) / 2);
    } else if (loopWait + 2 * retryTimeout > ttl) {
      warnings.push(
        `${rule}ttl=${ttl} and retry_timeout=${retryTimeout}. Adjusting loop_wait from ${loopWait} to ${ttl - 2 * retryTimeout}`,
      );
      loopWait = ttl - 2 * retryTimeout;
    }
  }
  return { timings: { ttlMs: seconds(ttl), loopWaitMs: seconds(loopWait), retryTimeoutMs: seconds(retryTimeout) }, warnings };
}

/**
 * Parses the raw dynamic configuration.
 * @returns the reason as text when it must be refused as a whole (a timing that is not a number).
 */
export function parseGlobalConfig(
  data: Readonly<Record<string, unknown>>,
): { readonly config: GlobalConfig; readonly warnings: readonly string[] } | { readonly invalid: string } {
  const clamped = clampTimings(data);
  if ('invalid' in clamped) return clamped;
  const read = new DynamicValues(data);
  const postgresql = new DynamicValues(read.map('postgresql'), 'postgresql.');
  const standbyCluster = parseStandbyCluster(data['standby_cluster']);
  const wantedMode = read.synchronousMode('synchronous_mode');
  const synchronousMode = standbyCluster !== undefined ? 'off' : wantedMode;
  const synchronousModeStrict = read.flag('synchronous_mode_strict');
  const startTimeoutMs = seconds(read.whole(['primary_start_timeout', 'master_start_timeout'], 300));
  const stopTimeout = read.whole(['primary_stop_timeout', 'master_stop_timeout'], 0, 'no limit');
  const config: GlobalConfig = {
    ...clamped.timings,
    isPaused: read.flag('pause'),
    maximumLagOnFailover: read.whole('maximum_lag_on_failover', 1_048_576),
    checkTimeline: read.flag('check_timeline'),
    primaryStartTimeoutMs: startTimeoutMs,
    primaryStopTimeoutMs: stopTimeout > 0 && synchronousMode !== 'off' ? seconds(stopTimeout) : undefined,
    primaryRaceBackoffMs: seconds(read.whole('primary_race_backoff', 0)),
    primaryUselessTimeoutMs: uselessTimeout(read, startTimeoutMs, clamped.timings.ttlMs),
    synchronousMode,
    synchronousModeStrict,
    synchronousNodeCount: Math.max(read.whole('synchronous_node_count', 1), synchronousModeStrict ? 1 : 0),
    maximumLagOnSyncnode: read.whole('maximum_lag_on_syncnode', -1),
    failsafeMode: read.flag('failsafe_mode'),
    standbyCluster,
    maxTimelinesHistory: read.whole('max_timelines_history', 0),
    memberSlotsTtlMs: seconds(read.time('member_slots_ttl', 1800, '30min')),
    permanentSlots: firstFilled(['permanent_replication_slots', 'permanent_slots', 'slots'].map((name) => read.map(name))),
    ignoreSlots: read.list('ignore_slots').filter(isPlainObject),
    useSlots: postgresql.flag('use_slots', true),
  };
  const warnings = [...clamped.warnings, ...read.problems, ...postgresql.problems, ...standbyClusterProblems(data['standby_cluster'])];
  return { config, warnings };
}

function firstFilled(maps: readonly Readonly<Record<string, unknown>>[]): Readonly<Record<string, unknown>> {
  return maps.find((map) => Object.keys(map).length > 0) ?? {};
}

/** Our own setting. Its default is the time that a crashed primary gets, and no less than a ttl: slow is not dead. */
function uselessTimeout(read: DynamicValues, startTimeoutMs: Milliseconds, ttlMs: Milliseconds): Milliseconds | undefined {
  const least = startTimeoutMs > ttlMs ? startTimeoutMs : ttlMs;
  const wanted = read.optionalWhole('primary_useless_timeout', 300);
  if (wanted === undefined) return least;
  return wanted > 0 ? seconds(wanted) : undefined;
}
