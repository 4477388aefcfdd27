import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DeviceFacts } from './device.js';

/** The bundle lies one folder below the root, a test file a few. */
const LEVELS_TO_ROOT = 5;
/** The program ends at once; a driver that does not answer must not keep the agent. */
const CONTROL_LIMIT_MS = 5000;

/**
 * The program of libexec for this machine, found from the folder of the running code upwards.
 * @returns undefined when there is none for this system, or it may not be executed.
 */
export function guardProgram(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  let folder = dirname(fileURLToPath(import.meta.url));
  for (let level = 0; level < LEVELS_TO_ROOT; level++) {
    const path = join(folder, 'libexec', `patroni-guard-${process.arch}`);
    if (isExecutable(path)) return path;
    folder = dirname(folder);
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Makes the ioctls of an open device. Rejects with a sentence. */
export function controlDevice(file: number, timeoutS: number): Promise<DeviceFacts> {
  const program = guardProgram();
  if (program === undefined) return Promise.reject(new Error(`no ioctl on ${process.platform} ${process.arch}`));
  const child = spawn(program, ['device', String(timeoutS)], { stdio: ['ignore', 'pipe', 'ignore', file], timeout: CONTROL_LIMIT_MS });
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString('latin1');
    });
    child.stdout?.on('error', reject);
    child.on('error', reject);
    child.on('close', () => {
      const facts = parseFacts(output);
      if (facts !== undefined) resolve(facts);
      else reject(new Error(explain(output)));
    });
  });
}

function parseFacts(output: string): DeviceFacts | undefined {
  const [, options, firmware, timeoutS, identity = ''] = /^(\d+) (\d+) (\d+) (.*)\n$/.exec(output) ?? [];
  if (options === undefined) return undefined;
  return { options: Number(options), firmware: Number(firmware), timeoutS: Number(timeoutS), identity: identity.trim() };
}

function explain(output: string): string {
  const [, code, call] = /^error (\d+) (\w+)/.exec(output) ?? [];
  return call === undefined ? `the device did not answer within ${CONTROL_LIMIT_MS / 1000} s` : `${call} failed with error number ${code}`;
}
