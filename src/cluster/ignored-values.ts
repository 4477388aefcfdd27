import { isPlainObject, parseBool, parseInteger, pythonRepr, pythonText } from '../base/python-values.js';

interface Expected {
  readonly isUsable: (value: unknown) => boolean;
  readonly allowed: string;
  /** What is in force where the value can't be used. */
  readonly instead: string;
}

const number = (instead: number | string): Expected => ({
  isUsable: (value) => parseInteger(value) !== undefined,
  allowed: 'a whole number',
  instead: String(instead),
});
const FLAG: Expected = { isUsable: (value) => parseBool(value) !== undefined, allowed: 'true or false', instead: 'false' };
const MAP: Expected = { isUsable: isPlainObject, allowed: 'a map', instead: 'an empty one' };

const EXPECTED: Readonly<Record<string, Expected>> = {
  pause: FLAG,
  check_timeline: FLAG,
  failsafe_mode: FLAG,
  synchronous_mode_strict: FLAG,
  synchronous_mode: {
    isUsable: (value) => parseBool(value) !== undefined || pythonText(value).toLowerCase() === 'quorum',
    allowed: 'true, false or quorum',
    instead: 'false',
  },
  synchronous_node_count: number(1),
  maximum_lag_on_syncnode: number(-1),
  maximum_lag_on_failover: number(1_048_576),
  primary_start_timeout: number(300),
  master_start_timeout: number(300),
  primary_stop_timeout: number('no limit'),
  master_stop_timeout: number('no limit'),
  primary_race_backoff: number(0),
  primary_useless_timeout: number(300),
  max_timelines_history: number(0),
  member_slots_ttl: { isUsable: (value) => parseInteger(value, 's') !== undefined, allowed: 'a time', instead: '30min' },
  permanent_replication_slots: MAP,
  permanent_slots: MAP,
  slots: MAP,
  ignore_slots: { isUsable: Array.isArray, allowed: 'a list', instead: 'an empty one' },
  postgresql: MAP,
  'postgresql.use_slots': FLAG,
};

/** A sentence for each value of the dynamic configuration that is left out of account because it is none of its kind. */
export function ignoredValues(data: Readonly<Record<string, unknown>>): readonly string[] {
  const postgresql = isPlainObject(data['postgresql']) ? data['postgresql'] : {};
  const values = { ...data, 'postgresql.use_slots': postgresql['use_slots'] };
  return Object.entries(EXPECTED).flatMap(([name, { isUsable, allowed, instead }]) => {
    const value = values[name as keyof typeof values] ?? undefined;
    if (value === undefined || isUsable(value)) return [];
    return [`dynamic configuration: ${name}: ${pythonRepr(value)} is not ${allowed}; ${instead} is in force`];
  });
}
