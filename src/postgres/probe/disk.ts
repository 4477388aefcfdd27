import { spawn } from 'node:child_process';
import type { Clock } from '../../ports/clock.js';
import { PLAIN_LOCALE } from '../process/tools.js';
import type { Finding } from './series.js';

/**
 * Free space of both directories, then a page that is forced to disk beside the WAL, and removed again.
 * `$1`: data directory, `$2`: WAL directory.
 */
const SCRIPT = 'df -Pk "$1" "$2"; f="$2/.patroni_probe"; dd if=/dev/zero of="$f" bs=8192 count=1 conv=fsync 2>&1; echo "dd=$?"; rm -f "$f"';

/** Below one WAL segment the server can't add one, and stops. */
const LEAST_FREE_KB = 16 * 1024;

/** Output comes to some hundred bytes. */
const MOST_OUTPUT = 4096;

export interface DiskProbeOptions {
  readonly clock: Clock;
  /** Replaced in tests: starts the child and gives its output when it has ended. */
  readonly run?: (dataDir: string, walDir: string) => Promise<string | undefined>;
}

/**
 * Writes below the data directory in a child process: a call that hangs takes the child, not one of our own four threads for
 * files. At most one child exists; while it hangs, every further look is one more failure.
 */
export class DiskProbe {
  private readonly clock: Clock;
  private readonly run: (dataDir: string, walDir: string) => Promise<string | undefined>;
  private running: Promise<Finding> | undefined;

  constructor({ clock, run }: DiskProbeOptions) {
    this.clock = clock;
    this.run = run ?? runScript;
  }

  async look(dataDir: string, walDir: string, limitMs: number): Promise<Finding> {
    if (this.running === undefined) {
      this.running = this.run(dataDir, walDir).then((output) => {
        this.running = undefined;
        return judgeOutput(output);
      });
    }
    let cancel: (() => void) | undefined;
    const limit = new Promise<Finding>((resolve) => {
      const detail = `a write below ${dataDir} did not return within ${Math.round(limitMs / 1000)} s`;
      cancel = this.clock.after(limitMs, () => resolve({ kind: 'disk-hung', detail }));
    });
    try {
      return await Promise.race([this.running, limit]);
    } finally {
      cancel?.();
    }
  }
}

/** What cannot be understood (no `dd`, another language) proves nothing. */
export function judgeOutput(output: string | undefined): Finding {
  if (output === undefined) return { kind: 'unknown' };
  const refusal = /dd: .*: (No space left on device|Disk quota exceeded|Input\/output error|Read-only file system)/.exec(output)?.[1];
  if (refusal === 'No space left on device' || refusal === 'Disk quota exceeded') return { kind: 'disk-full', detail: refusal };
  if (refusal !== undefined) return { kind: 'disk-failed', detail: refusal };
  if (!output.includes('dd=0')) return { kind: 'unknown' };
  const free = [...output.matchAll(/ (\d+) +\d+% /g)].map((match) => Number(match[1]));
  const least = Math.min(...free);
  if (free.length > 0 && least < LEAST_FREE_KB) {
    return { kind: 'disk-full', detail: `${least} kB are free, one WAL segment needs ${LEAST_FREE_KB} kB` };
  }
  return { kind: 'fine' };
}

function runScript(dataDir: string, walDir: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let output = '';
    const child = spawn('/bin/sh', ['-c', SCRIPT, 'patroni-probe', dataDir, walDir], {
      cwd: '/',
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', ...PLAIN_LOCALE },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    // A child that hangs must not keep us from ending.
    child.unref();
    child.stdout.on('data', (chunk: Buffer) => {
      if (output.length < MOST_OUTPUT) output += chunk.toString('latin1');
    });
    child.on('error', () => resolve(undefined));
    child.on('close', () => resolve(output));
  });
}
