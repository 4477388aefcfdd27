import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { clampTimings } from './dynamic-config.js';

type Triple = readonly [ttl: number, loopWait: number, retryTimeout: number];

function clamped(
  ttl: unknown,
  loop_wait: unknown,
  retry_timeout: unknown,
): { readonly triple: Triple; readonly warnings: readonly string[] } {
  const result = clampTimings({ ttl, loop_wait, retry_timeout });
  if ('invalid' in result) throw new Error(result.invalid);
  const { ttlMs, loopWaitMs, retryTimeoutMs } = result.timings;
  return { triple: [ttlMs / 1000, loopWaitMs / 1000, retryTimeoutMs / 1000], warnings: result.warnings };
}

describe('ttl, loop_wait and retry_timeout (configuration.md §1.11)', () => {
  const table: readonly (readonly [Triple, Triple])[] = [
    [
      [30, 10, 10],
      [30, 10, 10],
    ],
    [
      [20, 10, 10],
      [20, 1, 9],
    ],
    [
      [30, 15, 10],
      [30, 10, 10],
    ],
    [
      [20, 10, 10],
      [20, 1, 9],
    ],
    [
      [15, 10, 10],
      [20, 1, 9],
    ],
    [
      [60, 0, 2],
      [60, 1, 3],
    ],
    // Our lower ttl, where the three fit by themselves.
    [
      [5, 1, 2],
      [5, 1, 2],
    ],
    [
      [19, 5, 7],
      [19, 5, 7],
    ],
    [
      [19, 6, 7],
      [20, 6, 7],
    ],
    [
      [4, 1, 1],
      [20, 1, 3],
    ],
    [
      [5, 1, 1],
      [20, 1, 3],
    ],
    [
      [10, 0, 2],
      [20, 1, 3],
    ],
    [
      [5, 2, 2],
      [20, 2, 3],
    ],
  ];
  for (const [given, expected] of table) {
    test(`T174, T175: ${given.join('/')} is ${expected.join('/')}`, () => {
      const { triple, warnings } = clamped(...given);
      assert.deepEqual(triple, expected);
      assert.equal(warnings.length > 0, given.join() !== expected.join());
    });
  }

  test('the rule always holds, and what obeys it is kept', () =>
    fc.assert(
      fc.property(
        fc.integer({ min: -5, max: 200 }),
        fc.integer({ min: -5, max: 100 }),
        fc.integer({ min: -5, max: 100 }),
        (ttl, loopWait, retryTimeout) => {
          const { triple } = clamped(ttl, loopWait, retryTimeout);
          assert.ok(triple[1] + 2 * triple[2] <= triple[0]);
          assert.ok(triple[0] >= 20 || triple.join() === [ttl, loopWait, retryTimeout].join());
          const fits = loopWait >= 1 && retryTimeout >= 3 && ttl >= 20 && loopWait + 2 * retryTimeout <= ttl;
          if (fits) assert.deepEqual(triple, [ttl, loopWait, retryTimeout]);
          assert.deepEqual(clamped(...triple), { triple, warnings: [] });
        },
      ),
    ));

  test('numbers as text and with a fraction', () => {
    assert.deepEqual(clamped('30', 10.9, '10').triple, [30, 10, 10]);
    assert.deepEqual(clamped(30.9, 10, 10).triple, [30, 10, 10]);
  });

  test('what is no number refuses the whole configuration', () => {
    for (const value of [null, 'x', true, [], {}, Number.NaN]) assert.ok('invalid' in clampTimings({ ttl: value }), String(value));
  });
});
