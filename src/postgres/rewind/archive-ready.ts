import { access, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../ports/log.js';
import type { CancellableRunner } from '../cancellable.js';
import { hasErrorCode } from '../system-error.js';

/**
 * Puts file name and path into an archive or restore command: `%p`, `%f`, `%r`, `%%`. Other `%x` stay as they are.
 * The restart point of `%r` is not known to us: the very first segment keeps an archive from deleting anything.
 */
export function fillPlaceholders(command: string, path: string, name: string): string {
  const values: Readonly<Record<string, string>> = { p: path, f: name, r: '000000010000000000000001', '%': '%' };
  return command.replace(/%(.)/g, (all, letter: string) => values[letter] ?? all);
}

/**
 * Archives the WAL that the stopped server had not archived yet. After a promotion elsewhere these segments may exist only
 * here; pg_rewind would delete them and leave a hole in the archive. Failures are logged; the rest is tried all the same.
 * @param archiveCommand undefined when archiving is off or no command is set.
 */
export async function archiveReadyWal(
  walDir: string,
  archiveCommand: string | undefined,
  { runner, log }: { readonly runner: CancellableRunner; readonly log: Log },
): Promise<void> {
  if (!archiveCommand) return;
  const status = join(walDir, 'archive_status');
  for (const name of await readySegments(status)) {
    if (runner.isCancelled) return;
    const path = join(walDir, name);
    if (!(await isThere(path))) continue;
    const isDone = await archiveSegment(walDir, name, archiveCommand, { runner, log });
    if (isDone) await rename(join(status, `${name}.ready`), join(status, `${name}.done`));
    else log.error(`Failed to archive WAL segment ${name}`);
  }
}

/** Runs the archive command for one file, whether or not it was archived before. */
export async function archiveSegment(
  walDir: string,
  name: string,
  archiveCommand: string,
  { runner, log }: { readonly runner: CancellableRunner; readonly log: Log },
): Promise<boolean> {
  const outcome = await runner.run(['sh', '-c', fillPlaceholders(archiveCommand, join(walDir, name), name)], {
    onLine: (line) => log.info(`archive_command: ${line}`),
  });
  return outcome.kind === 'exited' && outcome.exitCode === 0;
}

async function readySegments(folder: string): Promise<readonly string[]> {
  try {
    const names = await readdir(folder);
    return names
      .filter((name) => /^[0-9A-F]{24}(\.partial)?\.ready$/.test(name))
      .map((name) => name.slice(0, -'.ready'.length))
      .sort();
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return [];
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return false;
    throw error;
  }
}
