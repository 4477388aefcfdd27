import { isPlainObject, pythonText } from '../base/python-values.js';

/**
 * Merges `data` over `target` in place, as `PATCH /config` does (configuration.md §1.6): null removes a key, objects are
 * merged inside, lists are replaced whole, and a value with the same Python text counts as the same.
 * @returns whether `target` changed.
 */
export function patch(target: Record<string, unknown>, data: Readonly<Record<string, unknown>>): boolean {
  let isChanged = false;
  for (const [key, value] of Object.entries(data)) {
    if (!Object.hasOwn(target, key)) {
      if (value === null || value === undefined) continue;
      set(target, key, value);
      isChanged = true;
      continue;
    }
    const old = target[key];
    if (value === null || value === undefined) {
      delete target[key];
      if (old !== null) isChanged = true;
    } else if (isPlainObject(value)) {
      if (isPlainObject(old)) isChanged = patch(old, value) || isChanged;
      else {
        set(target, key, value);
        isChanged = true;
      }
    } else if (pythonText(old) !== pythonText(value)) {
      set(target, key, value);
      isChanged = true;
    }
  }
  return isChanged;
}

/** `__proto__` is a key like any other. */
function set(target: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
}
