import { isPlainObject, isTruthy } from '../base/python-values.js';
import { controlledValue, DEFAULT_PARAMETERS, isControlledParameter } from './controlled-parameters.js';
import { ConfigError } from './errors.js';

type RawMap = Readonly<Record<string, unknown>>;

/** Keys of `postgresql` that mean something on one member only. */
const LOCAL_ONLY = new Set(['connect_address', 'proxy_address', 'listen', 'config_dir', 'data_dir', 'pgpass', 'authentication']);

/** Local `postgresql` with the dynamic one below it, legacy forms translated (configuration.md §1.8). */
export function mergePostgresql(local: RawMap, dynamic: RawMap, warnings: string[]): Record<string, unknown> {
  const result: Record<string, unknown> = { use_slots: true };
  const parameters = new ParameterSet(DEFAULT_PARAMETERS);
  for (const [key, value] of Object.entries(section(dynamic, 'postgresql'))) {
    if (key === 'parameters') mergeDynamicParameters(parameters, value, warnings);
    else if (!LOCAL_ONLY.has(key)) result[key] = value;
  }
  const useSlots = result['use_slots'];
  for (const [key, value] of Object.entries(section(local, 'postgresql'))) {
    if (key === 'parameters') mergeLocalParameters(parameters, value, warnings);
    else if (key === 'use_slots')
      warnings.push('postgresql.use_slots has no effect in the local configuration: it is read from the dynamic one');
    else result[key] = value;
  }
  result['use_slots'] = useSlots;
  result['parameters'] = parameters.toObject();
  return translateLegacy(result);
}

function mergeDynamicParameters(parameters: ParameterSet, value: unknown, warnings: string[]): void {
  for (const [name, wanted] of Object.entries(parameterMap(value))) {
    const checked = controlledValue(name, wanted);
    if (checked.warning !== undefined) warnings.push(checked.warning);
    if (checked.value !== undefined) parameters.set(name, checked.value);
  }
}

function mergeLocalParameters(parameters: ParameterSet, value: unknown, warnings: string[]): void {
  for (const [name, wanted] of Object.entries(parameterMap(value))) {
    if (!isControlledParameter(name)) parameters.set(name, wanted);
    else warnings.push(`postgresql.parameters.${name} has no effect in the local configuration: it must be equal on all members`);
  }
}

function parameterMap(value: unknown): RawMap {
  if (value === null || value === undefined) return {};
  if (!isPlainObject(value)) throw new ConfigError([{ path: 'postgresql.parameters', message: 'is not a dictionary', value: undefined }]);
  return value;
}

/** Old places of the credentials. */
function translateLegacy(postgresql: Record<string, unknown>): Record<string, unknown> {
  if (!isTruthy(postgresql['authentication'])) {
    const authentication: Record<string, unknown> = {};
    for (const user of ['replication', 'superuser']) if (isTruthy(postgresql[user])) authentication[user] = postgresql[user];
    if (Object.keys(authentication).length > 0) {
      postgresql['authentication'] = authentication;
      postgresql['use_pg_rewind'] = 'pg_rewind' in postgresql;
    }
  }
  const authentication = postgresql['authentication'];
  if (isPlainObject(authentication) && !('superuser' in authentication) && isTruthy(postgresql['pg_rewind'])) {
    postgresql['authentication'] = { ...authentication, superuser: postgresql['pg_rewind'] };
  }
  return postgresql;
}

/** The section of that name; everything that is false in Python stands for an empty one. */
export function section(raw: RawMap, name: string): RawMap {
  const value = raw[name];
  return isPlainObject(value) ? value : {};
}

/** Parameters by name without case; the spelling seen last stays. */
class ParameterSet {
  private readonly entries = new Map<string, { readonly name: string; readonly value: unknown }>();

  constructor(initial: RawMap) {
    for (const [name, value] of Object.entries(initial)) this.set(name, value);
  }

  set(name: string, value: unknown): void {
    this.entries.set(name.toLowerCase(), { name, value });
  }

  toObject(): Record<string, unknown> {
    return Object.fromEntries([...this.entries.values()].map(({ name, value }) => [name, value]));
  }
}
