// Installs what the demo, the tests and the benchmark need and is missing: servers from the distribution, packages from
// npm. Says first what it will install; does nothing, and needs no network, where everything is there.
// Usage: node scripts/setup.mjs [--peer] [--chaos] [--stores]   (--peer: also Debian's Python Patroni, to compare and to mix
//        with; --chaos: also what makes network namespaces and wrong clocks; --stores: also the Java that ZooKeeper runs on)

import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answerHelp } from './lib/help.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Directories that hold PostgreSQL's server programs, newest version first. */
export function postgresDirectories() {
  const versioned = [];
  for (const [parent, below] of [
    ['/usr/lib/postgresql', 'bin'],
    ['/opt/homebrew/opt', 'bin'],
    ['/usr/local/opt', 'bin'],
  ]) {
    if (!existsSync(parent)) continue;
    for (const name of readdirSync(parent)) {
      const version = Number(/^(?:postgresql@)?(\d+)$/.exec(name)?.[1]);
      if (version && existsSync(join(parent, name, below, 'initdb'))) versioned.push({ version, path: join(parent, name, below) });
    }
  }
  versioned.sort((a, b) => b.version - a.version);
  return versioned.map(({ path }) => path);
}

function isOnPath(program) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/sbin', '/usr/local/bin'];
  return folders.some((folder) => folder !== '' && existsSync(join(folder, program)));
}

const needs = [
  { what: 'PostgreSQL', deb: 'postgresql', brew: 'postgresql@17', isThere: () => postgresDirectories().length > 0 || isOnPath('initdb') },
  { what: 'psql', deb: 'postgresql-client', brew: 'postgresql@17', isThere: () => isOnPath('psql') || postgresDirectories().length > 0 },
  { what: 'etcd', deb: 'etcd-server', brew: 'etcd', isThere: () => isOnPath('etcd') },
  { what: 'HAProxy', deb: 'haproxy', brew: 'haproxy', isThere: () => isOnPath('haproxy') },
  // Unpacks the kube-apiserver of the tests, where there is one (scripts/lib/kube-apiserver.mjs).
  { what: 'xz', deb: 'xz-utils', brew: 'xz', isThere: () => isOnPath('xz') || !existsSync(join(root, '../shared/bin')) },
];
const peerNeeds = [{ what: "Debian's Patroni", deb: 'patroni', brew: undefined, isThere: () => isOnPath('patroni') }];
const storesNeeds = [{ what: 'Java', deb: 'default-jre-headless', brew: 'openjdk', isThere: () => isOnPath('java') }];
const chaosNeeds = [
  { what: 'iproute2', deb: 'iproute2', brew: undefined, isThere: () => isOnPath('ip') },
  { what: 'libfaketime', deb: 'libfaketime', brew: undefined, isThere: () => fakeClockLibrary() !== undefined },
];

/** The library that sets the wall clock of a program. */
function fakeClockLibrary() {
  const machine = { x64: 'x86_64', arm64: 'aarch64' }[process.arch];
  const path = `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`;
  return existsSync(path) ? path : undefined;
}

/** Whether the packages that npm installed are those that package-lock.json names. */
function hasNpmPackages() {
  try {
    const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
    // Each package's own word, not npm's list of them: the list can be newer than what is on the disk.
    const version = (path) => JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')).version;
    return Object.entries(wanted).every(([path, entry]) => path === '' || entry.optional || version(path) === entry.version);
  } catch {
    return false;
  }
}

function run(command, args, env = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  if (result.status !== 0) throw new Error(`${command} ${args[0] ?? ''} failed${result.error ? `: ${result.error.message}` : ''}`);
}

/**
 * Debian starts a service as soon as its package is unpacked, and creates a cluster for PostgreSQL. Neither is wanted
 * here: both are switched off for the length of the installation, and the switches removed again.
 */
function debianScript(packages) {
  return `set -e
made_policy=; made_conf=
clean() {
  [ -z "$made_policy" ] || rm -f /usr/sbin/policy-rc.d
  [ -z "$made_conf" ] || rm -f /etc/postgresql-common/createcluster.d/zz-no-main-cluster.conf
}
trap clean EXIT
trap 'exit 130' INT TERM
if [ ! -e /usr/sbin/policy-rc.d ]; then
  made_policy=1; printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d
fi
mkdir -p /etc/postgresql-common/createcluster.d
made_conf=1; echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/zz-no-main-cluster.conf
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -y -q --no-install-recommends ${packages.join(' ')}`;
}

function installDebian(packages) {
  const script = debianScript(packages);
  if (process.getuid?.() === 0) return run('sh', ['-c', script]);
  if (spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0) return run('sudo', ['-n', 'sh', '-c', script]);
  throw new Error(
    `not root, and sudo asks for a password. Install them yourself and start again:\n  sudo apt-get install --no-install-recommends ${packages.join(' ')}`,
  );
}

function installServers(missing) {
  const names = missing.map(({ what }) => what).join(', ');
  if (process.platform === 'darwin') {
    const formulas = [...new Set(missing.map(({ brew }) => brew).filter(Boolean))];
    throw new Error(`missing: ${names}. Install with Homebrew, then start again:\n  brew install ${formulas.join(' ')}`);
  }
  const packages = [...new Set(missing.map(({ deb }) => deb))];
  if (!isOnPath('apt-get')) throw new Error(`missing: ${names}. Install them with your system's packages, then start again.`);
  process.stdout.write(`setup: will install ${names} (Debian packages: ${packages.join(' ')}); no service of theirs is started\n`);
  installDebian(packages);
}

function installNpmPackages() {
  // `npm ci` would empty the folder that the link leads to, under the hands of whoever else uses it.
  if (lstatSync(join(root, 'node_modules'), { throwIfNoEntry: false })?.isSymbolicLink()) {
    process.stdout.write('setup: node_modules is a link and not what package-lock.json names; left alone\n');
    return;
  }
  process.stdout.write('setup: will install the npm packages of package-lock.json (npm ci)\n');
  run('npm', ['ci', '--no-audit', '--no-fund']);
}

/** Installs what is missing. @throws Error with what to do by hand where it may not or cannot. */
export function setup({ peer = false, chaos = false, stores = false } = {}) {
  const wanted = [...(peer ? peerNeeds : []), ...(chaos ? chaosNeeds : []), ...(stores ? storesNeeds : [])];
  const extra = isOnPath('apt-get') ? wanted : [];
  const missing = [...needs, ...extra].filter(({ isThere }) => !isThere());
  if (missing.length > 0) installServers(missing);
  if (!hasNpmPackages()) installNpmPackages();
  if (missing.length === 0) process.stdout.write('setup: everything needed is installed\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  answerHelp(import.meta.url);
  try {
    const [peer, chaos, stores] = ['--peer', '--chaos', '--stores'].map((option) => process.argv.includes(option));
    setup({ peer, chaos, stores });
  } catch (error) {
    process.stderr.write(`setup: ${error.message}\n`);
    process.exitCode = 1;
  }
}
