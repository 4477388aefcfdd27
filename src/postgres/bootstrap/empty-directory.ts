import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';

export function hasErrorCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code);
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}

/**
 * Whether a data directory counts as empty: it has no control file, and is absent or holds only `lost+found` and names
 * that begin with a dot (what mount points and snapshots leave).
 * @throws the operating system's error when it can't be read: never take that for empty.
 */
export async function isDataDirectoryEmpty(dataDir: string): Promise<boolean> {
  if (await exists(join(dataDir, 'global', 'pg_control'))) return false;
  try {
    return (await readdir(dataDir)).every((name) => name.startsWith('.') || name === 'lost+found');
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return true;
    throw error;
  }
}
