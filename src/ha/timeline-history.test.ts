import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lsn } from '../../test/support/builders.js';
import type { HistoryLine } from '../cluster/history.js';
import { historyLines } from './timeline-history.js';

const line = (timeline: number, rest: Partial<HistoryLine> = {}): HistoryLine => ({
  timeline,
  lsn: lsn(100 * timeline),
  reason: 'no recovery target specified',
  ...rest,
});
const FILE = [1, 2, 3, 4, 5].map((timeline) => line(timeline));
const timelines = (limit: number): number[] =>
  historyLines({ local: FILE, known: [], timeline: 6, limit, me: 'a', now: 'now' }).map(({ timeline }) => timeline);

test('T42: with max_timelines_history 2 the key has the last two lines of five, with 0 all of them', () => {
  assert.deepEqual(timelines(2), [4, 5]);
  assert.deepEqual(timelines(0), [1, 2, 3, 4, 5]);
  assert.deepEqual(timelines(9), [1, 2, 3, 4, 5]);
});

test('T41: time and member of the lines before are those of the key, as long as it is the same line', () => {
  const known = [line(1, { time: 'then', member: 'b' }), line(2, { lsn: lsn(7), time: 'then', member: 'b' })];
  const local = [line(1), line(2), line(3, { time: 'now', member: 'a' })];
  const lines = historyLines({ local, known, timeline: 4, limit: 0, me: 'a', now: 'now' });
  assert.deepEqual(
    lines.map(({ member }) => member),
    ['b', undefined, 'a'],
  );
});

test('timelines that a promotion left out get lines of their own, and count for the limit', () => {
  const lines = historyLines({ local: FILE.slice(0, 2), known: [], timeline: 5, limit: 3, me: 'a', now: 'now' });
  assert.deepEqual(
    lines.map(({ timeline, reason }) => [timeline, reason]),
    [
      [2, 'no recovery target specified'],
      [3, 'timeline left out'],
      [4, 'timeline left out'],
    ],
  );
});
