import { execFile } from 'node:child_process';
import { join } from 'node:path';
import type { PostgresSettings } from '../../ports/settings.js';

/** What a program printed. `code` is undefined when it could not be started or was killed. */
export interface ToolResult {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Path of a PostgreSQL program: `bin_dir` with the name of `bin_name`; the bare name where PATH is searched. */
export function toolPath(settings: Pick<PostgresSettings, 'binDir' | 'binName'>, tool: string): string {
  const name = settings.binName[tool] ?? tool;
  return settings.binDir === '' ? name : join(settings.binDir, name);
}

/** No output of these tools comes near; more would be a fault. */
const MAX_OUTPUT_BYTES = 8 * 1024 * 1024;

/** Runs a short-lived program to its end, at most `timeoutMs`. Failure is a value. */
export function runTool(
  path: string,
  argv: readonly string[],
  options: { readonly env: Readonly<Record<string, string | undefined>>; readonly timeoutMs: number; readonly cwd?: string },
): Promise<ToolResult> {
  return new Promise((resolve) => {
    const child = execFile(
      path,
      argv,
      {
        env: options.env,
        cwd: options.cwd ?? '/',
        timeout: options.timeoutMs,
        killSignal: 'SIGKILL',
        maxBuffer: MAX_OUTPUT_BYTES,
        encoding: 'utf8',
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : undefined;
        resolve({ code, stdout, stderr: stderr === '' && error !== null ? error.message : stderr });
      },
    );
    child.stdin?.end();
  });
}

/** Output that programs can read. */
export const PLAIN_LOCALE = { LANG: 'C', LC_ALL: 'C' } as const;
