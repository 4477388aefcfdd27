import type { RoleLabels } from './settings.js';

/** States in which the data directory comes into being. */
const BOOTSTRAP_STATES: ReadonlySet<unknown> = new Set([
  'initializing new cluster',
  'running custom bootstrap script',
  'starting after custom bootstrap',
  'creating replica',
]);

/**
 * The labels that tell a pod's role (dcs.md §14.7); `null`: removed. In ConfigMaps mode traffic follows them: a primary
 * that does not hold the lock has none.
 */
export function podLabels(
  member: Readonly<Record<string, unknown>>,
  isLeader: boolean,
  settings: RoleLabels,
): Readonly<Record<string, string | null>> {
  const { roleLabel, temporaryRoleLabel, bootstrapLabels } = settings;
  const { label, temporary } = roleValues(member, isLeader, settings);
  const isBootstrapping = BOOTSTRAP_STATES.has(member['state']);
  return {
    ...Object.fromEntries(Object.entries(bootstrapLabels).map(([key, value]) => [key, isBootstrapping ? value : null])),
    ...(temporaryRoleLabel === undefined ? {} : { [temporaryRoleLabel]: temporary }),
    [roleLabel]: label,
  };
}

function roleValues(
  { role, state }: Readonly<Record<string, unknown>>,
  isLeader: boolean,
  { leaderValue, standbyLeaderValue, followerValue }: RoleLabels,
): { readonly label: string | null; readonly temporary: string | null } {
  if (isLeader) return { label: role === 'standby_leader' ? standbyLeaderValue : leaderValue, temporary: 'primary' };
  const isFollower = state === 'running' && typeof role === 'string' && role !== 'primary';
  if (!isFollower) return { label: null, temporary: null };
  return { label: role === 'replica' ? followerValue : role, temporary: role };
}
