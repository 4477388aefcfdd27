import { isJsonObject, type Json, type JsonObject, stringifyJson } from '../../base/json.js';
import { deepEqualByText, pythonText } from '../../base/python-values.js';
import type { AgentControl } from '../../ports/agent-control.js';
import { json, page, type Reply } from '../reply.js';

/** `PATCH /config` (rest-api.md §10.1): merges, and writes what changed under the version that was read. */
export async function patchConfig(control: AgentControl, change: JsonObject): Promise<Reply> {
  const { config } = await control.loadCluster();
  if (config === undefined || !config.isValid) return page(503);
  const target = structuredClone(config.data) as Record<string, Json>;
  if (merge(target, change)) {
    if (!(await control.writeConfig(stringifyJson(target), config.version))) return page(409);
  }
  control.wake();
  return json(200, target);
}

/** `PUT /config`: replaces, unconditionally. */
export async function putConfig(control: AgentControl, wanted: JsonObject): Promise<Reply> {
  const { config } = await control.loadCluster();
  const isSame = config?.isValid === true && deepEqualByText(config.data, wanted);
  if (!isSame && !(await control.writeConfig(stringifyJson(wanted), undefined))) return page(502);
  return json(200, wanted);
}

/** Null deletes, objects merge, everything else replaces what differs by Python text. @returns whether anything changed. */
function merge(target: Record<string, Json>, change: JsonObject): boolean {
  let isChanged = false;
  for (const [key, value] of Object.entries(change)) {
    const isKnown = Object.hasOwn(target, key);
    const old = isKnown ? target[key] : undefined;
    if (value === null) {
      if (!isKnown) continue;
      isChanged ||= old !== null;
      delete target[key];
    } else if (isJsonObject(value) && isJsonObject(old)) {
      isChanged = merge(old as Record<string, Json>, value) || isChanged;
    } else if (!isKnown || isJsonObject(value) || pythonText(old) !== pythonText(value)) {
      // Not an assignment: `__proto__` is a key as any other.
      Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
      isChanged = true;
    }
  }
  return isChanged;
}
