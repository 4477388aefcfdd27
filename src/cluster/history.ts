import { parseJson } from '../base/json.js';
import { type Lsn, lsnFromBytes } from '../base/lsn.js';
import { parseBigInteger, parseInteger } from '../base/python-values.js';

/** One switch of timelines: `timeline` ended at `lsn`. Time and member are missing in old data. */
export interface HistoryLine {
  readonly timeline: number;
  readonly lsn: Lsn;
  readonly reason: string;
  /** ISO 8601 time of the history file. */
  readonly time?: string;
  /** The member that was promoted. */
  readonly member?: string;
}

/** The content of `/history` (dcs.md §3.8). `isMalformed`: `lines` is only what of it could be read, good for people alone. */
export interface TimelineHistory {
  readonly version: string;
  readonly lines: readonly HistoryLine[];
  readonly isMalformed: boolean;
}

export function parseHistory(value: string, version: string): TimelineHistory {
  const malformed: TimelineHistory = { version, lines: [], isMalformed: true };
  try {
    const document = parseJson(value);
    if (!Array.isArray(document)) return malformed;
    const lines = document.map(parseLine).filter((line) => line !== undefined);
    return { version, lines, isMalformed: lines.length < document.length };
  } catch (error) {
    if (error instanceof SyntaxError) return malformed;
    throw error;
  }
}

function parseLine(item: unknown): HistoryLine | undefined {
  if (!Array.isArray(item) || item.length < 3) return undefined;
  const timeline = parseInteger(item[0]);
  const bytes = parseBigInteger(item[1]);
  const lsn = bytes === undefined ? undefined : lsnFromBytes(bytes);
  if (timeline === undefined || lsn === undefined) return undefined;
  const line = { timeline, lsn, reason: String(item[2]) };
  if (item.length < 4) return line;
  return item.length < 5 ? { ...line, time: String(item[3]) } : { ...line, time: String(item[3]), member: String(item[4]) };
}

/** The lines as the store keeps them: arrays of three to five items. */
export function historyDocument(lines: readonly HistoryLine[]): unknown[] {
  return lines.map((line) => {
    const item: unknown[] = [line.timeline, line.lsn, line.reason];
    if (line.time !== undefined) item.push(line.time);
    if (line.time !== undefined && line.member !== undefined) item.push(line.member);
    return item;
  });
}

/** The timeline that the cluster is on by its history: 1 for an empty one, 0 when the key is absent or can't be read. */
export function clusterTimeline(history: TimelineHistory | undefined): number {
  if (history === undefined || history.isMalformed) return 0;
  const last = history.lines.at(-1);
  return last === undefined ? 1 : last.timeline + 1;
}
