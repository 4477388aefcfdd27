import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { Clock } from '../ports/clock.js';

export interface CommandOptions {
  /** Set on top of the agent's own environment (without what is for the agent, `PATRONI_*`). */
  readonly env?: Readonly<Record<string, string>>;
  /** Sent to the command, then end of file; absent: the null device. */
  readonly stdin?: string;
  /** Keep the output (its last 64 KiB of each stream). Otherwise, and without `onLine`, it goes where the agent's own goes. */
  readonly capture?: boolean;
  /** Called with each line of output as it comes, without its end. */
  readonly onLine?: (line: string) => void;
}

export type CommandOutcome =
  /** A command that a signal ended has 128 plus the signal's number, as in a shell. */
  | { readonly kind: 'exited'; readonly exitCode: number; readonly stdout: string; readonly stderr: string }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'not-started'; readonly error: string };

/** Kept of each stream: what is looked for (a missing file, a reason) stands at the end; more would only cost memory. */
const MAX_CAPTURED_CHARACTERS = 65_536;
/** A line longer than this is handed on in pieces. */
const MAX_LINE_CHARACTERS = 8_192;
/** A daemon that the command left behind may hold the pipes for ever: after the exit we wait this long for their end. */
const DRAIN_MS = 1_000;

const SIGNAL_NUMBER: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
};

/**
 * Runs a command to its end, without shell.
 * @param onSpawn is called with the pid as soon as there is one.
 */
export function runCommand(
  argv: readonly string[],
  options: CommandOptions,
  clock: Clock,
  onSpawn?: (pid: number) => void,
): Promise<CommandOutcome> {
  const [program, ...args] = argv;
  if (program === undefined) return Promise.resolve({ kind: 'not-started', error: 'empty command line' });
  const isPiped = options.capture === true || options.onLine !== undefined;
  const output = isPiped ? 'pipe' : 'inherit';
  return new Promise((resolve) => {
    let child: ChildProcess;
    try {
      child = spawn(program, args, {
        stdio: [options.stdin === undefined ? 'ignore' : 'pipe', output, output],
        env: { ...inheritedEnvironment(), ...options.env },
      });
    } catch (error) {
      resolve({ kind: 'not-started', error: error instanceof Error ? error.message : String(error) });
      return;
    }
    const stdout = collect(child.stdout, options);
    const stderr = collect(child.stderr, options);
    child.stdin?.on('error', () => undefined); // The command may end without reading.
    child.stdin?.end(options.stdin);
    if (child.pid !== undefined) onSpawn?.(child.pid);

    child.once('error', (error) => {
      // `error` also reports a failed kill; only without a pid was there no process.
      if (child.pid === undefined) resolve({ kind: 'not-started', error: error.message });
    });
    child.once('exit', (code, signal) => {
      const exitCode = code ?? 128 + (SIGNAL_NUMBER[signal ?? ''] ?? 0);
      const finish = (): void => {
        stopDraining();
        child.stdout?.destroy();
        child.stderr?.destroy();
        resolve({ kind: 'exited', exitCode, stdout: stdout(), stderr: stderr() });
      };
      const stopDraining = clock.after(DRAIN_MS, finish);
      child.once('close', finish);
    });
  });
}

/** Our own environment without `PATRONI_*`: passwords may be among them, and they are meant for the agent only. */
function inheritedEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PATRONI_')));
}

/** Follows a stream; the returned function ends the last line and gives what was kept. */
function collect(stream: Readable | null, options: CommandOptions): () => string {
  if (stream === null) return () => '';
  let kept = '';
  let line = '';
  const onLine = options.onLine;
  stream.setEncoding('utf8');
  stream.on('error', () => undefined);
  stream.on('data', (chunk: string) => {
    if (options.capture === true) kept = (kept + chunk).slice(-MAX_CAPTURED_CHARACTERS);
    if (onLine === undefined) return;
    // Progress meters end their lines with a carriage return only.
    const pieces = (line + chunk).split(/\r\n|\n|\r/);
    line = pieces.pop() ?? '';
    for (const piece of pieces) if (piece !== '') onLine(piece);
    if (line.length > MAX_LINE_CHARACTERS) {
      onLine(line);
      line = '';
    }
  });
  return () => {
    if (line !== '') onLine?.(line);
    line = '';
    return kept;
  };
}
