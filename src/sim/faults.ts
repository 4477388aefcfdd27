import { parseJsonObject } from '../base/json.js';
import { parseGlobalConfig } from '../cluster/dynamic-config.js';
import { parseStatus } from '../cluster/status.js';
import { CLUSTER } from './environment.js';
import { FAULTS } from './faults/all.js';
import { MODES } from './faults/modes.js';
import type { SimMember } from './member.js';
import type { PlannedFault } from './plan.js';
import { SeededRandom } from './prng.js';
import type { World } from './world.js';

/** Bytes: more than any run writes. */
const ANY_LAG = 1_000_000_000;

/** @param seed of what the fault draws. */
export function happen(world: World, name: string, member: SimMember, seed = 1): void {
  const fault = [...FAULTS, ...MODES].find((candidate) => candidate.name === name);
  if (fault === undefined) throw new Error(`no fault is called ${name}`);
  world.trace(`FAULT ${fault.name}: ${member.name}`);
  fault.happen(world, member, new SeededRandom(seed));
}

/** Lets the planned things go wrong, counted from now. */
export function scheduleFaults(world: World, faults: readonly PlannedFault[]): void {
  for (const fault of faults) {
    const member = world.members[fault.member];
    if (member !== undefined) world.scheduler.after(fault.atMs, () => happen(world, fault.name, member, fault.seed));
  }
}

/** Everything works again: networks, store, disks, processes; maintenance mode is over. */
export function healAll(world: World): void {
  world.heal();
  world.lossRate = 0;
  if (world.storeNetwork.outage !== 'none') world.storeNetwork.heal();
  for (const member of world.members) {
    const faults = world.storeNetwork.faultsOf(member.name);
    faults.lostAnswers = 0;
    faults.answerDelayMs = 2;
    faults.requestDelayMs = 2;
    faults.fate = () => 'arrives';
    member.server.slowness = 1;
    member.server.trouble.clear();
    if (member.server.isFrozen) member.server.thaw();
    if (member.postgres !== undefined) member.postgres.isSlow = false;
    member.thaw();
    member.startAgent();
    // What an operator asked for at the wrong time is withdrawn.
    if (member.agent?.control.snapshot().scheduledRestart !== undefined) void member.agent.control.deleteScheduledRestart();
  }
  world.store.put(`${CLUSTER}failover`, '{}', { writer: 'operator' });
  world.restoreInitialize();
  // When the newest timeline is lost with its last copy, only the operator can say that an older one will do.
  const isNewestLost = world.members.every(({ server }) => server.isEmpty || server.timeline < world.clusterTimeline);
  // Likewise where those that are left are farther behind what was lost than they may be.
  const isLagForgiven = isMostLost(world);
  world.configure({
    pause: null,
    ttl: world.timings.ttlMs / 1000,
    ...(isNewestLost ? { check_timeline: null } : {}),
    ...(isLagForgiven ? { maximum_lag_on_failover: ANY_LAG } : {}),
  });
  world.trace('all healed');
}

/** A member has lost its data, and no other one has enough to be elected. */
function isMostLost({ members, store }: World): boolean {
  const parsed = parseGlobalConfig(parseJsonObject(store.get(`${CLUSTER}config`)?.value ?? '') ?? {});
  if ('invalid' in parsed) return false;
  const { lastLsn } = parseStatus(store.get(`${CLUSTER}status`)?.value ?? '');
  const isBehind = ({ server }: SimMember): boolean => lastLsn - server.lsn > parsed.config.maximumLagOnFailover;
  return members.some(({ server }) => server.isEmpty) && members.every((member) => member.server.isEmpty || isBehind(member));
}
