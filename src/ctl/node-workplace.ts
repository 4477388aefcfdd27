import { spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Workplace } from './context.js';
import { CtlError, UnreadableFile } from './errors.js';

/** The files, the editor and the pager of the person at this machine. */
export function nodeWorkplace(environment: NodeJS.ProcessEnv): Workplace {
  return {
    readFile: readInput,
    edit: async (text, prefix) => {
      const editor = environment['EDITOR'] || firstProgram(['editor', 'vi'], environment);
      if (editor === undefined) throw new CtlError('EDITOR environment variable is not set. editor or vi are not available');
      // A directory of its own: the configuration may hold secrets, and the name must be nobody else's.
      const folder = mkdtempSync(join(tmpdir(), prefix));
      try {
        const path = join(folder, `${prefix}edit.yaml`);
        writeFileSync(path, text, { mode: 0o600 });
        const code = await run(editor, [path]);
        if (code !== 0) throw new CtlError(`Editor exited with return code ${code}`);
        return readFileSync(path, 'utf8');
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    page: async (text) => {
      const pager = environment['PAGER'] || firstProgram(['less', 'more'], environment);
      if (pager === undefined) {
        throw new CtlError(
          'No pager could be found. Either set PAGER environment variable with your pager or install either "less" or "more" in the host.',
        );
      }
      const [program = pager, ...words] = pager.split(/\s+/).filter(Boolean);
      await run(program, words, text, { ...environment, LESS: environment['LESS'] ?? 'FRX' });
    },
  };
}

async function readInput(path: string): Promise<string> {
  try {
    if (path !== '-') return readFileSync(path, 'utf8');
    // Not synchronously: a pipe that has nothing yet would be an error (EAGAIN).
    const parts: Buffer[] = [];
    for await (const part of process.stdin) parts.push(Buffer.from(part));
    return Buffer.concat(parts).toString('utf8');
  } catch (error) {
    throw new UnreadableFile(path, wordsOf(error), { cause: error });
  }
}

/** `ENOENT: no such file or directory, open 'x'` as everybody else says it. */
function wordsOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const words = /^(E[A-Z]+): ([^,]+),/.exec(message);
  if (words?.[1] === 'EISDIR') return 'Is a directory';
  return words?.[2] === undefined ? message : words[2].charAt(0).toUpperCase() + words[2].slice(1);
}

function firstProgram(names: readonly string[], environment: NodeJS.ProcessEnv): string | undefined {
  const folders = (environment['PATH'] ?? '').split(delimiter);
  return names.find((name) =>
    folders.some((folder) => {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return true;
      } catch {
        return false;
      }
    }),
  );
}

/** Runs a program at this terminal to its end; its exit status, or the number of the signal's shell code. */
function run(program: string, words: readonly string[], input?: string, environment?: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, {
      stdio: [input === undefined ? 'inherit' : 'pipe', 'inherit', 'inherit'],
      ...(environment === undefined ? {} : { env: environment }),
    });
    child.on('error', (error) => reject(new CtlError(`Can not run ${program}: ${error.message}`, { cause: error })));
    child.on('close', (code) => resolve(code ?? 1));
    // A pager that is left before the end closes its input.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}
