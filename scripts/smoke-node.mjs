// The built programs start on the other supported Node versions. npm's `node` package carries their binaries; they are
// kept in .cache/. Where there is no network and no cache, a version is skipped, and the reason printed.
// Usage: node scripts/smoke-node.mjs

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answerHelp } from './lib/help.mjs';

answerHelp(import.meta.url);

const root = fileURLToPath(new URL('..', import.meta.url));
const VERSIONS = ['22', '24'];

function nodeBinary(version) {
  const folder = join(root, '.cache', `node-${version}`);
  const binary = join(folder, 'node_modules/node/bin/node');
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"private":true}\n');
  execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund', `node@${version}`], {
    cwd: folder,
    timeout: 300_000,
    stdio: 'pipe',
  });
  return binary;
}

const attempts = [
  { args: ['bin/patroni', '--version'], expected: /^patroni \d+\.\d+/ },
  { args: ['bin/patroni', '--generate-sample-config'], expected: /scope:/ },
  { args: ['bin/patronictl', 'version'], expected: /^patronictl version \d+\.\d+/ },
];

for (const version of VERSIONS) {
  let binary;
  try {
    binary = nodeBinary(version);
  } catch (error) {
    process.stdout.write(`  skipped: Node ${version} could not be installed: ${error.message.split('\n')[0]}\n`);
    continue;
  }
  for (const { args, expected } of attempts) {
    const { status, stdout, stderr } = spawnSync(binary, args, { cwd: root, encoding: 'utf8', timeout: 30_000 });
    const isOk = status === 0 && expected.test(stdout);
    process.stdout.write(`  ${isOk ? '✔' : '✖'} Node ${version}: ${args.join(' ')}${isOk ? '' : `\n${stdout}${stderr}`}\n`);
    if (!isOk) process.exitCode = 1;
  }
}
