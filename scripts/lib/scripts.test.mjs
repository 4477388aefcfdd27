// The scripts, as far as they can be tried without starting anything: their modules load, and they say what they are for.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const lib = dirname(fileURLToPath(import.meta.url));
const scripts = dirname(lib);
const modules = readdirSync(lib).filter((name) => name.endsWith('.mjs') && !name.endsWith('.test.mjs') && name !== 'load.mjs');
const programs = readdirSync(scripts).filter((name) => name.endsWith('.mjs'));

for (const name of modules) test(`scripts/lib/${name} loads`, () => import(join(lib, name)));

for (const name of programs) {
  test(`scripts/${name} --help`, () => {
    const text = execFileSync(process.execPath, [join(scripts, name), '--help'], { encoding: 'utf8', timeout: 60_000 });
    assert.match(text, /^\S/);
    assert.match(text, /usage: |Usage: /);
  });
}
