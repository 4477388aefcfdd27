import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { DecisionCase } from '../../test/decisions/case.js';
import { failsafeCases } from '../../test/decisions/failsafe.js';
import { divergenceCases, followCases } from '../../test/decisions/follower.js';
import { holderCases, requestCases } from '../../test/decisions/holder.js';
import { bootstrapCases, dataDirectoryCases, identityCases } from '../../test/decisions/joining.js';
import { pauseCases } from '../../test/decisions/pause.js';
import { raceCases } from '../../test/decisions/race.js';
import { busyCases, dcsUnreachableCases, recoveringCases, startingCases, stoppedCases } from '../../test/decisions/server.js';
import { standbyClusterCases } from '../../test/decisions/standby-cluster.js';
import { crashLoopCases, overdueStopCases, uselessCases } from '../../test/decisions/useless.js';
import { play } from '../../test/support/play.js';
import { SITUATIONS } from './decide.js';
import { followTable } from './rules/follow.js';
import { allTables, rulesDocument } from './tables.js';

const CASES: readonly DecisionCase[] = [
  ...raceCases,
  ...holderCases,
  ...requestCases,
  ...busyCases,
  ...startingCases,
  ...bootstrapCases,
  ...recoveringCases,
  ...dataDirectoryCases,
  ...identityCases,
  ...stoppedCases,
  ...dcsUnreachableCases,
  ...followCases,
  ...divergenceCases,
  ...standbyClusterCases,
  ...failsafeCases,
  ...pauseCases,
  ...uselessCases,
  ...overdueStopCases,
  ...crashLoopCases,
];

const IDS = allTables().flatMap(({ rows }) => rows.map(({ id }) => id));
const DELEGATING = [...SITUATIONS.flatMap(({ table }) => table), ...followTable({ demote: '', follow: '' })];
/** Rows that match whatever they see. */
const CATCH_ALL = ['follow/steady', 'follower/follow-leader', 'race/run', 'stopped/standby', 'busy/in-progress', 'dcs-unreachable/standby'];

describe('the decision tables', () => {
  test('an id names one row', () => assert.equal(new Set(IDS).size, IDS.length));

  test('every row has a case that fires it', () => {
    const fired = new Set(CASES.flatMap(({ expect }) => [...expect.rules, ...(expect.through ?? [])]));
    assert.deepEqual(
      IDS.filter((id) => !fired.has(id)),
      [],
    );
  });

  test('every row has a case just beside it that does not fire it', () => {
    const spared = new Set(CASES.flatMap(({ expect }) => expect.beside ?? []));
    assert.deepEqual(
      IDS.filter((id) => !spared.has(id) && !CATCH_ALL.includes(id)),
      [],
    );
  });

  test('docs/rules.md is up to date (node scripts/rules-doc.mjs)', () => {
    // From build/src/ha/ of the repository.
    const document = readFileSync(new URL('../../../docs/rules.md', import.meta.url), 'utf8');
    assert.equal(document, rulesDocument(allTables()));
  });

  test('cases name rows that exist', () => {
    const named = CASES.flatMap(({ expect }) => [...expect.rules, ...(expect.through ?? []), ...(expect.beside ?? [])]);
    assert.deepEqual(
      named.filter((id) => !IDS.includes(id)),
      [],
    );
  });

  for (const { name, given, expect } of CASES) {
    for (const id of expect.through ?? []) {
      test(`${id} lets an inner table decide: ${name}`, () => {
        const row = DELEGATING.find((candidate) => candidate.id === id);
        const verdicts = play(given).rounds.map(({ observation, before }) =>
          observation.cluster.kind === 'known' ? row?.evaluate({ ...observation, cluster: observation.cluster }, before) : undefined,
        );
        assert.ok(verdicts.some((verdict) => verdict !== undefined));
      });
    }
  }
});
