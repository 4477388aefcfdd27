import { isSame, type Names, NOBODY } from './names.js';
import { formatStandbyNames, type StandbyNames } from './standby-names.js';
import type { SyncLook } from './standbys.js';
import type { SyncStep } from './step.js';

/**
 * Without enough standbys the strict mode keeps the last good state: commits wait, and `/sync` still names who has them all
 * (ha.md §17.6). Undefined: there are enough, or nobody asked for it.
 */
export function holdStrictly(
  key: { readonly voters: Names; readonly quorum: number },
  look: SyncLook,
  o: { readonly isStrict: boolean; readonly isQuorumKey: boolean; readonly majorVersion: number },
): SyncStep | undefined {
  const least = o.isStrict ? 1 : 0;
  if (look.active.length >= least) return undefined;
  const quorum = o.isQuorumKey ? key.quorum : 0;
  const value: StandbyNames = {
    type: o.isQuorumKey ? 'quorum' : 'priority',
    number: Math.max(least, key.voters.length - quorum),
    members: key.voters.length > 0 ? key.voters : NOBODY,
  };
  const { inForce } = look;
  if (!isSame(inForce.members, value.members) || inForce.number !== value.number || inForce.type !== value.type)
    return { kind: 'set-names', value };
  const old = formatStandbyNames(value, o.majorVersion) ?? '';
  const kept = value.members.length > 0 ? `Continue using old value of synchronous_standby_names="${old}". ` : '';
  return {
    kind: 'hold',
    warning: `No active replication connections from Patroni members and synchronous_mode_strict is requested. ${kept}Commits will be delayed.`,
  };
}
