// PostgreSQL refuses to run as root. Where the scripts are started by root (containers, CI), servers, agents and server
// tests run as Debian's user `postgres`, which may be unable to read a checkout below a closed directory such as /root:
// then it gets a copy.

import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The user to run servers as: uid, gid, home and name; undefined when this process is unprivileged already. */
export function unprivilegedUser() {
  if (process.getuid?.() !== 0) return undefined;
  const wanted = process.env.UNPRIVILEGED_USER ?? 'postgres';
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${wanted}:`));
  if (!line) throw new Error(`there is no user "${wanted}" to run PostgreSQL as; set UNPRIVILEGED_USER to one`);
  const [name, , uid, gid, , home] = line.split(':');
  return { name, uid: Number(uid), gid: Number(gid), home };
}

/** Options for spawn that start a program as that user, with an environment that names it. */
export function asUnprivileged(env = process.env) {
  const user = unprivilegedUser();
  if (!user) return { env };
  const { npm_config_cache: _cache, ...rest } = env;
  return { uid: user.uid, gid: user.gid, env: { ...rest, HOME: user.home, USER: user.name, LOGNAME: user.name } };
}

/** Makes a folder one that the unprivileged user may write to. */
export function ownFolder(path) {
  chmodSync(path, 0o755);
  const user = unprivilegedUser();
  if (user) chownSync(path, user.uid, user.gid);
}

function canRead(path) {
  return spawnSync('test', ['-r', path], { ...asUnprivileged(), cwd: '/' }).status === 0;
}

/**
 * Where the unprivileged user can read what is built: the checkout itself, or a copy below the temporary directory.
 * Needs a finished build. The caller calls `remove` at its end.
 */
export function readableCheckout(root) {
  if (!unprivilegedUser() || (canRead(join(root, 'package.json')) && canRead(realpathSync(join(root, 'node_modules/pg/package.json'))))) {
    return { root, remove: () => {} };
  }
  const copy = mkdtempSync(join(tmpdir(), 'patroni-checkout-'));
  chmodSync(copy, 0o755);
  process.stdout.write(`${root} is closed to the user "${unprivilegedUser()?.name}"; running from a copy in ${copy}\n`);
  for (const name of [
    'bin',
    'dist',
    'libexec',
    'build',
    'scripts',
    'src',
    'test',
    'docs',
    'node_modules',
    'package.json',
    'postgres0.yml',
    'postgres1.yml',
    'postgres2.yml',
    'haproxy.cfg',
  ]) {
    if (existsSync(join(root, name))) cpSync(realpathSync(join(root, name)), join(copy, name), { recursive: true, verbatimSymlinks: true });
  }
  spawnSync('chmod', ['-R', 'a+rX', copy]);
  return { root: copy, remove: () => rmSync(copy, { recursive: true, force: true }) };
}

/** A Node program that the unprivileged user can start: this one, or a copy in `folder` (nvm installs below a home). */
export function readableNode(folder) {
  const attempt = spawnSync(process.execPath, ['-e', ''], { ...asUnprivileged(), cwd: '/' });
  if (attempt.status === 0) return process.execPath;
  const copy = join(folder, 'node');
  cpSync(process.execPath, copy);
  chmodSync(copy, 0o755);
  return copy;
}
