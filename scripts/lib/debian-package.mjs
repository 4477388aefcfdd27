// A package of another release of Debian than the one that runs here: downloaded with an apt list of its own, verified by
// apt with Debian's keyring, and unpacked in a folder of its own. The system's lists and packages stay as they are.

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const SOURCES = '/etc/apt/sources.list.d';

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

/**
 * Downloads and unpacks packages of one release into one folder.
 * @param home where they are kept between runs, outside of the repository; what it held is replaced.
 * @returns what went wrong, in words; undefined: they are there.
 */
export function unpackDebianPackages({ release, packages, home }) {
  const uri = archive();
  if (uri === undefined || !existsSync(KEYRING)) return 'this is no Debian system with a package archive';
  let scratch;
  try {
    // Beside its final place, so that it can be moved there at once.
    scratch = mkdtempSync(`${home}-`);
    for (const folder of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(scratch, folder), { recursive: true });
    writeFileSync(join(scratch, 'sources.list'), `deb [signed-by=${KEYRING}] ${uri} ${release} main\n`);
    const settings = [
      `Dir::State::lists=${scratch}/lists`,
      // What is installed here, in a newer version, would otherwise be asked for.
      'Dir::State::status=/dev/null',
      `Dir::Cache=${scratch}/cache`,
      `Dir::Etc::sourcelist=${scratch}/sources.list`,
      'Dir::Etc::sourceparts=-',
      'APT::Sandbox::User=root',
    ].flatMap((setting) => ['-o', setting]);
    run('apt-get', [...settings, '-q', 'update'], scratch);
    run('apt-get', [...settings, '-q', 'download', ...packages], scratch);
    const files = readdirSync(scratch).filter((name) => name.endsWith('.deb'));
    if (files.length < packages.length) return `${release} lacks a package of ${packages.join(', ')}`;
    for (const file of files) run('dpkg-deb', ['-x', join(scratch, file), join(scratch, 'tree')], scratch);
    chmodSync(join(scratch, 'tree'), 0o755);
    rmSync(home, { recursive: true, force: true });
    renameSync(join(scratch, 'tree'), home);
    return undefined;
  } catch (error) {
    return error.message;
  } finally {
    if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
  }
}
