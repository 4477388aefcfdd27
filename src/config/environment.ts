import { isPlainObject, parseBool, parseInteger, parseNumber } from '../base/python-values.js';
import { type Conversion, environmentVariables, LEGACY_VARIABLES } from './environment-variables.js';
import { parseYaml } from './yaml.js';

export type Environment = Record<string, string | undefined>;

export interface CapturedEnvironment {
  /** As a configuration file would say it. */
  readonly config: Readonly<Record<string, unknown>>;
  /** `PATRONI_CONFIGURATION`: YAML that stands for file and environment together. */
  readonly configuration: string | undefined;
  /** Names without meaning and values that do not convert; never a value. */
  readonly warnings: readonly string[];
}

/** Not settings of the daemon, so neither read nor warned about. */
const FOREIGN = /^PATRONI_(?:[A-Z0-9]+_)*(?:SERVICE_HOST|SERVICE_PORT(?:_.*)?|PORT_[0-9]+_.*)$/;

/**
 * Reads the `PATRONI_*` variables and removes those that are known from `environment`, so that programs started by us do
 * not inherit passwords (configuration.md §1.4, §2.12).
 */
export function captureEnvironment(environment: Environment): CapturedEnvironment {
  const warnings: string[] = [];
  const config: Record<string, unknown> = {};
  const take = (name: string): string | undefined => {
    const value = environment[name];
    delete environment[name];
    return value;
  };
  for (const [legacy, name] of LEGACY_VARIABLES) {
    const value = take(legacy);
    if (value && !environment[name]) environment[name] = value;
  }
  for (const [name, variable] of environmentVariables()) {
    const source = take(name);
    if (source === undefined || (source === '' && variable.keepsEmpty !== true)) continue;
    const [section = ''] = variable.path;
    if (variable.needsSection === true && !(section in config)) {
      warnings.push(`${name} is ignored because no other PATRONI_${section.toUpperCase()}_* variable is set`);
      continue;
    }
    const value = convert(source, variable.as);
    if (value !== undefined) assign(config, variable.path, value);
    else if (source !== '') warnings.push(`${name} is ignored: its value is not ${EXPECTED[variable.as]}`);
  }
  const configuration = take('PATRONI_CONFIGURATION') || undefined;
  for (const name of Object.keys(environment)) {
    if (name.startsWith('PATRONI_') && !FOREIGN.test(name)) warnings.push(`environment variable ${name} has no meaning and is ignored`);
  }
  return { config, configuration, warnings };
}

const EXPECTED: Readonly<Record<Conversion, string>> = {
  text: 'text',
  integer: 'an integer',
  real: 'a number',
  bool: 'a boolean (on, off, true, false, yes, no, 1, 0)',
  list: 'a YAML list',
  map: 'a YAML mapping',
  format: 'a template or a YAML list',
};

function convert(source: string, as: Conversion): unknown {
  if (source === '') return as === 'map' ? {} : as === 'bool' ? undefined : '';
  switch (as) {
    case 'text':
      return source;
    case 'integer':
      return parseInteger(source);
    case 'real':
      return parseNumber(source);
    case 'bool':
      return parseBool(source);
    case 'list':
      return parseListText(source);
    case 'map':
      return parseMapText(source);
    case 'format':
      return /%\(\w+\)/.test(source) ? source : parseListText(source);
  }
}

/** `a:1,b:2`, `[a, b]` and a YAML list in block style. */
export function parseListText(source: string): readonly unknown[] | undefined {
  const isYaml = source.trim().startsWith('-') || source.includes('[');
  const value = tryYaml(isYaml ? source : `[${source}]`);
  return Array.isArray(value) ? value : undefined;
}

export function parseMapText(source: string): Record<string, unknown> | undefined {
  const value = tryYaml(source.trim().startsWith('{') ? source : `{${source}}`);
  return isPlainObject(value) ? value : undefined;
}

function tryYaml(text: string): unknown {
  try {
    return parseYaml(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function assign(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key = '', ...rest] = path;
  if (rest.length === 0) {
    target[key] = value;
    return;
  }
  const old = target[key];
  const child = isPlainObject(old) ? old : {};
  target[key] = child;
  assign(child, rest, value);
}
