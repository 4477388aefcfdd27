import { chmod, copyFile, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';

/** Content of a file; undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(ignoreMissing);
}

export async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(ignoreMissing)) !== undefined;
}

/** Milliseconds; 0 when there is no such file. */
export async function modifiedAt(path: string): Promise<number> {
  return (await stat(path).catch(ignoreMissing))?.mtimeMs ?? 0;
}

/**
 * Writes in place, as links and owners stay that way, with the mode that the data directory has (postgres.md §27.1).
 * @returns false when the file had that content already.
 */
export async function writeBelow(dataDir: string, path: string, content: string): Promise<boolean> {
  if ((await readIfThere(path)) === content) return false;
  const mode = await fileMode(dataDir);
  await writeFile(path, content, { mode });
  await chmod(path, mode);
  return true;
}

export async function copyBelow(dataDir: string, from: string, to: string): Promise<void> {
  if (!(await isThere(from))) return;
  await copyFile(from, to);
  await chmod(to, await fileMode(dataDir));
}

export async function renameFile(from: string, to: string): Promise<void> {
  await rename(from, to);
}

export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true });
}

async function fileMode(dataDir: string): Promise<number> {
  const mode = (await stat(dataDir).catch(ignoreMissing))?.mode ?? 0;
  return (mode & 0o050) === 0o050 ? 0o640 : 0o600;
}

function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
  throw error;
}
