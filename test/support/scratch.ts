import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder that is there until this process ends. */
export function scratch(prefix = 'patroni-test-'): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  // What a test has left running may still write there: what can't be removed stays.
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}
