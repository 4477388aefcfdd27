import { deepEqualByText } from '../../base/python-values.js';
import { parseMemberData } from '../../cluster/member.js';
import type { DcsEvent } from '../../ports/dcs.js';

/**
 * The event for a changed value below the cluster's path, or undefined when nobody waits for it (dcs.md §6.4, §10.7).
 * An equal value is no event: heartbeats must not wake anybody. `undefined` stands for an absent key.
 */
export function eventOf(key: string, before: string | undefined, after: string | undefined): DcsEvent | undefined {
  if (before === after) return undefined;
  if (/^members\/[^/]+$/.test(key))
    return { kind: 'members-changed', isMembership: before === undefined || after === undefined || hasOtherTags(before, after) };
  switch (key) {
    case 'leader':
      return { kind: 'leader-changed' };
    case 'failover':
      return { kind: 'failover-changed' };
    case 'sync':
      return { kind: 'sync-changed' };
    case 'config':
      return before === undefined || after === undefined ? undefined : { kind: 'config-changed' };
    case 'status':
    case 'optime/leader':
      return after === undefined ? undefined : { kind: 'status-changed' };
    default:
      return undefined;
  }
}

/** Tags say what the others may expect of a member: who takes its synchronous duty off waits for the leader to see it. */
function hasOtherTags(before: string, after: string): boolean {
  if (!before.includes('"tags"') && !after.includes('"tags"')) return false;
  return !deepEqualByText(parseMemberData(before)['tags'], parseMemberData(after)['tags']);
}
