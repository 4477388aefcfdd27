// The Python implementation in its present version, for mixed clusters: Debian's package of the release that carries it,
// started by the installed python3. The libraries that it imports come with the distribution's own, older package; the
// clients of Consul and ZooKeeper, which that one only suggests, are unpacked as well, with what they import.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { unpackDebianPackages } from './debian-package.mjs';

/** The release of Debian whose package is taken. */
const RELEASE = 'forky';
/** Where it is kept between runs: readable by every user, and none of the repository's business. */
const HOME = '/var/tmp/patroni-peer';
/** Clients of further stores, of the release whose python3 runs it all. */
const CLIENTS_RELEASE = 'bookworm';
const CLIENTS = [
  {
    module: 'consul',
    home: '/var/tmp/patroni-peer-consul',
    packages: ['consul', 'requests', 'charset-normalizer', 'chardet', 'idna', 'certifi', 'urllib3', 'six'],
  },
  { module: 'kazoo.client', home: '/var/tmp/patroni-peer-kazoo', packages: ['kazoo', 'six'] },
];
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

/** What PYTHONPATH must hold beside `peerPath` for the clients of further stores, installed now if need be; those not to be had are undefined. */
export function clientPaths() {
  return CLIENTS.map(({ module, home, packages }) => {
    const path = join(home, PACKAGES);
    if (runs(path, module)) return path;
    const obstacle = unpackDebianPackages({ release: CLIENTS_RELEASE, packages: packages.map((name) => `python3-${name}`), home });
    return obstacle === undefined && runs(path, module) ? path : undefined;
  });
}

/** Downloads and unpacks it. @returns what went wrong, in words; undefined: it is there. */
export function installPeer() {
  if (peerPath() !== undefined) return undefined;
  const obstacle = unpackDebianPackages({ release: RELEASE, packages: ['patroni'], home: HOME });
  if (obstacle !== undefined) return obstacle;
  return peerPath() === undefined ? 'it does not run with this python3' : undefined;
}
