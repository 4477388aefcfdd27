import { DCS_UNREACHABLE, SITUATIONS } from '../ha/decide.js';
import type { KnownObservation } from '../ha/observation.js';
import type { Rule } from '../ha/rule.js';
import { divergence } from '../ha/rules/divergence.js';
import { followTable } from '../ha/rules/follow.js';
import { manualRequestRows } from '../ha/rules/manual-request.js';

/** Every row of every table that can decide. */
export function allRules(): readonly Rule<KnownObservation>[] {
  const inner = [divergence, followTable({ demote: '', follow: '' }), manualRequestRows];
  return [DCS_UNREACHABLE, ...SITUATIONS.map((situation) => situation.table), ...inner].flat();
}

/** Every rule that can decide, by its id. */
export function allRuleIds(): readonly string[] {
  return [...new Set(allRules().map((rule) => rule.id))].sort();
}
