import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  compareText,
  deepEqualByText,
  isTruthy,
  parseBigInteger,
  parseBool,
  parseInteger,
  parseNumber,
  pythonText,
} from './python-values.js';

describe('Python values', () => {
  test('integers (dcs.md §1.3, configuration.md §1.2)', () => {
    const table: readonly (readonly [unknown, string | undefined, number | undefined])[] = [
      ['1MB', 'kB', 1024],
      ['1500ms', 's', 2],
      ['1M', 'B', undefined],
      ['010', undefined, 8],
      ['nonsense', undefined, undefined],
      ['0x10', undefined, 16],
      ['1e3', undefined, 1000],
      ['1MB', undefined, undefined],
      ['30min', 's', 1800],
      ['5 s', undefined, undefined],
      ['5 s', 's', 5],
      ['2.5', undefined, 2],
      [2.5, undefined, 2],
      [3.5, undefined, 4],
      ['4097.5kB', 'kB', 4098],
      ['.5', undefined, 0],
      ['-7', undefined, -7],
      ['+7', undefined, 7],
      [' 12 ', undefined, 12],
      ['16MB', '16MB', 1],
      ['1GB', '16MB', 64],
      ['1gb', 'MB', undefined],
      ['1s', 'kB', undefined],
      ['1h', 'min', 60],
      ['1d', 's', 86_400],
      [true, undefined, undefined],
      [null, undefined, undefined],
      ['', undefined, undefined],
      ['08', undefined, undefined],
      [[], undefined, undefined],
    ];
    for (const [value, base, expected] of table) assert.equal(parseInteger(value, base), expected, `${String(value)} in ${base}`);
    assert.equal(parseNumber('0.0005ms', 'ms'), 0);
    assert.equal(parseNumber('0.00051ms', 'ms'), 0.001);
  });

  test('integers of any size', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(1n << 70n), max: 1n << 70n }), (value) => assert.equal(parseBigInteger(String(value)), value)),
    );
    fc.assert(fc.property(fc.maxSafeInteger(), (value) => assert.equal(parseBigInteger(value), BigInt(value))));
    for (const value of ['', 'x', null, undefined, true, {}, Number.NaN, Number.POSITIVE_INFINITY, '1e999'])
      assert.equal(parseBigInteger(value), undefined, String(value));
  });

  test('no text makes a parser throw', () =>
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.stringMatching(/^[-+]?[0-9.eExX]{0,8} ?[kMGTBsmuhdin]{0,3}$/)),
        fc.constantFrom(undefined, 's', 'kB', '8kB', 'x'),
        (text, base) => {
          const number = parseInteger(text, base);
          assert.ok(number === undefined || !Number.isNaN(number));
          parseBigInteger(text);
          parseBool(text);
        },
      ),
    ));

  test('booleans', () => {
    for (const value of ['on', 'TRUE', 'Yes', '1', 1, true]) assert.equal(parseBool(value), true);
    for (const value of ['off', 'False', 'NO', '0', 0, false]) assert.equal(parseBool(value), false);
    for (const value of ['', 't', 'enabled', 2, null, undefined, [], {}]) assert.equal(parseBool(value), undefined);
  });

  test('truth', () => {
    for (const value of [undefined, null, false, 0, 0n, '', [], {}]) assert.equal(isTruthy(value), false);
    for (const value of [true, 1, '0', 'false', [0], { a: undefined }]) assert.equal(isTruthy(value), true);
  });

  test('the text form', () => {
    assert.deepEqual([true, false, null, 5, 5n, 'x', ['a', 1], { a: null }].map(pythonText), [
      'True',
      'False',
      'None',
      '5',
      '5',
      'x',
      "['a', 1]",
      "{'a': None}",
    ]);
  });

  test('documents that are the same to Patroni (dcs.md §1.2)', () => {
    assert.ok(deepEqualByText({ a: 2, b: { c: 'x' } }, { b: { c: 'x' }, a: '2' }));
    assert.ok(!deepEqualByText({ a: true }, { a: 'true' }));
    assert.ok(!deepEqualByText({ a: {} }, { a: '{}' }));
    assert.ok(!deepEqualByText({ a: 1 }, { a: 1, b: null }));
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => assert.ok(deepEqualByText(value, structuredClone(value)))),
    );
  });

  test('order by code point', () => {
    assert.ok(compareText('\uffff', '\u{10000}') < 0);
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => assert.equal(Math.sign(compareText(a, b)) + Math.sign(compareText(b, a)), 0)),
    );
  });
});
