import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { MUTATIONS } from './mutations/all.js';
import { MOST_SEEDS, rowOf, seedsNeeded } from './mutations/table.js';
import { runSeed } from './run.js';

test('a seed decides everything: two runs of one seed leave the same trace', async () => {
  const traced = (seed: number) => runSeed(seed, { isTraced: true });
  for (const seed of [3, 77]) {
    const [first, second] = [await traced(seed), await traced(seed)];
    assert.equal(first.traceHash, second.traceHash);
    assert.equal(first.events, second.events);
  }
  assert.notEqual((await traced(3)).traceHash, (await traced(4)).traceHash);
});

for (const mutation of MUTATIONS) {
  test(`the checkers find the defect "${mutation.name}"`, async (t) => {
    const found = await seedsNeeded(mutation);
    assert.ok(found !== undefined, `not found in ${MOST_SEEDS} seeds`);
    t.diagnostic(`seed ${found.seeds}: ${found.violation}`);
  });
}

test('docs/simulator.md lists the planted defects', () => {
  const text = readFileSync(new URL('../../../docs/simulator.md', import.meta.url), 'utf8');
  for (const mutation of MUTATIONS) assert.ok(text.includes(rowOf(mutation)), mutation.name);
});
