import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { environmentVariables } from './environment-variables.js';
import { SCHEMA } from './schema-table.js';

/** The root of the repository, from `build/src/config`. */
const docs = join(import.meta.dirname, '../../../docs');

test('every setting is in docs/settings.md', () => {
  const text = readFileSync(join(docs, 'settings.md'), 'utf8');
  const missing = SCHEMA.map((row) => row.path.split('.').at(-1) ?? '').filter(
    (key) => key !== '*' && !new RegExp(`\\b${key}\\b`).test(text),
  );
  assert.deepEqual(missing, []);
});

test('every variable is in docs/environment.md', () => {
  const text = readFileSync(join(docs, 'environment.md'), 'utf8');
  const settings = new Set(SCHEMA.map((row) => row.path));
  const missing = [...environmentVariables()]
    // The stores share the names of their variables; not all mean something to each.
    .filter(([, variable]) => variable.keepsEmpty !== true || settings.has(variable.path.join('.')))
    .map(([name]) => name)
    .filter((name) => !text.includes(`\`${name}\``));
  assert.deepEqual(missing, []);
});
