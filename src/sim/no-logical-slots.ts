import type { LogicalSlots } from '../ports/logical-slots.js';

/** The simulated server has no logical slots; no run configures any. */
export const noLogicalSlots: LogicalSlots = {
  create: async () => undefined,
  advance: async () => new Map(),
  read: async () => undefined,
  leaderSlots: async () => undefined,
  room: async () => undefined,
  write: async () => undefined,
  remove: async () => undefined,
  isFeedbackEnforced: false,
  enforceFeedback: async () => undefined,
};
