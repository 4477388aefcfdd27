// Programs that run beside a script: their start as the unprivileged user, their end, and what a power failure does.

import { execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { guardProgram } from './last-guard.mjs';
import { asUnprivileged } from './unprivileged.mjs';

/** The environment of the servers: nothing in it may redirect a client of PostgreSQL or set up an agent. */
function cleanEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(PG|PATRONI_|PYTHON)/.test(name)));
}

/** What asUnprivileged says, without variables that would steer servers and their clients. */
export function serverOptions(env = {}) {
  return asUnprivileged({ ...cleanEnvironment(), ...env });
}

/** Sends a signal; false when the process is gone. */
export function signal(pid, name) {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
    return false;
  }
}

/** Process id → { parent, command } of everything that runs now. */
function processes() {
  const table = new Map();
  for (const line of execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8', maxBuffer: 1 << 24 }).split('\n')) {
    const [, pid, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    if (pid) table.set(Number(pid), { parent: Number(parent), command });
  }
  return table;
}

/** The direct children of a process: { pid, command }. */
export function childrenOf(parent) {
  return [...processes()].filter(([, entry]) => entry.parent === parent).map(([pid, { command }]) => ({ pid, command }));
}

/**
 * A program with its output in a file. It leads a process group of its own: Ctrl-C in the terminal reaches the script
 * alone, which then stops its programs in order.
 */
export function startProgram(command, args, { logFile, cwd, env }) {
  const log = openSync(logFile, 'a', 0o644);
  const child = spawn(command, args, { ...serverOptions(env), cwd, detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  let isRunning = true;
  const unguard = child.pid === undefined ? () => {} : guardProgram(child.pid);
  const exited = new Promise((resolve) => {
    const finish = () => {
      isRunning = false;
      unguard();
      resolve();
    };
    child.once('exit', finish);
    child.once('error', finish);
  });
  return {
    pid: child.pid,
    exited,
    isRunning: () => isRunning,
    signal: (name) => isRunning && child.pid !== undefined && signal(child.pid, name),
    /** SIGTERM, and SIGKILL when it is still there after the limit. */
    async stop(limitMs = 20_000) {
      if (!isRunning || child.pid === undefined) return;
      signal(child.pid, 'SIGTERM');
      const killer = setTimeout(() => isRunning && signal(child.pid, 'SIGKILL'), limitMs);
      await exited;
      clearTimeout(killer);
    },
    /** The end of its output, to say why something did not work. */
    tail: (lines = 15) => readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n'),
  };
}
