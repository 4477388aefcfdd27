import { chmod, lstat, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

export async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

async function resolved(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
    return join(await realpath(dirname(path)), path.slice(dirname(path).length + 1));
  }
}

/** Mode of a file: below the data directory as that directory's group access says, elsewhere by the umask (postgres.md §27.1). */
async function modeOf(target: string, dataDir: string, umask: number): Promise<number> {
  const root = await realpath(dataDir);
  if (!target.startsWith(root + sep)) return 0o666 & ~umask;
  return ((await stat(root)).mode & 0o050) === 0o050 ? 0o640 : 0o600;
}

/**
 * Replaces the content of a file in one step: a server that reads it, or a crash, sees the old or the new one whole. A
 * symbolic link stays a link.
 * @param umask The one the agent was started with.
 */
export async function writeDataFile(path: string, content: string, dataDir: string, umask: number): Promise<void> {
  const target = await resolved(path);
  const temporary = `${target}.patroni-new`;
  const mode = await modeOf(target, dataDir, umask);
  await rm(temporary, { force: true });
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await chmod(temporary, mode);
  await rename(temporary, target);
}
