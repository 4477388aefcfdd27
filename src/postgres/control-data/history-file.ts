import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseLsn } from '../../base/lsn.js';
import type { HistoryLine } from '../../cluster/history.js';

/** Lines of a timeline history file; what has not exactly three tab-separated fields is skipped. */
export function parseHistoryFile(content: string): readonly HistoryLine[] {
  const lines: HistoryLine[] = [];
  for (const line of content.split('\n')) {
    const [parent, position, reason, ...rest] = line.trim().split('\t');
    if (parent === undefined || position === undefined || reason === undefined || rest.length > 0) continue;
    const lsn = parseLsn(position);
    if (!/^\d+$/.test(parent) || lsn === undefined) continue;
    lines.push({ timeline: Number(parent), lsn, reason });
  }
  return lines;
}

/** Whether all lines lead up to `timeline` is not checked here: the comparison with other histories does that. */
export async function readHistoryFile(walDir: string, timeline: number, memberName: string): Promise<readonly HistoryLine[]> {
  const path = join(walDir, `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`);
  try {
    const lines = parseHistoryFile(await readFile(path, 'utf8'));
    const last = lines.at(-1);
    if (last?.timeline !== timeline - 1) return lines;
    const time = localIsoTime((await stat(path)).mtime);
    return [...lines.slice(0, -1), { ...last, time, member: memberName }];
  } catch (error) {
    if (error instanceof Error && 'code' in error) return [];
    throw error;
  }
}

/** `2026-01-02T03:04:05.678000+01:00`: local time with offset, as Python's `isoformat` writes it. */
export function localIsoTime(time: Date): string {
  const offset = -time.getTimezoneOffset();
  const local = new Date(time.getTime() + offset * 60_000).toISOString();
  const sign = offset < 0 ? '-' : '+';
  const two = (value: number): string => String(value).padStart(2, '0');
  const milliseconds = local.slice(20, 23);
  const fraction = milliseconds === '000' ? '' : `.${milliseconds}000`;
  return `${local.slice(0, 19)}${fraction}${sign}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
}
