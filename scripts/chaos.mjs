// Real servers under fire: members, etcd and clients in network namespaces of their own, and a nemesis.
// Usage: npm run chaos -- [--minutes N] [--seed S] [--mode asynchronous|synchronous|quorum|failsafe] [--members 3|5]
//                         [--guard]
// Everything happens in namespaces (network, mounts, process ids) that end with this program; it needs root for them.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answerHelp } from './lib/help.mjs';
import { run, stopChildrenOnSignal } from './lib/running.mjs';
import { readableCheckout, readableNode } from './lib/unprivileged.mjs';
import { setup } from './setup.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Makes the namespaces and becomes the parent of all processes in them. */
const UNSHARE = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private', '--'];
/** Names of namespaces and shared memory must be this experiment's own. The shell reaps orphans. */
const INSIDE =
  'mkdir -p /run/netns && mount -t tmpfs none /run/netns && mount -t tmpfs -o mode=1777 none /dev/shm && "$@"; code=$?; exit $code';

/** No experiment takes longer. */
const LIMIT_MS = 3 * 3_600_000;

/** Why there can be no namespaces here; undefined: they can be made. */
export function chaosObstacle() {
  if (process.platform !== 'linux') return 'namespaces are a matter of Linux';
  if (process.getuid?.() !== 0) return 'only root may make network namespaces';
  const trial =
    'ip netns add trial && ip link add name a type veth peer name b netns trial && ip rule add from 10.77.1.1 to 10.77.2.2 blackhole';
  const { status, stderr, error } = spawnSync('unshare', [...UNSHARE, 'bash', '-c', INSIDE, 'bash', 'bash', '-c', trial], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  return status === 0 ? undefined : `no namespaces can be made here: ${(error?.message ?? stderr).trim().split('\n').at(-1)}`;
}

/** Runs one experiment with the options given. @returns its exit code */
export async function chaos(args) {
  const { bundle, transpile } = await import('./build.mjs');
  await bundle();
  if (!existsSync(join(root, 'build/test/chaos/chaos.js'))) await transpile();
  const checkout = readableCheckout(root);
  const folder = mkdtempSync(join(tmpdir(), 'patroni-chaos-'));
  let code = 1;
  try {
    const program = [readableNode(folder), join(checkout.root, 'build/test/chaos/chaos.js'), '--folder', folder, ...args];
    code = await run('unshare', [...UNSHARE, 'bash', '-c', INSIDE, 'bash', ...program], { cwd: checkout.root, timeoutMs: LIMIT_MS });
  } finally {
    checkout.remove();
    if (code === 0) rmSync(folder, { recursive: true, force: true });
    else process.stdout.write(`the logs are kept in ${folder}\n`);
  }
  return code;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  answerHelp(import.meta.url);
  setup({ chaos: true });
  const obstacle = chaosObstacle();
  if (obstacle === undefined) {
    stopChildrenOnSignal(() => {});
    const { transpile } = await import('./build.mjs');
    await transpile();
    process.exitCode = await chaos(process.argv.slice(2));
  } else {
    process.stdout.write(`chaos: ${obstacle}\n`);
    process.exitCode = 1;
  }
}
