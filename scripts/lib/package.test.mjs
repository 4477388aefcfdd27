// What npm would publish works where nothing else of ours is: pack, install in an empty directory, run both programs.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'patroni-package-'));
const bin = (name) => join(folder, 'node_modules/.bin', name);
const output = (command, args) => execFileSync(command, args, { cwd: folder, encoding: 'utf8', timeout: 60_000 });

before(() => {
  execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], { cwd: root, encoding: 'utf8' });
  const archive = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  assert.ok(archive, 'npm pack made no archive');
  output('npm', ['init', '--yes', '--silent']);
  output('npm', ['install', '--offline', '--no-audit', '--no-fund', '--silent', join(folder, archive)]);
});

after(() => rmSync(folder, { recursive: true, force: true }));

test('the installed patroni tells its version', () => {
  assert.match(output(bin('patroni'), ['--version']), /^patroni \d+\.\d+\.\d+/);
});

test('the installed patronictl tells its version', () => {
  assert.match(output(bin('patronictl'), ['version']), /^patronictl version \d+\.\d+\.\d+/);
});

test('the installed patroni generates a sample configuration', () => {
  assert.match(output(bin('patroni'), ['--generate-sample-config']), /^scope:|^name:|\nscope:/);
});
