import { readdir, readFile, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { hasErrorCode } from '../system-error.js';

/** `9.6` → 90600, `15` → 150000; 0 when the file is missing or says anything else. */
export async function readMajorVersion(dataDir: string): Promise<number> {
  const content = await readFile(join(dataDir, 'PG_VERSION'), 'utf8').catch(ignoreMissing);
  return content === undefined ? 0 : parseMajorVersion(content);
}

export function parseMajorVersion(content: string): number {
  const match = /^(\d+)(?:\.(\d+))?\s*$/.exec(content);
  if (!match) return 0;
  const major = Number(match[1]);
  if (major >= 10) return match[2] === undefined ? major * 10_000 : 0;
  return match[2] === undefined ? 0 : major * 10_000 + Number(match[2]) * 100;
}

/**
 * Whether there is nothing that could be a data directory (postgres.md §1.4).
 * @throws when the directory can't be read, which is not the same as empty.
 */
export async function isDataDirectoryEmpty(dataDir: string): Promise<boolean> {
  if (await exists(join(dataDir, 'global', 'pg_control'))) return false;
  const names = await readdir(dataDir).catch(ignoreMissing);
  return names === undefined || names.every((name) => name.startsWith('.') || name === 'lost+found');
}

/** Why the data directory can't be read, for people: a missing right names the user who lacks it, and what it takes. */
export function inaccessibleBecause(error: Error, dataDir: string): string {
  if (!hasErrorCode(error, 'EACCES', 'EPERM')) return error.message;
  return `${ownUser()} may not read ${dataDir}: it must own the directory, and may need access (x) to a folder above (${error.message})`;
}

function ownUser(): string {
  try {
    const { username, uid } = userInfo();
    return `user ${username} (uid ${uid})`;
  } catch (error) {
    // In a container the user may have no name.
    if (!hasErrorCode(error, 'ERR_SYSTEM_ERROR')) throw error;
    return `the user of the agent (uid ${process.geteuid?.()})`;
  }
}

/** A marker by which the server starts in recovery. */
export async function hasRecoveryConfiguration(dataDir: string, majorVersion: number): Promise<boolean> {
  const names = majorVersion >= 120_000 ? ['standby.signal', 'recovery.signal'] : ['recovery.conf'];
  for (const name of names) if (await exists(join(dataDir, name))) return true;
  return false;
}

/** Directory of the WAL files. */
export function walDirectory(dataDir: string, majorVersion: number): string {
  return join(dataDir, majorVersion >= 100_000 ? 'pg_wal' : 'pg_xlog');
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(ignoreMissing)) !== undefined;
}

function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
  throw error;
}
