import { type Action, type Decision, log } from './decision.js';
import type { Memory } from './memory.js';
import type { KnownObservation } from './observation.js';
import { needsFeedback, slotProblems } from './slots-permanent.js';
import { planSlots } from './slots-plan.js';
import { nextReadiness, promotionReport, readinessQuestion, slotsToCopy } from './slots-readiness.js';
import { memberUpstream } from './upstream.js';

export interface SlotUpkeep {
  readonly actions: readonly Action[];
  readonly remember: Pick<Memory, 'slotReadiness' | 'slotProblems'>;
}

/** What the cycle of a running server does for slots, in the order of ha.md §21.3. */
export function slotUpkeep(o: KnownObservation, memory: Memory, decision: Decision): SlotUpkeep {
  const isPromoting = o.job?.job.kind === 'promote' || startsPromotion(decision);
  const { readiness, log: lines } = nextReadiness(o, memory);
  const problems = slotProblems(o);
  const shown = problems.join('\n');
  const isNeeded = needsFeedback(o);
  const actions: Action[] = [
    ...(shown === memory.slotProblems ? [] : problems.map((problem) => log('error', problem))),
    ...(isNeeded === o.logicalSlots.isFeedbackEnforced ? [] : [{ kind: 'enforce-feedback', isOn: isNeeded } as const]),
    ...planSlots(o).filter((action) => !isPromoting || action.kind !== 'advance-logical-slots'),
    ...lines,
    ...(startsPromotion(decision) ? promotionReport(o, memory) : []),
    ...(isPromoting ? [] : readinessQuestion(o, readiness)),
  ];
  return { actions, remember: { slotReadiness: readiness, slotProblems: shown } };
}

function startsPromotion(decision: Decision): boolean {
  return decision.actions.some((action) => action.kind === 'start-job' && action.job.kind === 'promote');
}

/**
 * A standby that lacks a logical slot of the leader is stopped for a moment and gets it, when nothing else is going on. Not in
 * maintenance mode: the server is the operator's then.
 */
export function withSlotCopy(decision: Decision, o: KnownObservation): Decision {
  const { leader } = o.cluster.view;
  if (
    o.job !== undefined ||
    o.config.isPaused ||
    o.failsafe.promise !== undefined ||
    leader === undefined ||
    decision.actions.some(({ kind }) => kind === 'start-job')
  )
    return decision;
  const slots = isCopyDue(decision.memory, o) ? slotsToCopy(o) : [];
  if (slots.length === 0) return decision;
  const names = slots.map(({ name }) => `'${name}'`).join(', ');
  const job = { kind: 'copy-logical-slots', leader: memberUpstream(o, leader.member), slots } as const;
  return {
    ...decision,
    reason: `Copying logical slots [${names}] from the primary`,
    actions: [...decision.actions, { kind: 'start-job', job }],
  };
}

/** A copy that came to nothing is tried again after a period, not as fast as it fails. */
function isCopyDue({ slotCopyPutOffAt }: Memory, o: KnownObservation): boolean {
  return slotCopyPutOffAt === undefined || slotCopyPutOffAt + o.config.loopWaitMs <= o.now;
}
