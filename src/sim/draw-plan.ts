import { FAULTS } from './faults/all.js';
import { MODES } from './faults/modes.js';
import type { Plan, PlannedFault, TimingSeconds } from './plan.js';
import { SeededRandom } from './prng.js';

const TIMINGS: readonly TimingSeconds[] = [
  [30, 10, 10],
  [30, 10, 10],
  [30, 10, 10],
  [20, 4, 8],
  [20, 6, 6],
  [5, 1, 2],
  [12, 3, 4],
  [20, 2, 9],
];
/** Length of the time with faults, and the pause between two of them, in ttls. */
const FAULTS_TTLS = { least: 2.5, most: 5 };
const PAUSE_TTLS = { least: 0.02, most: [0.25, 0.4, 0.7] };

/**
 * @param fixed what is given and not drawn.
 * @param favoured faults that come ten times as often.
 */
export function drawPlan(seed: number, fixed: Partial<Plan> = {}, favoured: readonly string[] = []): Plan {
  const random = new SeededRandom(seed);
  const timings = fixed.timings ?? random.pick(TIMINGS);
  const members = fixed.members ?? random.pick([2, 3, 3, 3, 4]);
  const config = drawConfig(random, timings);
  const faultsMs = random.between(FAULTS_TTLS.least, FAULTS_TTLS.most) * timings[0] * 1000;
  return {
    seed,
    members,
    timings,
    tags: drawTags(random, members),
    config,
    usesRewind: random.chance(0.8),
    ...(random.chance(0.35) ? { watchdog: random.pick(['automatic', 'required'] as const) } : {}),
    ...(random.chance(0.1) ? { needsRestartToFollow: true } : {}),
    ...(random.chance(0.02) ? { failingInitdbs: 1 } : {}),
    faultsMs,
    faults: drawFaults(random, members, faultsMs, timings[0] * 1000, [...favoured, ...drawTheme(random)]),
    endsWithSwitchover: random.chance(0.4),
    ...fixed,
    ...(fixed.config === undefined ? {} : { config: { ...config, ...fixed.config } }),
  };
}

/**
 * The plan of a seed as `npm run sim` runs it: every third one in a synchronous mode, priority and quorum by turns. The
 * regressions keep the plain plans, with which their seeds were found.
 */
export function planOf(seed: number, fixed: Partial<Plan> = {}, favoured: readonly string[] = []): Plan {
  if (seed % 3 !== 0 || fixed.config !== undefined) return drawPlan(seed, fixed, favoured);
  const plan = drawPlan(seed, { ...fixed, ...synchronousPlan(seed % 2 === 0 ? true : 'quorum', seed) }, favoured);
  return seed % 9 === 0 ? withModeChanges(plan) : plan;
}

/** Operators change the mode and its numbers meanwhile. */
function withModeChanges(plan: Plan): Plan {
  const random = new SeededRandom(plan.seed + 1);
  const changes = [...MODES, ...MODES].map(({ name }) => ({
    atMs: Math.round(random.between(0, plan.faultsMs)),
    name,
    member: 0,
    seed: Math.floor(random.next() * 2 ** 32),
  }));
  return { ...plan, faults: [...plan.faults, ...changes].sort((a, b) => a.atMs - b.atMs) };
}

/** A synchronous mode; strict mode and the number of standbys by the seed. */
export function synchronousPlan(mode: true | 'quorum', seed: number): Partial<Plan> {
  return {
    config: { synchronous_mode: mode, synchronous_mode_strict: seed % 5 === 0, synchronous_node_count: seed % 4 < 2 ? 1 : 2 },
    // Servers that follow by a restart only can't be cut off before a vote (docs/replication_modes.md).
    ...(mode === 'quorum' ? { needsRestartToFollow: false } : {}),
  };
}

function drawConfig(random: SeededRandom, [ttl, loopWait, retryTimeout]: TimingSeconds): Readonly<Record<string, unknown>> {
  return {
    ttl,
    loop_wait: loopWait,
    retry_timeout: retryTimeout,
    maximum_lag_on_failover: 1_048_576,
    check_timeline: random.chance(0.3),
    primary_start_timeout: random.pick([300, 300, 300, ttl, 2, 0]),
    ...(random.chance(0.15) ? { primary_race_backoff: loopWait } : {}),
    ...(random.chance(0.25) ? { failsafe_mode: true } : {}),
  };
}

function drawTags(random: SeededRandom, members: number): Plan['tags'] {
  const tags: Record<string, Readonly<Record<string, unknown>>> = {};
  for (let index = 0; index < members; index++) {
    const drawn = drawMemberTags(random, index, members);
    if (Object.keys(drawn).length > 0) tags[`m${index}`] = drawn;
  }
  return tags;
}

function drawMemberTags(random: SeededRandom, index: number, count: number): Readonly<Record<string, unknown>> {
  if (random.chance(0.75)) return {};
  if (index > 0 && random.chance(0.4)) return random.chance(0.7) ? { nofailover: true } : { failover_priority: 0 };
  if (index > 1 && count > 2 && random.chance(0.3)) return { replicatefrom: 'm1' };
  return random.chance(0.3) ? { clonefrom: true } : { failover_priority: Math.floor(random.between(1, 4)) };
}

/** Some runs have a theme: a few kinds of trouble that come again and again. */
function drawTheme(random: SeededRandom): readonly string[] {
  if (!random.chance(0.4)) return [];
  return [random.pick(FAULTS).name, random.pick(FAULTS).name, random.pick(FAULTS).name];
}

function drawFaults(
  random: SeededRandom,
  members: number,
  faultsMs: number,
  ttlMs: number,
  favoured: readonly string[],
): readonly PlannedFault[] {
  const weightOf = ({ name, weight }: (typeof FAULTS)[number]): number => (favoured.includes(name) ? 10 * weight : weight);
  const total = FAULTS.reduce((sum, fault) => sum + weightOf(fault), 0);
  const most = random.pick(PAUSE_TTLS.most);
  const pause = (): number => random.between(PAUSE_TTLS.least, most) * ttlMs;
  const faults: PlannedFault[] = [];
  for (let atMs = pause(); atMs < faultsMs; atMs += pause()) {
    let at = random.between(0, total);
    const fault = FAULTS.find((candidate) => {
      at -= weightOf(candidate);
      return at < 0;
    });
    const [member, seed] = [Math.floor(random.between(0, members)), Math.floor(random.next() * 2 ** 32)];
    if (fault !== undefined) faults.push({ atMs: Math.round(atMs), name: fault.name, member, seed });
  }
  return faults;
}
