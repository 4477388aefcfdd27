import { appendFile } from 'node:fs/promises';

/** Appends `bootstrap.pg_hba` to the file that initdb wrote. The caller has checked that no other hba list is configured. */
export async function appendBootstrapHba(path: string, lines: readonly string[]): Promise<void> {
  if (lines.length > 0) await appendFile(path, `\n${lines.join('\n')}\n`);
}
