// The Consul server of the tests: the last one that Debian carries, unpacked beside the system.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { unpackDebianPackages } from './debian-package.mjs';

/** The release of Debian whose package is taken. */
const RELEASE = 'bullseye';
/** Where it is kept between runs: readable by every user, and none of the repository's business. */
const HOME = '/var/tmp/patroni-consul';

/** The program; undefined when it is not here or does not run. */
export function consulProgram() {
  for (const path of [join(HOME, 'usr/bin/consul'), '/usr/bin/consul', '/usr/local/bin/consul']) {
    if (existsSync(path) && spawnSync(path, ['version'], { stdio: 'ignore' }).status === 0) return path;
  }
  return undefined;
}

/** Downloads and unpacks it. @returns what went wrong, in words; undefined: it is there. */
export function installConsul() {
  if (consulProgram() !== undefined) return undefined;
  const obstacle = unpackDebianPackages({ release: RELEASE, packages: ['consul'], home: HOME });
  if (obstacle !== undefined) return obstacle;
  return consulProgram() === undefined ? 'it does not run on this system' : undefined;
}
