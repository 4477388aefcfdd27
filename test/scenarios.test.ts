import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';

/**
 * The behaviour of a member is described by 178 scenarios, T1 to T178: races, promotions, requests, crashes, maintenance
 * mode, synchronous replication, failsafe mode, slots. Each is shown by a test whose name begins with its number.
 */
const LAST = 178;
/** The root of the repository, from `build/test`. */
const root = join(import.meta.dirname, '../..');
/** Where cases stand whose names become the names of tests. */
const HOLDS_TESTS = /\.test\.ts$|\.scenario\.ts$|^test\/decisions\/(?!case\.ts)/;

/** Names of tests: texts that begin with numbers of scenarios, `T174, T175: …`; comments are none. */
function namedIn(source: string): number[] {
  const code = source.replace(/\/\*\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '');
  return [...code.matchAll(/['"`](T\d+(?:(?:, | and )T\d+)*): [^'"`]/g)].flatMap(([, ids = '']) =>
    [...ids.matchAll(/\d+/g)].map(([id]) => Number(id)),
  );
}

function filesWithTests(): string[] {
  const all = ['src', 'test'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  );
  return all.filter((name) => name.endsWith('.ts') && HOLDS_TESTS.test(name));
}

const named = new Map<number, string[]>();
for (const name of filesWithTests()) {
  if (relative('test', name) === 'scenarios.test.ts') continue;
  for (const id of namedIn(readFileSync(join(root, name), 'utf8'))) named.set(id, [...(named.get(id) ?? []), name]);
}

test('each scenario from T1 to T178 is shown by a test that names it', () => {
  const ids = Array.from({ length: LAST }, (_, index) => index + 1);
  assert.deepEqual(
    ids.filter((id) => !named.has(id)).map((id) => `T${id}`),
    [],
  );
});

test('no test names a scenario that does not exist', () => {
  const unknown = [...named].filter(([id]) => id < 1 || id > LAST).map(([id, files]) => `T${id}: ${files.join(', ')}`);
  assert.deepEqual(unknown, []);
});

test('names of tests are told from other texts', () => {
  assert.deepEqual(namedIn("test('T1: a', …); name: `T2, T3: b`; ['T4 and T5: c']"), [1, 2, 3, 4, 5]);
  assert.deepEqual(namedIn("/** As `T6: d`. */ 'see T7: e'; 'T8'; // test('T9: f'\n  // test('T10: g')\nassert.equal(x, 'T11');"), []);
});
