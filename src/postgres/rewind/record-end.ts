import { formatLsn, type Lsn, parseLsn } from '../../base/lsn.js';
import type { Clock } from '../../ports/clock.js';
import type { Log } from '../../ports/log.js';
import { runCommand } from '../command.js';

export interface RecordEndRequest {
  /** Path of pg_waldump (below version 10: pg_xlogdump). */
  readonly pgWaldump: string;
  readonly dataDir: string;
  readonly timeline: number;
  readonly lsn: Lsn;
}

/**
 * Where the record at `lsn` ends, when it is the last one: pg_waldump is asked for two records and must show one and
 * complain of the next. If the leader's timeline begins exactly there, a cleanly stopped primary has lost nothing.
 * @returns undefined when that can't be told.
 */
export async function checkpointRecordEnd(
  { pgWaldump, dataDir, timeline, lsn }: RecordEndRequest,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<Lsn | undefined> {
  const argv = [pgWaldump, '-t', String(timeline), '-s', formatLsn(lsn), '-n', '2'];
  const outcome = await runCommand(argv, { capture: true, env: { LANG: 'C', LC_ALL: 'C', PGDATA: dataDir } }, clock);
  const end = outcome.kind === 'exited' ? recordEnd(outcome.stdout, outcome.stderr, lsn) : undefined;
  if (end === undefined) {
    const told = outcome.kind === 'exited' ? `stdout: ${outcome.stdout.trim()} stderr: ${outcome.stderr.trim()}` : outcome.kind;
    log.error(`Failed to parse pg_waldump output: ${told}`);
  }
  return end;
}

export function recordEnd(stdout: string, stderr: string, lsn: Lsn): Lsn | undefined {
  const [record, ...moreRecords] = stdout.split('\n').filter((line) => line !== '');
  const [complaint, ...moreComplaints] = stderr.split('\n').filter((line) => line !== '');
  if (record === undefined || complaint === undefined || moreRecords.length > 0 || moreComplaints.length > 0) return undefined;
  const shown = /, lsn: ([0-9A-F]+\/[0-9A-F]+), prev /.exec(record)?.[1];
  const match = /error in WAL record at ([0-9A-F]+\/[0-9A-F]+): invalid record length at ([0-9A-F]+\/[0-9A-F]+)/.exec(complaint);
  // Positions are padded here and there, depending on the version: compare numbers.
  if (parseLsn(shown ?? '') !== lsn || parseLsn(match?.[1] ?? '') !== lsn) return undefined;
  return parseLsn(match?.[2] ?? '');
}
