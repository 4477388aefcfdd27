import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatStandbyNames, PLACEHOLDER, parseStandbyNames, type StandbyNames } from './standby-names.js';

const setting = (type: StandbyNames['type'], number: number, ...members: string[]): StandbyNames => ({ type, number, members });

const READ: readonly (readonly [string, StandbyNames | undefined])[] = [
  ['', setting('off', 0)],
  ['n1', setting('priority', 1, 'n1')],
  ['a,b', setting('priority', 1, 'a', 'b')],
  ['2 (b, a)', setting('priority', 2, 'a', 'b')],
  ['FIRST 1 ("n-1",b)', setting('priority', 1, 'b', 'n-1')],
  ['any 1 (x)', setting('quorum', 1, 'x')],
  ['first', setting('priority', 1, 'first')],
  ['"a""b"', setting('priority', 1, 'a"b')],
  ['*', setting('priority', 1, PLACEHOLDER)],
  [PLACEHOLDER, setting('priority', 1)],
  [`ANY 1 (${PLACEHOLDER})`, setting('quorum', 1)],
  ['FIRST 2 ("A-1", b)', setting('priority', 2, 'A-1', 'b')],
  ['ANY 1 (*)', setting('quorum', 1, PLACEHOLDER)],
  ['a b', undefined],
  ['a,', undefined],
  ['1 (a', undefined],
  ['a;b', undefined],
  ['a,2', undefined],
];

for (const [text, expected] of READ)
  test(`synchronous_standby_names ${text || '(empty)'} is read`, () => assert.deepEqual(parseStandbyNames(text), expected));

const WRITTEN: readonly (readonly [StandbyNames, number, string | undefined])[] = [
  [setting('priority', 1, 'n1'), 150_000, 'n1'],
  [setting('priority', 1, 'n-1'), 150_000, '"n-1"'],
  [setting('priority', 1, 'first'), 150_000, '"first"'],
  [setting('priority', 2, 'a', 'b'), 150_000, '2 (a,b)'],
  [setting('priority', 2, 'any', 'n 1'), 150_000, '2 ("any","n 1")'],
  [setting('quorum', 1, 'a'), 150_000, 'ANY 1 (a)'],
  [setting('quorum', 1, 'a', 'b'), 90_600, '1 (a,b)'],
  [setting('off', 0), 150_000, undefined],
  [setting('priority', 1), 150_000, PLACEHOLDER],
  [setting('quorum', 1), 150_000, `ANY 1 (${PLACEHOLDER})`],
  [setting('priority', 2, 'a', 'b'), 90_500, 'a'],
];

for (const [value, version, text] of WRITTEN)
  test(`synchronous_standby_names ${text ?? '(none)'} is written for ${version}`, () =>
    assert.equal(formatStandbyNames(value, version), text));
