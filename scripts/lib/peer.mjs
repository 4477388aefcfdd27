// The Python implementation in its present version, for mixed clusters: Debian's package of the release that carries it,
// verified by apt, unpacked beside the system and started by the installed python3. The libraries that it imports come
// with the distribution's own, older package.

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The release of Debian whose package is taken. */
const RELEASE = 'forky';
/** Where it is kept between runs: readable by every user, and none of the repository's business. */
const HOME = '/var/tmp/patroni-peer';
const PACKAGES = 'usr/lib/python3/dist-packages';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const SOURCES = '/etc/apt/sources.list.d';

/** The directory for PYTHONPATH; undefined when it is not here or does not run. */
export function peerPath() {
  const path = join(HOME, PACKAGES);
  if (!existsSync(path)) return undefined;
  const { status } = spawnSync('/usr/bin/python3', ['-c', 'import patroni.ctl, patroni.dcs.etcd3, patroni.__main__'], {
    env: { ...process.env, PYTHONPATH: path, PYTHONDONTWRITEBYTECODE: '1' },
    stdio: 'ignore',
  });
  return status === 0 ? path : undefined;
}

/** The archive that this system's packages come from. */
function archive() {
  const files = ['/etc/apt/sources.list', ...(existsSync(SOURCES) ? readdirSync(SOURCES).map((name) => join(SOURCES, name)) : [])];
  for (const file of files.filter(existsSync)) {
    const uri = /(?:^URIs:|^deb(?:\s+\[[^\]]*\])?)\s+(\S+\/debian)\/?\s/m.exec(readFileSync(file, 'utf8'))?.[1];
    if (uri !== undefined) return uri;
  }
  return undefined;
}

function run(command, args, cwd) {
  const { status, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 120_000 });
  if (status !== 0) throw new Error(`${command} ${args.at(-2)} ${args.at(-1)}: ${(stderr ?? '').trim().split('\n').at(-1)}`);
}

/** Downloads and unpacks it. @returns what went wrong, in words; undefined: it is there. */
export function installPeer() {
  if (peerPath() !== undefined) return undefined;
  const uri = archive();
  if (uri === undefined || !existsSync(KEYRING)) return 'this is no Debian system with a package archive';
  const scratch = mkdtempSync('/var/tmp/patroni-peer-');
  try {
    for (const folder of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(scratch, folder), { recursive: true });
    writeFileSync(join(scratch, 'sources.list'), `deb [signed-by=${KEYRING}] ${uri} ${RELEASE} main\n`);
    const settings = [
      `Dir::State::lists=${scratch}/lists`,
      `Dir::Cache=${scratch}/cache`,
      `Dir::Etc::sourcelist=${scratch}/sources.list`,
      'Dir::Etc::sourceparts=-',
      'APT::Sandbox::User=root',
    ].flatMap((setting) => ['-o', setting]);
    run('apt-get', [...settings, '-q', 'update'], scratch);
    run('apt-get', [...settings, '-q', 'download', 'patroni'], scratch);
    const deb = readdirSync(scratch).find((name) => name.endsWith('.deb'));
    if (deb === undefined) return `${RELEASE} has no package patroni`;
    run('dpkg-deb', ['-x', join(scratch, deb), join(scratch, 'tree')], scratch);
    chmodSync(join(scratch, 'tree'), 0o755);
    rmSync(HOME, { recursive: true, force: true });
    renameSync(join(scratch, 'tree'), HOME);
    return peerPath() === undefined ? 'it does not run with this python3' : undefined;
  } catch (error) {
    return error.message;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
