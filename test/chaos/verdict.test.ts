import assert from 'node:assert/strict';
import { test } from 'node:test';
import { doublePrimaries } from './census.js';
import { availability, type Outcome, objections, tolls } from './verdict.js';

const fine: Outcome = {
  mode: 'synchronous',
  isSynchronous: true,
  isGuarded: false,
  seconds: 60,
  faults: [{ name: 'switchover', at: 50 }],
  findings: [{ name: 'inserts', acknowledged: 10, lost: 0, broken: [], weak: [] }],
  doubles: [],
  censusWrites: 5,
  healedAfterMs: 100,
  copies: 0,
  acknowledgedAt: [0, 100, 200],
};

void test('a run without fault is no objection', () => assert.deepEqual(objections(fine), []));

void test('a lost write counts in a synchronous mode only', () => {
  const findings = [{ name: 'inserts', acknowledged: 10, lost: 1, broken: [], weak: ['missing rows: 3'] }];
  assert.equal(objections({ ...fine, findings }).length, 2);
  assert.deepEqual(objections({ ...fine, findings, isSynchronous: false }), []);
});

void test('what is broken counts in every mode, and so does a cluster that stays broken or never wrote', () => {
  const isSynchronous = false;
  const findings = [{ name: 'bank', acknowledged: 0, lost: 0, broken: ['the sum is 7'], weak: [] }];
  assert.equal(objections({ ...fine, isSynchronous, findings, healedAfterMs: undefined }).length, 3);
});

void test('a second primary is an objection where a guard is to prevent it', () => {
  const doubles = [{ host: 'm0', timeline: 1, ms: 30, writes: 2 }];
  assert.deepEqual(objections({ ...fine, doubles }), []);
  assert.equal(objections({ ...fine, doubles, isGuarded: true }).length, 1);
});

void test('a read from the past is an objection where a guard is to prevent it', () => {
  const findings = [{ name: 'read-your-writes', acknowledged: 9, lost: 0, broken: [], weak: [], stale: ['read 1 after 2'] }];
  assert.deepEqual(objections({ ...fine, findings }), []);
  assert.equal(objections({ ...fine, findings, isGuarded: true }).length, 1);
});

void test('time without a write counts when somebody would notice', () => {
  assert.deepEqual(availability([0, 400, 800, 2800, 3200]), { percent: 100 * (1 - 2000 / 3200), longestGapMs: 2000 });
});

void test('time without a write is put down to the last fault before it', () => {
  const faults = [
    { name: 'agent killed', at: 1000 },
    { name: 'switchover', at: 5000 },
    { name: 'agent killed', at: 9000 },
  ];
  // The second begins just before its fault: the last write was on its way when it came.
  const acknowledgedAt = [900, 2000, 2100, 3100, 4800, 6300, 6700, 8900, 9900];
  assert.deepEqual(tolls(faults, acknowledgedAt), [
    { fault: 'agent killed', times: 2, totalMs: 1100 + 1000 + 1700 + 1000, longestMs: 1700 },
    { fault: 'switchover', times: 1, totalMs: 1500 + 2200, longestMs: 2200 },
  ]);
});

void test('a write on an older timeline after one on a later is a second primary', () => {
  const at = (host: string, timeline: number, when: number) => ({ host, timeline, at: when });
  const history = [at('m0', 1, 10), at('m1', 2, 20), at('m0', 1, 25), at('m1', 2, 30), at('m0', 1, 45), at('m0', 3, 60), at('m0', 3, 61)];
  assert.deepEqual(doublePrimaries(history), [{ host: 'm0', timeline: 1, ms: 25, writes: 2 }]);
  assert.deepEqual(doublePrimaries([at('m0', 1, 10), at('m1', 2, 20), at('m0', 3, 30)]), []);
});
