// The Python implementation in its present version, for mixed clusters: Debian's package of the release that carries it,
// started by the installed python3. The libraries that it imports come with the distribution's own, older package; the
// client of Consul, which that one only suggests, is unpacked as well, with what it imports.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { unpackDebianPackages } from './debian-package.mjs';

/** The release of Debian whose package is taken. */
const RELEASE = 'forky';
/** Where it is kept between runs: readable by every user, and none of the repository's business. */
const HOME = '/var/tmp/patroni-peer';
/** The client of Consul, of the release whose python3 runs it all. */
const CONSUL_RELEASE = 'bookworm';
const CONSUL_PACKAGES = ['consul', 'requests', 'charset-normalizer', 'chardet', 'idna', 'certifi', 'urllib3', 'six'];
const CONSUL_HOME = '/var/tmp/patroni-peer-consul';
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

/** What PYTHONPATH must hold for the client of Consul, beside `peerPath`; installed now if need be. Undefined: not to be had. */
export function consulClientPath() {
  const path = join(CONSUL_HOME, PACKAGES);
  if (runs(path, 'consul')) return path;
  const obstacle = unpackDebianPackages({
    release: CONSUL_RELEASE,
    packages: CONSUL_PACKAGES.map((name) => `python3-${name}`),
    home: CONSUL_HOME,
  });
  return obstacle === undefined && runs(path, 'consul') ? path : undefined;
}

/** Downloads and unpacks it. @returns what went wrong, in words; undefined: it is there. */
export function installPeer() {
  if (peerPath() !== undefined) return undefined;
  const obstacle = unpackDebianPackages({ release: RELEASE, packages: ['patroni'], home: HOME });
  if (obstacle !== undefined) return obstacle;
  return peerPath() === undefined ? 'it does not run with this python3' : undefined;
}
