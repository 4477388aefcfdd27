import { lstat, readdir, readlink, realpath, rename, rm, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../ports/log.js';
import { isDataDirectoryEmpty } from '../control-data/data-directory.js';
import { clearRewindMarker } from '../rewind/marker.js';
import { hasErrorCode } from '../system-error.js';
import { serverProcessIn } from './in-use.js';

/** A symbolic link out of the data directory and the real directory that it leads to. */
interface OutsideDirectory {
  readonly link: string;
  readonly target: string;
}

/** A premise of a removal does not hold; going on would lose data that a server still writes. */
export class DataDirectoryInUse extends Error {
  override readonly name = 'DataDirectoryInUse';
}

async function refuseIfInUse(dataDir: string): Promise<void> {
  const pid = await serverProcessIn(dataDir);
  if (pid !== undefined) throw new DataDirectoryInUse(`${dataDir} is not removed: server process ${pid} works on it`);
}

const REMOVE = { recursive: true, force: true } as const;

/** WAL directory and tablespaces that are links. Tablespace links are named by their OID. */
async function outsideDirectories(dataDir: string): Promise<readonly OutsideDirectory[]> {
  const candidates = ['pg_wal', 'pg_xlog'].map((name) => join(dataDir, name));
  for (const name of await listOrNothing(join(dataDir, 'pg_tblspc'))) {
    if (/^[0-9]+$/.test(name) && Number(name) !== 0) candidates.push(join(dataDir, 'pg_tblspc', name));
  }
  const found: OutsideDirectory[] = [];
  for (const link of candidates) {
    const target = await linkTarget(link);
    if (target !== undefined) found.push({ link, target });
  }
  return found;
}

async function listOrNothing(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

async function linkTarget(path: string): Promise<string | undefined> {
  try {
    await readlink(path);
    return await realpath(path);
  } catch (error) {
    // EINVAL: no link. ENOENT: nothing there, or a link to nothing.
    if (hasErrorCode(error, 'EINVAL', 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/**
 * Removes a data directory with the WAL directory and tablespaces it links to. A data directory that is itself a link loses
 * only the link. What can't be removed is moved aside.
 * @throws DataDirectoryInUse when a server works on it: the caller was to stop that, and nothing is touched.
 */
export async function removeDataDirectory(dataDir: string, log: Log): Promise<void> {
  await refuseIfInUse(dataDir);
  log.info(`Removing data directory: ${dataDir}`);
  try {
    const path = withoutTrailingSlash(dataDir);
    const info = await lstat(path);
    if (!info.isDirectory()) await unlink(path);
    else {
      // First of all: without it nothing starts on what is left when the removal breaks off.
      await rm(controlFile(path), REMOVE);
      for (const { target } of await outsideDirectories(path)) await rm(target, REMOVE).catch(() => undefined);
      await removeFolder(path);
    }
  } catch (error) {
    // A mount point, or a folder whose parent is not ours, stays; empty is as good as gone.
    if (!hasErrorCode(error, 'ENOENT') && !(await isDataDirectoryEmpty(dataDir))) {
      log.error(`Could not remove data directory ${dataDir}`, error);
      await moveDataDirectoryAside(dataDir, log);
      return;
    }
  }
  await clearRewindMarker(dataDir);
}

/** Empties before it removes, so that one entry that resists (`lost+found`) does not keep the others. */
async function removeFolder(path: string): Promise<void> {
  for (const name of await readdir(path)) await rm(join(path, name), REMOVE).catch(() => undefined);
  await rm(path, REMOVE);
}

/**
 * Renames a data directory and what it links to to `….failed`, replacing what an earlier failure left. One that can't be
 * renamed, because it is a mount point, stays without its control file: nobody starts half a cluster or adopts it as a whole.
 * @throws DataDirectoryInUse as `removeDataDirectory`.
 */
export async function moveDataDirectoryAside(dataDir: string, log: Log): Promise<void> {
  const path = withoutTrailingSlash(dataDir);
  await refuseIfInUse(path);
  try {
    if (!(await lstat(path)).isDirectory()) return;
    for (const { link, target } of await outsideDirectories(path)) {
      const aside = await renameToFailed(target, log);
      await unlink(link);
      await symlink(aside, link);
    }
    await renameToFailed(path, log);
    await clearRewindMarker(dataDir);
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return;
    log.error(`Could not rename data directory ${dataDir}`, error);
    await disable(path, log);
  }
}

const controlFile = (dataDir: string): string => join(dataDir, 'global', 'pg_control');

async function disable(dataDir: string, log: Log): Promise<void> {
  const file = controlFile(dataDir);
  try {
    await rename(file, `${file}.failed`);
    log.warning(`renaming ${file} to ${file}.failed: nothing starts on these data any more; empty the directory to try again`);
  } catch (error) {
    if (!hasErrorCode(error, 'ENOENT')) log.error(`Could not rename ${file}`, error);
  }
}

async function renameToFailed(path: string, log: Log): Promise<string> {
  const aside = `${path}.failed`;
  await rm(aside, REMOVE);
  log.info(`renaming ${path} to ${aside}`);
  await rename(path, aside);
  return aside;
}

export function withoutTrailingSlash(path: string): string {
  return path.replace(/(?<=.)\/+$/, '');
}
