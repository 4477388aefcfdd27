import { readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { hasErrorCode } from '../system-error.js';

/**
 * Finds a server process that works in the data directory, a backend left over from a killed postmaster included: each of
 * them has it as its working directory. Independent of postmaster.pid, which may be missing, stale or copied.
 * @returns its pid; undefined when there is none, or when this system has no /proc to tell.
 */
export async function serverProcessIn(dataDir: string): Promise<number | undefined> {
  const folder = await orUndefined(realpath(dataDir));
  if (folder === undefined) return undefined;
  for (const name of (await orUndefined(readdir('/proc'))) ?? []) {
    if (!/^[0-9]+$/.test(name)) continue;
    if ((await orUndefined(readlink(`/proc/${name}/cwd`))) !== folder) continue;
    // Somebody's shell may stand there as well.
    if ((await orUndefined(readFile(`/proc/${name}/comm`, 'utf8')))?.includes('postgres')) return Number(name);
  }
  return undefined;
}

/** Processes end while we look, and those of other users can't be looked at: neither is our server. */
async function orUndefined<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'ENOTDIR')) return undefined;
    throw error;
  }
}
