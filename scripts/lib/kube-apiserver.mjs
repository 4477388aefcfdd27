// The Kubernetes API server of the tests. No distribution that we install from carries it: it is taken from $KUBE_APISERVER,
// or from the folder `shared/bin` beside the checkout, and unpacked outside of both. Without it such tests are left out.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKED = fileURLToPath(new URL('../../../shared/bin/kube-apiserver.xz', import.meta.url));
/** Where it is kept between runs: readable by every user, and none of the repository's business. */
const HOME = '/var/tmp/patroni-kube';
const PROGRAM = join(HOME, 'kube-apiserver');

function runs(path) {
  return existsSync(path) && spawnSync(path, ['--version'], { stdio: 'ignore', timeout: 60_000 }).status === 0;
}

/** The program; undefined when it is not here or does not run. */
function kubeApiserverProgram() {
  return [process.env.KUBE_APISERVER, PROGRAM].find((path) => path && runs(path));
}

/** Unpacks it, and tells the tests by $KUBE_APISERVER. @returns what went wrong, in words; undefined: it is there. */
export function installKubeApiserver() {
  const present = kubeApiserverProgram();
  const obstacle = present === undefined ? unpack() : undefined;
  // Set, though empty: the tests then say why they are left out, and look no further.
  process.env.KUBE_APISERVER = obstacle === undefined ? (present ?? PROGRAM) : '';
  return obstacle;
}

function unpack() {
  if (!existsSync(PACKED)) return `neither $KUBE_APISERVER nor ${PACKED} is there`;
  const expected = readFileSync(`${PACKED}.sha256`, 'utf8').split(/\s/)[0];
  if (createHash('sha256').update(readFileSync(PACKED)).digest('hex') !== expected) return `${PACKED} is damaged`;
  mkdirSync(HOME, { recursive: true, mode: 0o755 });
  const part = `${PROGRAM}.${process.pid}`;
  try {
    const file = openSync(part, 'w', 0o755);
    const { status, error } = spawnSync('xz', ['-dc', PACKED], { stdio: ['ignore', file, 'ignore'], timeout: 120_000 });
    closeSync(file);
    if (status !== 0) return `xz: ${error?.message ?? `exit code ${status}`}`;
    chmodSync(part, 0o755);
    renameSync(part, PROGRAM);
  } finally {
    rmSync(part, { force: true });
  }
  return runs(PROGRAM) ? undefined : 'it does not run on this system';
}
