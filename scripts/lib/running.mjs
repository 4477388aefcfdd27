// Child processes of the scripts. Each leads a process group of its own, so that it can be stopped with all it started.

import { spawn } from 'node:child_process';

const running = new Set();

function signalGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH' && error.code !== 'EPERM') throw error;
  }
}

/** Runs a program to its end; resolves to its exit code (1 when a signal ended it or it could not start). */
export function run(command, args, { timeoutMs, ...options } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options, detached: true });
    running.add(child);
    let killer;
    const deadline =
      timeoutMs &&
      setTimeout(() => {
        process.stderr.write(`${command} ${args.at(-1)}: not finished within ${timeoutMs / 1000} s, stopping it\n`);
        signalGroup(child, 'SIGTERM');
        killer = setTimeout(() => signalGroup(child, 'SIGKILL'), 15_000);
      }, timeoutMs);
    const finish = (code) => {
      clearTimeout(deadline);
      clearTimeout(killer);
      running.delete(child);
      resolve(code ?? 1);
    };
    child.on('error', (error) => {
      process.stderr.write(`${command}: ${error.message}\n`);
      finish(1);
    });
    child.on('exit', finish);
  });
}

/** Makes SIGINT, SIGTERM and SIGHUP stop the running programs, wait for them, and end this process. */
export function stopChildrenOnSignal(cleanUp = () => {}) {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      for (const child of running) signalGroup(child, 'SIGTERM');
      const started = Date.now();
      const poll = setInterval(() => {
        if (running.size > 0 && Date.now() - started < 20_000) return;
        for (const child of running) signalGroup(child, 'SIGKILL');
        clearInterval(poll);
        cleanUp();
        process.exit(130);
      }, 50);
    });
  }
}
