import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { formatLsn, LSN_ZERO, type Lsn, lagBytes, lsnFromBytes, maxLsn, parseLsn } from './lsn.js';

const anyLsn = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map((value) => value as Lsn);

describe('WAL positions', () => {
  test('text and bytes are the same position', () => fc.assert(fc.property(anyLsn, (lsn) => assert.equal(parseLsn(formatLsn(lsn)), lsn))));

  test('padding and case do not matter', () =>
    fc.assert(
      fc.property(anyLsn, (lsn) => {
        const [high = '', low = ''] = formatLsn(lsn).split('/');
        assert.equal(parseLsn(`${high.padStart(8, '0').toLowerCase()}/${low.padStart(8, '0')}`), lsn);
      }),
    ));

  test('known positions', () => {
    assert.equal(parseLsn('0/2BC'), 700n);
    assert.equal(parseLsn('16/B374D848'), 97500059720n);
    assert.equal(formatLsn(((1n << 64n) - 1n) as Lsn), 'FFFFFFFF/FFFFFFFF');
    assert.equal(formatLsn(LSN_ZERO), '0/0');
  });

  test('what is no position', () => {
    for (const text of ['', '/', '0', '0/', '/0', 'G/0', '0/123456789', '0/0/0', '0x1/0', '-1/0'])
      assert.equal(parseLsn(text), undefined, text);
    for (const bytes of [-1, 1.5, Number.NaN, 2 ** 53, -1n, 1n << 64n]) assert.equal(lsnFromBytes(bytes), undefined, String(bytes));
    assert.equal(lsnFromBytes(2 ** 53 - 1), 9007199254740991n);
  });

  test('lag and maximum', () =>
    fc.assert(
      fc.property(anyLsn, anyLsn, (a, b) => {
        assert.equal(maxLsn(a, undefined, b) - maxLsn(b, a), 0n);
        assert.equal(lagBytes(a, b) + b, maxLsn(a, b));
      }),
    ));
});
