// Types, lint, import table, dead code, and where time and chance may come from: all at once, all reported.
// Usage: npm run check [-- types|lint|imports|dead|globals]

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answerHelp } from './lib/help.mjs';

answerHelp(import.meta.url);

const root = fileURLToPath(new URL('..', import.meta.url));

function tool(name, args) {
  return new Promise((resolve) => {
    const child = spawn(join(root, 'node_modules/.bin', name), args, {
      cwd: root,
      env: { ...process.env, FORCE_COLOR: '0', NO_COLOR: '1' },
    });
    let output = '';
    child.stdout.on('data', (data) => {
      output += data;
    });
    child.stderr.on('data', (data) => {
      output += data;
    });
    child.on('error', (error) => resolve({ isOk: false, output: error.message }));
    child.on('exit', (code) => resolve({ isOk: code === 0 && !output.includes('(0 modules'), output }));
  });
}

// These make a run depend on when and where it happens; the simulator can repeat a seed only if they come through ports.
const FORBIDDEN = [
  [/\bMath\.random\b/, 'randomness comes through ports/random.ts'],
  [/\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b/, 'time comes through ports/clock.ts'],
  [/(?<![.\w])(setTimeout|setInterval)\(/, 'timers come through ports/clock.ts'],
  [/(?<![.\w])fetch\(|\bAbortSignal\.(timeout|any)\b/, 'loads much memory: see docs/dependencies.md'],
  [/\bIntl\.|\.toLocale[A-Z]/, 'loads much memory: see docs/dependencies.md'],
];
const FREE = /^(platform\/|main\.ts$|ctl-main\.ts$|dashboard\/)/;

function globals() {
  const found = [];
  for (const name of readdirSync(join(root, 'src'), { recursive: true })) {
    if (!name.endsWith('.ts') || name.includes('.test.') || FREE.test(name)) continue;
    readFileSync(join(root, 'src', name), 'utf8')
      .split('\n')
      .forEach((line, index) => {
        if (/^\s*(\/\/|\*|\/\*)/.test(line)) return;
        for (const [expression, why] of FORBIDDEN)
          if (expression.test(line)) found.push(`src/${name}:${index + 1}: ${why}: ${line.trim()}`);
      });
  }
  return { isOk: found.length === 0, output: found.join('\n') };
}

const checks = {
  types: () => tool('tsc', ['-p', '.']),
  lint: () => tool('biome', ['check', '--diagnostic-level=error', '--max-diagnostics=60', '.']),
  imports: () => tool('depcruise', ['--config', '.dependency-cruiser.cjs', '--output-type', 'err', 'src', 'test']),
  dead: () => tool('knip', ['--no-progress']),
  globals,
};

const wanted = process.argv.slice(2);
const names = Object.keys(checks).filter((name) => wanted.length === 0 || wanted.includes(name));
const results = await Promise.all(names.map(async (name) => ({ name, ...(await checks[name]()) })));
for (const { name, isOk, output } of results) {
  process.stdout.write(`${isOk ? '✔' : '✖'} ${name}\n`);
  if (!isOk) process.stdout.write(`${output.trim().replaceAll(/^/gm, '    ')}\n`);
}
if (results.some(({ isOk }) => !isOk)) process.exitCode = 1;
