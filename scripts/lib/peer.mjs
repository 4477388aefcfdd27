// The Python implementation in its present version, for mixed clusters: Debian's package of the release that carries it,
// started by the installed python3. The libraries that it imports come with the distribution's own, older package; those
// that this one lacks (the client of Consul) are unpacked as well.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { unpackDebianPackages } from './debian-package.mjs';

/** The release of Debian whose package is taken. */
const RELEASE = 'forky';
/** Where it is kept between runs: readable by every user, and none of the repository's business. */
const HOME = '/var/tmp/patroni-peer';
const PACKAGES = 'usr/lib/python3/dist-packages';
const MODULES = 'patroni.ctl, patroni.dcs.etcd3, patroni.__main__';

function runs(path, modules) {
  const { status } = spawnSync('/usr/bin/python3', ['-c', `import ${modules}`], {
    env: { ...process.env, PYTHONPATH: path, PYTHONDONTWRITEBYTECODE: '1' },
    stdio: 'ignore',
  });
  return status === 0;
}

/** The directory for PYTHONPATH; undefined when it is not here or does not run. */
export function peerPath() {
  const path = join(HOME, PACKAGES);
  return existsSync(path) && runs(path, MODULES) ? path : undefined;
}

/** Downloads and unpacks it. @returns what went wrong, in words; undefined: it is there. */
export function installPeer() {
  if (peerPath() !== undefined) return undefined;
  const obstacle = unpackDebianPackages({ release: RELEASE, packages: ['patroni'], home: HOME });
  if (obstacle !== undefined) return obstacle;
  return peerPath() === undefined ? 'it does not run with this python3' : undefined;
}
