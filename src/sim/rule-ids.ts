import { DCS_UNREACHABLE, SITUATIONS } from '../ha/decide.js';
import { divergence } from '../ha/rules/divergence.js';
import { followTable } from '../ha/rules/follow.js';
import { manualRequestRows } from '../ha/rules/manual-request.js';

/** Every rule that can decide, by its id. */
export function allRuleIds(): readonly string[] {
  const inner = [divergence, followTable({ demote: '', follow: '' }), manualRequestRows];
  const ids = [DCS_UNREACHABLE, ...SITUATIONS.map((situation) => situation.table), ...inner].flat().map((rule) => rule.id);
  return [...new Set(ids)].sort();
}
