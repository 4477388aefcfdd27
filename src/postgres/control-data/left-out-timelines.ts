import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const HISTORY_FILE = /^[0-9A-F]{8}\.history$/;

/**
 * Makes a promotion leave out timelines below `least`, because another member may have used their numbers for a history
 * that this server never saw: two different histories of one number look like one, to pg_rewind as well.
 *
 * PostgreSQL takes the first number after its own for which there is no history file. So the numbers to leave out get an
 * empty file, which is no ancestor of anything, for the moment of the promotion.
 * @returns what was written, for `removeLeftOutTimelines`.
 * @see docs/decisions/2026-11-23-timelines-left-out.md
 */
export async function leaveOutTimelines(walDir: string, current: number, least: number): Promise<readonly string[]> {
  const written: string[] = [];
  for (let timeline = current + 1; timeline < least; timeline++) {
    const path = join(walDir, `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`);
    try {
      await writeFile(path, '', { flag: 'wx', mode: 0o600 });
      written.push(path);
    } catch (error) {
      // A real history file is as good: its number is left out anyhow.
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
  }
  return written;
}

/**
 * Removes the empty history files again. A server that finds one at its start takes it for the newest timeline and
 * refuses to start, so this comes before every start, too: the agent may have died in between.
 */
export async function removeLeftOutTimelines(walDir: string): Promise<void> {
  let names: readonly string[];
  try {
    names = await readdir(walDir);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return;
    throw error;
  }
  for (const name of names) {
    if (!HISTORY_FILE.test(name)) continue;
    const path = join(walDir, name);
    if ((await stat(path)).size === 0) await rm(path, { force: true });
  }
}
