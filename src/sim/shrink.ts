import type { Mutation } from './mutations/mutation.js';
import type { Plan } from './plan.js';
import { runPlan, type SeedResult } from './run.js';

/** Runs that one shrinking may take. */
const MOST_RUNS = 400;
/** Lines of a short trace. */
const MOST_LINES = 40;
/** What every cycle says when nothing happens. */
const BORING =
  /no action\. I am|DCS is not accessible$|Error communicating with DCS|waiting for leader to bootstrap|Loop time exceeded|info: (updated leader lock|.* in progress$|shutting down)/;

export interface Shrunk {
  readonly plan: Plan;
  readonly violation: string;
  /** The lines that tell what happened, from the first fault on. */
  readonly trace: readonly string[];
  readonly runs: number;
}

/** A violation without times, names and numbers: what has to stay the same while the rest is cut away. */
export function kindOf(violation: string): string {
  const text = violation.replace(/^at [\d.]+ s: /, '').replace(/\bm\d\b/g, 'm');
  return (text.replace(/^m: /, '').split(/[:(]/, 1)[0] ?? '').replace(/[\d.]+/g, '#').trim();
}

/** Cuts a failing plan down as long as it fails in the same way: faults, members, tags and settings that don't matter go. */
export async function shrink(failing: Plan, mutation?: Mutation): Promise<Shrunk | undefined> {
  const run = (plan: Plan, isTraced = false): Promise<SeedResult> =>
    runPlan(plan, { isTraced, ...(mutation === undefined ? {} : { mutation }) });
  const first = await run(failing);
  if (first.violation === undefined) return undefined;
  const kind = kindOf(first.violation);
  let runs = 1;
  let plan = failing;
  const keepIfFailing = async (smaller: Plan): Promise<boolean> => {
    if (++runs > MOST_RUNS) return false;
    const { violation, faultsMs } = await run(smaller);
    if (violation === undefined || kindOf(violation) !== kind) return false;
    plan = cutAfter(smaller, faultsMs);
    return true;
  };
  await keepIfFailing(cutAfter(failing, first.faultsMs));
  await dropFaults(() => plan, keepIfFailing);
  for (const simpler of SIMPLER) {
    const smaller = simpler(plan);
    if (smaller !== undefined) await keepIfFailing(smaller);
  }
  for (const key of Object.keys(plan.config)) await keepIfFailing(withoutSetting(plan, key));
  await dropFaults(() => plan, keepIfFailing);
  const last = await run(plan, true);
  return { plan, violation: last.violation ?? first.violation, trace: shortTrace(last.trace), runs };
}

/** Half of the faults, then a quarter, and so on down to each single one. */
async function dropFaults(plan: () => Plan, keepIfFailing: (smaller: Plan) => Promise<boolean>): Promise<void> {
  for (let size = Math.ceil(plan().faults.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    // From the end: what comes late rarely matters to what comes early.
    for (let at = plan().faults.length - size; at > -size; at -= size) {
      const { faults } = plan();
      const [begin, end] = [Math.max(at, 0), Math.min(at + size, faults.length)];
      if (begin < end) await keepIfFailing({ ...plan(), faults: [...faults.slice(0, begin), ...faults.slice(end)] });
    }
  }
}

/** Nothing that was planned for later than the end of the run can matter. */
function cutAfter(plan: Plan, ms: number): Plan {
  return { ...plan, faultsMs: Math.min(plan.faultsMs, ms), faults: plan.faults.filter(({ atMs }) => atMs <= ms) };
}

const SIMPLER: readonly ((plan: Plan) => Plan | undefined)[] = [
  (plan) => (plan.endsWithSwitchover ? { ...plan, endsWithSwitchover: false } : undefined),
  withoutLastMember,
  withoutLastMember,
  (plan) => (Object.keys(plan.tags).length > 0 ? { ...plan, tags: {} } : undefined),
  (plan) => (plan.usesRewind ? undefined : { ...plan, usesRewind: true }),
  (plan) => ({ ...plan, faultsMs: Math.max(0, ...plan.faults.map(({ atMs }) => atMs)) + 1 }),
];

function withoutLastMember(plan: Plan): Plan | undefined {
  const members = plan.members - 1;
  return members < 2 ? undefined : { ...plan, members, faults: plan.faults.filter(({ member }) => member < members) };
}

function withoutSetting(plan: Plan, key: string): Plan {
  return { ...plan, config: Object.fromEntries(Object.entries(plan.config).filter(([name]) => name !== key || NEEDED.has(name))) };
}

const NEEDED = new Set(['ttl', 'loop_wait', 'retry_timeout']);

/** What happened from the beginning of the faults on, without what a member says again and again. */
export function shortTrace(lines: readonly string[]): readonly string[] {
  const begin = Math.max(
    0,
    lines.findIndex((line) => line.endsWith('faults begin')),
  );
  const said = new Map<string, string>();
  const kept = lines.slice(begin).filter((line) => {
    if (BORING.test(line)) return false;
    const [, who = '', what = ''] = /^ *[\d.]+ (m\d)?(.*)$/.exec(line) ?? [];
    const isNew = who === '' || said.get(who) !== what;
    said.set(who, what);
    return isNew;
  });
  return kept.length <= MOST_LINES ? kept : [...kept.slice(0, 5), `… ${kept.length - MOST_LINES} lines …`, ...kept.slice(5 - MOST_LINES)];
}

/** For people: what is left of a failing seed. */
export function describeShrunk({ plan, violation, trace, runs }: Shrunk): string {
  const setup = `${plan.members} members, ttl/loop_wait/retry_timeout ${plan.timings.join('/')}, ${plan.faults.length} faults`;
  return [`after ${runs} runs: ${setup}: ${violation}`, ...trace, `npm run sim -- --plan '${JSON.stringify(plan)}'`].join('\n');
}
