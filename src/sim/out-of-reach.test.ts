import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { OUT_OF_REACH } from './out-of-reach.js';
import { allRuleIds } from './rule-ids.js';

test('what no seed reaches is a rule, and the named test speaks of it', () => {
  const known = allRuleIds();
  for (const [id, { why, test: file }] of Object.entries(OUT_OF_REACH)) {
    assert.ok(known.includes(id), `${id} is no rule`);
    assert.ok(why !== '');
    assert.ok(readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8').includes(`'${id}'`), `${file} does not name ${id}`);
  }
});
