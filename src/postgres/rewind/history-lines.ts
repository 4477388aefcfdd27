import { parseLsn } from '../../base/lsn.js';
import type { HistoryLine } from '../../cluster/history.js';

/** Lines of a history file: parent timeline, switch position and reason, separated by tabs; others are skipped. */
export function parseHistoryLines(content: string): readonly HistoryLine[] {
  return content.split('\n').flatMap((line) => {
    const fields = line.split('\t');
    const [timeline = '', position = '', reason = ''] = fields;
    const lsn = parseLsn(position);
    return fields.length === 3 && /^\s*[0-9]+$/.test(timeline) && lsn !== undefined ? [{ timeline: Number(timeline), lsn, reason }] : [];
  });
}
