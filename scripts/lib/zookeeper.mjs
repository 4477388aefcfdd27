// The ZooKeeper servers of the tests, unpacked beside the system: Debian's present one, and the last one from before 3.6,
// which knows fewer requests. They need a Java, which scripts/setup.mjs installs.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { unpackDebianPackages } from './debian-package.mjs';

/** Where they are kept between runs: readable by every user, and none of the repository's business. */
const SERVERS = [
  {
    release: 'bookworm',
    home: '/var/tmp/patroni-zookeeper',
    // Those of its many libraries that a server without its web pages loads; Netty is for TLS.
    packages: ['zookeeper', 'slf4j', 'netty', 'dropwizard-metrics', 'snappy', 'commons-cli', 'commons-io'],
  },
  { release: 'bullseye', home: '/var/tmp/patroni-zookeeper-old', packages: ['zookeeper', 'slf4j'], more: ['liblog4j1.2-java'] },
];

/** Unpacks those of the servers that are missing. @returns what went wrong, in words; undefined: they are there. */
export function installZooKeeper() {
  if (spawnSync('java', ['-version'], { stdio: 'ignore' }).status !== 0) return 'there is no java';
  for (const { release, home, packages, more = [] } of SERVERS) {
    if (existsSync(join(home, 'usr/share/java/zookeeper.jar'))) continue;
    const obstacle = unpackDebianPackages({ release, packages: [...packages.map((name) => `lib${name}-java`), ...more], home });
    if (obstacle !== undefined) return obstacle;
  }
  return undefined;
}
