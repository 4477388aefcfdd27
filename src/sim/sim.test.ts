import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSeed } from './run.js';
import { SABOTAGES } from './sabotage.js';

/** Seeds that are tried until a planted defect shows. */
const MOST_SEEDS = 1000;

test('a seed decides everything: two runs of one seed leave the same trace', async () => {
  for (const seed of [3, 77]) {
    const [first, second] = [await runSeed(seed), await runSeed(seed)];
    assert.equal(first.traceHash, second.traceHash);
    assert.equal(first.events, second.events);
  }
  assert.notEqual((await runSeed(3)).traceHash, (await runSeed(4)).traceHash);
});

for (const sabotage of SABOTAGES) {
  test(`the checkers find the planted defect "${sabotage}"`, async (t) => {
    for (let seed = 1; seed <= MOST_SEEDS; seed++) {
      const { violation } = await runSeed(seed, { sabotage });
      if (violation === undefined) continue;
      t.diagnostic(`seed ${seed}: ${violation}`);
      return;
    }
    assert.fail(`not found in ${MOST_SEEDS} seeds`);
  });
}
