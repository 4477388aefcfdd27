import { isJsonObject, type Json, parseJson, parseJsonObject, stringifyJson } from '../../base/json.js';
import type { StoredKey } from '../../cluster/view.js';
import type { Annotations, KubeObject } from './objects.js';

/** The objects of one cluster (dcs.md §14.2). */
export interface ObjectNames {
  readonly leader: string;
  readonly config: string;
  readonly failover: string;
  readonly sync: string;
}

/** A scope with a slash is a group of a cluster: it becomes a dash, as between scope and key. */
export function objectNames(scope: string, useEndpoints: boolean): ObjectNames {
  const base = scope.replaceAll('/', '-');
  const named = (key: string): string => `${base}-${key}`;
  // A Service finds the Endpoints of its own name.
  return { leader: useEndpoints ? base : named('leader'), config: named('config'), failover: named('failover'), sync: named('sync') };
}

type Nullable = Readonly<Record<string, string | null>>;

/** The keys that an object stands for, in the form in which other stores hold them. */
export function keysOf(object: KubeObject, names: ObjectNames): readonly StoredKey[] {
  const { annotations, resourceVersion: version } = object;
  const key = (name: string, value: string | undefined): StoredKey[] => (value === undefined ? [] : [{ key: name, value, version }]);
  switch (object.name) {
    case names.leader:
      return [
        ...key('leader', annotations['leader'] || undefined),
        ...key('status', picked(annotations, ['optime', 'slots', 'retain_slots'])),
        ...key('failsafe', annotations['failsafe']),
      ];
    case names.config:
      return [
        ...key('initialize', annotations['initialize']),
        ...key('config', annotations['config']),
        ...key('history', annotations['history'] ?? '[]'),
        ...key('timeline', annotations['timeline']),
      ];
    case names.failover:
      return key('failover', picked(annotations, ['leader', 'member', 'scheduled_at']) ?? '{}');
    case names.sync:
      // Emptied, not deleted: without any of its parts the key counts as absent.
      return key('sync', picked(annotations, ['leader', 'sync_standby', 'quorum']));
    default:
      return [];
  }
}

/** A pod is a member, whether or not its agent has run yet. */
export function memberKey(pod: KubeObject): StoredKey {
  return { key: `members/${pod.name}`, value: pod.annotations['status'] ?? '', version: pod.resourceVersion };
}

function picked(annotations: Annotations, names: readonly string[]): string | undefined {
  const present = names.filter((name) => annotations[name] !== undefined);
  return present.length === 0 ? undefined : stringifyJson(Object.fromEntries(present.map((name) => [name, annotations[name]])));
}

/** `{"optime":…,"slots":{…},"retain_slots":[…]}` as annotations; parts without content are removed. */
export function statusAnnotations(value: string): Nullable {
  const document = parseJsonObject(value) ?? {};
  const { optime, slots, retain_slots: retained } = document;
  return {
    optime: optime === undefined || optime === null ? null : String(optime),
    slots: isJsonObject(slots) && Object.keys(slots).length > 0 ? stringifyJson(slots) : null,
    retain_slots: Array.isArray(retained) && retained.length > 0 ? stringifyJson(retained, 'spaced') : null,
  };
}

export function failsafeAnnotations(value: string): Nullable {
  const document = parseValue(value);
  const isEmpty = isJsonObject(document) && Object.keys(document).length === 0;
  return { failsafe: isEmpty ? null : value };
}

export function failoverAnnotations(value: string): Nullable {
  return textParts(value, ['leader', 'member', 'scheduled_at']);
}

/**
 * An object whose annotations are the same keeps its version. A value that was written anew, which a blank at its end tells, gets
 * one annotation more: a request that was sent before must not find the version that it compares with.
 */
export function syncAnnotations(value: string): Nullable {
  const isWrittenAnew = /\s$/.test(value);
  return { ...textParts(value, ['leader', 'sync_standby', 'quorum']), rewritten: isWrittenAnew ? 'true' : null };
}

export const NO_SYNC: Nullable = { leader: null, sync_standby: null, quorum: null, rewritten: null };

function textParts(value: string, names: readonly string[]): Nullable {
  const document = parseJsonObject(value) ?? {};
  return Object.fromEntries(
    names.map((name) => {
      const part = document[name];
      return [name, part === undefined || part === null || part === '' ? null : String(part)];
    }),
  );
}

function parseValue(value: string): Json | undefined {
  try {
    return parseJson(value);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
