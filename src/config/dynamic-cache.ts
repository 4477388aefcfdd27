import { readFileSync } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isJsonObject, type JsonObject, parseJson, stringifyJson } from '../base/json.js';

/** Lives in the data directory, so that copies of it carry the configuration, too. */
const FILE = 'patroni.dynamic.json';

export type CachedDynamicConfig =
  | { readonly kind: 'found'; readonly data: JsonObject }
  | { readonly kind: 'absent' }
  /** To be logged as `Exception when loading file: …` and otherwise ignored. */
  | { readonly kind: 'unreadable'; readonly reason: string };

/** The dynamic configuration as it was when this member last saved it (configuration.md §1.10). */
export function readDynamicCache(dataDir: string): CachedDynamicConfig {
  const path = join(dataDir, FILE);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? { kind: 'absent' } : { kind: 'unreadable', reason: message };
  }
  try {
    const data = parseJson(text);
    return isJsonObject(data) ? { kind: 'found', data } : { kind: 'unreadable', reason: `${path} does not hold an object` };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { kind: 'unreadable', reason: `${path}: ${error.message}` };
  }
}

/**
 * Replaces the cached copy at once (temporary file, rename); readable by the group where the data directory is.
 * @param suffix makes the temporary name unique.
 * @returns undefined, or why it failed: to be logged as `Exception when saving file: …` and tried again next cycle.
 */
export async function writeDynamicCache(
  dataDir: string,
  data: Readonly<Record<string, unknown>>,
  suffix: string,
): Promise<string | undefined> {
  const path = join(dataDir, FILE);
  const temporary = path + suffix;
  try {
    const isGroupReadable = ((await stat(dataDir)).mode & 0o050) === 0o050;
    const mode = isGroupReadable ? 0o640 : 0o600;
    const file = await open(temporary, 'w', mode);
    try {
      // The umask may have taken the group's right.
      await file.chmod(mode);
      await file.writeFile(stringifyJson(data, 'spaced'));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    return undefined;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    return (error as Error).message;
  }
}
