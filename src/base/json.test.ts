import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseJson, parseJsonObject, stringifyJson } from './json.js';

const integer = fc.bigInt({ min: -(1n << 64n), max: 1n << 64n }).map((value) => {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
});

const { tree } = fc.letrec((tie) => ({
  leaf: fc.oneof(
    fc.constant(null),
    fc.boolean(),
    integer,
    fc.string({ unit: 'binary' }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  ),
  tree: fc.oneof(
    { maxDepth: 4 },
    tie('leaf'),
    fc.array(tie('tree'), { maxLength: 5 }),
    fc.dictionary(fc.string(), tie('tree'), { maxKeys: 5 }),
  ),
}));

/** What a document holds after one way through the platform's own types: -0 is 0, whole doubles beyond 2^53 are integers. */
function normal(value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : value;
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map(normal);
  if (typeof value === 'object' && value !== null) return Object.entries(value).map(([key, item]) => [key, normal(item)]);
  return value;
}

describe('JSON', () => {
  test('64-bit integers survive', () => {
    for (const text of ['9007199254740993', '18446744073709551615', '-9223372036854775808', '7000000000000000001'])
      assert.equal(stringifyJson(parseJson(`{"optime":${text}}`)), `{"optime":${text}}`);
    assert.deepEqual(parseJson('[9007199254740991,9007199254740992]'), [9007199254740991, 9007199254740992n]);
  });

  test('what is written reads the same, in both styles', () =>
    fc.assert(
      fc.property(tree, fc.constantFrom('compact' as const, 'spaced' as const), (value, style) => {
        const once = stringifyJson(value, style);
        // Doubles may print as digits that are read as an exact integer; from then on nothing changes any more.
        const again = stringifyJson(parseJson(once), style);
        assert.deepEqual(normal(parseJson(again)), normal(parseJson(once)));
        assert.match(once, /^[\x20-\x7e]*$/);
      }),
    ));

  test('the careful parser agrees with the platform where no large integer is', () =>
    fc.assert(
      fc.property(fc.json(), (text) => {
        // A long run of digits inside of a string forces the careful parser.
        assert.deepEqual(normal(parseJson(`[${text},"12345678901234567890"]`)), normal([JSON.parse(text), '12345678901234567890']));
      }),
    ));

  test('text that is no JSON is refused, by a SyntaxError only', () => {
    fc.assert(
      fc.property(fc.string(), (noise) => {
        for (const text of [noise, `12345678901234567890${noise}`, `{"a":12345678901234567890,${noise}`]) {
          try {
            parseJson(text);
          } catch (error) {
            assert.ok(error instanceof SyntaxError);
          }
        }
      }),
    );
    for (const text of [
      '',
      '{',
      '[1,]',
      '{"a":1234567890123456789,}',
      '01234567890123456789',
      '1234567890123456789 x',
      '[1234567890123456789',
    ])
      assert.throws(() => parseJson(text), SyntaxError, text);
  });

  test('a document that nests without end is refused', () => {
    assert.throws(() => parseJson(`${'['.repeat(100_000)}1234567890123456789`), SyntaxError);
  });

  test('__proto__ is a key like any other', () => {
    const value = parseJson('{"__proto__":{"x":1},"n":12345678901234567890}');
    assert.deepEqual(Object.keys(value as object), ['__proto__', 'n']);
    assert.equal(({} as { x?: unknown }).x, undefined);
  });

  test('only an object counts as one', () => {
    for (const text of ['[]', 'null', '1', '"{}"', 'nonsense', '']) assert.equal(parseJsonObject(text), undefined);
    assert.deepEqual(parseJsonObject(' {"a":1} '), { a: 1 });
  });

  test('text beyond ASCII is escaped, what is undefined left out', () => {
    assert.equal(stringifyJson({ a: 'ü😀', b: undefined, c: [undefined] }), '{"a":"\\u00fc\\ud83d\\ude00","c":[null]}');
    assert.equal(stringifyJson({ a: [1, 2] }, 'spaced'), '{"a": [1, 2]}');
  });
});
