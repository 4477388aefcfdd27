import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../ports/clock.js';
import type { Log } from '../../ports/log.js';
import type { ConnectionCredentials, ToolOptions } from '../../ports/settings.js';
import { runCommand } from '../command.js';
import { toolOptions } from '../command-line.js';
import { clearRewindMarker } from '../rewind/marker.js';
import { toolOutput } from '../tool-output.js';

export interface InitdbRequest {
  /** Path of initdb. */
  readonly initdb: string;
  readonly dataDir: string;
  readonly options: ToolOptions;
  readonly superuser: ConnectionCredentials;
}

const REFUSED = ['pgdata', 'nosync', 'pwfile', 'sync-only', 'version'];

/**
 * Creates an empty cluster. It can't be cancelled: it takes seconds, and half of it is worth nothing. The password goes by a
 * file of mode 0600 that is deleted again.
 * @returns false when an option is refused or initdb failed; the reason is in the log.
 */
export async function initdb(request: InitdbRequest, { clock, log }: { readonly clock: Clock; readonly log: Log }): Promise<boolean> {
  const options = toolOptions('initdb', request.options, REFUSED);
  if (options.errors.length > 0) {
    for (const error of options.errors) log.error(error);
    return false;
  }
  const { username, password } = request.superuser;
  const user = username ? [`--username=${username}`] : [];
  const folder = password ? await mkdtemp(join(tmpdir(), 'patroni-')) : undefined;
  try {
    const file: string[] = [];
    if (folder !== undefined) {
      const path = join(folder, 'pwfile');
      await writeFile(path, `${password}\n`, { mode: 0o600 });
      file.push(`--pwfile=${path}`);
    }
    const argv = [request.initdb, ...options.arguments, ...user, ...file, request.dataDir];
    const outcome = await runCommand(argv, { onLine: toolOutput('initdb', log, clock) }, clock);
    if (outcome.kind === 'exited' && outcome.exitCode === 0) {
      await clearRewindMarker(request.dataDir);
      return true;
    }
    log.error(outcome.kind === 'not-started' ? `Could not start initdb: ${outcome.error}` : 'initdb failed');
    return false;
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}
