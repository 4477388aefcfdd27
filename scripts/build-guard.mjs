// Builds the guard programs of libexec from libexec/patroni-guard.c, for every architecture whose compiler is there.
// Only for who changes the source: the programs are kept in the repository, users need no compiler.
// Usage: node scripts/build-guard.mjs [folder]

import { spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answerHelp } from './lib/help.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const COMPILERS = { x64: 'x86_64-linux-gnu-gcc', arm64: 'aarch64-linux-gnu-gcc' };

// No C library, no start files, one segment: what is left is the program itself.
const FLAGS = [
  ...'-std=c11 -Os -Wall -Wextra -Werror -static -nostdlib -ffreestanding -fno-pie -no-pie -s'.split(' '),
  ...'-fno-stack-protector -fno-asynchronous-unwind-tables -fno-ident'.split(' '),
  ...'-Wl,--build-id=none -Wl,-z,noseparate-code -Wl,-z,norelro -Wl,-z,noexecstack'.split(' '),
];
const OWN_FLAGS = { x64: ['-fcf-protection=none'], arm64: ['-mno-outline-atomics'] };

/** @returns the architectures that were built */
export function buildGuard(folder = join(root, 'libexec')) {
  return Object.entries(COMPILERS)
    .filter(([architecture, compiler]) => {
      const output = join(folder, `patroni-guard-${architecture}`);
      const source = join(root, 'libexec/patroni-guard.c');
      const run = spawnSync(compiler, [...FLAGS, ...OWN_FLAGS[architecture], '-o', output, source], { encoding: 'utf8' });
      if (run.error?.code === 'ENOENT') return false;
      if (run.status !== 0) throw new Error(`${compiler}: ${run.stderr}`);
      chmodSync(output, 0o755);
      return true;
    })
    .map(([architecture]) => architecture);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  answerHelp(import.meta.url);
  const built = buildGuard(process.argv[2]);
  process.stdout.write(`built for ${built.join(', ') || 'nothing: no compiler found'}\n`);
}
