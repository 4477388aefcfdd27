import { type Lsn, parseLsn } from '../../base/lsn.js';

/** One line of pg_waldump. */
export interface WalRecord {
  readonly manager: string;
  readonly lsn: Lsn;
  readonly previous: Lsn;
  readonly description: string;
  /** Whole length in bytes. */
  readonly length: number;
}

const LINE =
  /^rmgr: (\S+)\s+len \(rec\/tot\):\s*\d+\/\s*(\d+), tx:\s*\d+, lsn: ([0-9A-Fa-f]+\/[0-9A-Fa-f]+), prev ([0-9A-Fa-f]+\/[0-9A-Fa-f]+),.*? desc: (.*)$/m;

/** The first record of the output; undefined when there is none. */
export function parseWalRecord(output: string): WalRecord | undefined {
  const match = LINE.exec(output);
  const lsn = parseLsn(match?.[3] ?? '');
  const previous = parseLsn(match?.[4] ?? '');
  if (!match || lsn === undefined || previous === undefined) return undefined;
  return { manager: match[1] ?? '', length: Number(match[2]), lsn, previous, description: (match[5] ?? '').trim() };
}

/** `CHECKPOINT_SHUTDOWN redo 0/…` of new versions, `checkpoint: redo …; shutdown` of old ones. */
export function isShutdownCheckpoint(record: WalRecord): boolean {
  const text = record.description.toLowerCase();
  if (record.manager !== 'XLOG' || !text.startsWith('checkpoint')) return false;
  return text.endsWith('shutdown');
}

export function isWalSwitch(record: WalRecord): boolean {
  const text = record.description.toLowerCase();
  return record.manager === 'XLOG' && (text === 'switch' || text === 'xlog switch');
}
