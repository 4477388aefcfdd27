// Many clusters on one real etcd: real agents and the real client, each beside a modelled PostgreSQL, all in one process.
// Measures etcd, and says what a thousand clusters would be with the measured slope. Takes about three minutes.
// Usage: npm run scale -- [--clusters 50,100,150] [--seconds N] [--target N]

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answerHelp } from './lib/help.mjs';
import { run, stopChildrenOnSignal } from './lib/running.mjs';
import { setup } from './setup.mjs';

answerHelp(import.meta.url);

const root = fileURLToPath(new URL('..', import.meta.url));
const LIMIT_MS = 10 * 60_000;

stopChildrenOnSignal(() => {});
try {
  setup();
  const { transpile } = await import('./build.mjs');
  await transpile();
  process.exitCode = await run(process.execPath, [join(root, 'build/test/scale/scale.js'), ...process.argv.slice(2)], {
    cwd: root,
    timeoutMs: LIMIT_MS,
  });
} catch (error) {
  process.stderr.write(`scale: ${error.message}\n`);
  process.exitCode = 1;
}
