import { assertNever } from '../base/assert.js';
import type { Action } from '../ha/decision.js';
import type { AgentPorts } from './environment.js';
import type { LogicalSlotKeeper } from './logical-slots.js';

const KINDS = [
  'create-slot',
  'drop-slot',
  'advance-slot',
  'create-logical-slots',
  'advance-logical-slots',
  'check-logical-slots',
  'forget-logical-slots',
  'enforce-feedback',
] as const;

export type SlotAction = Extract<Action, { kind: (typeof KINDS)[number] }>;

export function isSlotAction(action: Action): action is SlotAction {
  return (KINDS as readonly string[]).includes(action.kind);
}

/** Slots are upkeep: whatever the server says against it must not end the cycle of a leader. */
export async function executeSlotAction(action: SlotAction, ports: AgentPorts, keeper: LogicalSlotKeeper): Promise<void> {
  try {
    await run(action, ports, keeper);
  } catch (error) {
    ports.log.error('Exception when changing replication slots', error);
  }
}

async function run(action: SlotAction, { postgres, log }: AgentPorts, keeper: LogicalSlotKeeper): Promise<void> {
  switch (action.kind) {
    case 'create-slot':
      return postgres.createPhysicalSlot(action.name);
    case 'advance-slot':
      return postgres.advancePhysicalSlot(action.name, action.lsn);
    case 'drop-slot':
      log.info(action.why);
      if (!(await postgres.dropSlot(action.name))) log.warning(`Unable to drop replication slot '${action.name}', slot is active`);
      return;
    case 'create-logical-slots':
      return keeper.create(action.slots);
    case 'advance-logical-slots':
      return keeper.advance(action.targets);
    case 'check-logical-slots':
      return keeper.check(action.leader, action.slot, action.names);
    case 'forget-logical-slots':
      return keeper.forget();
    case 'enforce-feedback':
      return keeper.enforceFeedback(action.isOn);
    default:
      return assertNever(action);
  }
}
