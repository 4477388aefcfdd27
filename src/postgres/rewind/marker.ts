/**
 * Remembers beyond a crash of agent or machine that pg_rewind was at work on a data directory.
 *
 * A rewind that broke off leaves blocks of two histories with a control file of one of them; the server would start on that
 * and wait for WAL that never comes, or serve wrong data. So `<data_dir>.rewind-in-progress` is written before pg_rewind and
 * deleted only after it succeeded, after it ended before it touched anything, or with the data directory. It stands beside the
 * data directory, because pg_rewind deletes every file in it that the source does not have.
 */
import { access, open, unlink } from 'node:fs/promises';
import { hasErrorCode } from '../system-error.js';

function markerPath(dataDir: string): string {
  return `${dataDir.replace(/(?<=.)\/+$/, '')}.rewind-in-progress`;
}

/** Whether a rewind broke off half-way: the server must not be started on this data directory, only rebuilt. */
export async function wasRewindInterrupted(dataDir: string): Promise<boolean> {
  try {
    await access(markerPath(dataDir));
    return true;
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}

/** @returns false when the marker can't be written beside the data directory (a mount point below a folder of root). */
export async function writeRewindMarker(dataDir: string): Promise<boolean> {
  try {
    const file = await open(markerPath(dataDir), 'w', 0o600);
    try {
      await file.writeFile('pg_rewind was started on this data directory and did not finish: rebuild it\n');
      await file.sync();
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if (hasErrorCode(error, 'EACCES', 'EPERM', 'EROFS')) return false;
    throw error;
  }
}

export async function clearRewindMarker(dataDir: string): Promise<void> {
  try {
    await unlink(markerPath(dataDir));
  } catch (error) {
    if (!hasErrorCode(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EROFS')) throw error;
  }
}
