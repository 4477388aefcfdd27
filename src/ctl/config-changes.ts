import { isPlainObject } from '../base/python-values.js';
import { parseYaml } from '../config/yaml.js';
import { CtlError } from './errors.js';

const PARAMETERS = 'postgresql.parameters.';

/**
 * Applies one `PATH=VALUE` of `edit-config` in place (patronictl.md §7.11): null removes the key and the parents that it
 * leaves empty. A parameter of PostgreSQL may have dots in its name, so it is one key.
 * @throws CtlError for a pair without path or value, or whose value is not YAML.
 */
export function applyPair(config: Record<string, unknown>, pair: string): void {
  const split = pair.indexOf('=');
  if (split <= 0 || split === pair.length - 1) throw new CtlError(`Invalid parameter setting ${pair}`);
  const path = pair.slice(0, split).trim();
  const keys = path.startsWith(PARAMETERS) ? ['postgresql', 'parameters', path.slice(PARAMETERS.length)] : path.split('.');
  if (keys.some((key) => key === '')) throw new CtlError(`Invalid parameter setting ${pair}`);
  setPath(config, keys, readYaml(pair.slice(split + 1), `the value of ${path}`));
}

/** @throws CtlError */
export function readYaml(text: string, what: string): unknown {
  try {
    return parseYaml(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw new CtlError(`Can not read ${what} as YAML: ${error.message}`);
    throw error;
  }
}

/** An emptied or broken document would wipe the cluster's configuration. @throws CtlError for anything but a mapping. */
export function readMapping(text: string, what: string): Record<string, unknown> {
  const value = readYaml(text, what);
  if (!isPlainObject(value)) throw new CtlError(`${what} is not a mapping of settings; the configuration stays as it is`);
  return value;
}

function setPath(target: Record<string, unknown>, [key = '', ...rest]: readonly string[], value: unknown): void {
  const old = Object.hasOwn(target, key) ? target[key] : undefined;
  if (rest.length === 0) {
    if (value === null) delete target[key];
    else define(target, key, value);
    return;
  }
  const inner = isPlainObject(old) ? old : {};
  setPath(inner, rest, value);
  if (Object.keys(inner).length === 0) delete target[key];
  else define(target, key, inner);
}

/** `__proto__` is a key like any other. */
function define(target: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
}
