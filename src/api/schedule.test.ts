import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Refusal } from './reply.js';
import { checkSchedule } from './schedule.js';

const NOW = Date.UTC(2031, 0, 1);

function outcome(value: unknown): string {
  try {
    return checkSchedule(value, 'switchover', NOW);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return String(error.reply.code);
  }
}

test('schedules: what people send, and how it is stored', () => {
  const cases: readonly (readonly [unknown, string])[] = [
    ['2031-05-04T12:00:00+02:00', '2031-05-04T12:00:00+02:00'],
    ['2031-05-04T12:00+02', '2031-05-04T12:00:00+02:00'],
    ['2031-05-04 12:00+02', '2031-05-04T12:00:00+02:00'],
    ['2031-05-04 12:00:00 UTC', '2031-05-04T12:00:00+00:00'],
    ['2031-05-04t12:00z', '2031-05-04T12:00:00+00:00'],
    ['2031-05-04T12:00:00.250-0330', '2031-05-04T12:00:00.250000-03:30'],
    ['20310504T120000Z', '2031-05-04T12:00:00+00:00'],
    [' 2031-05-04T00:30+05:45 ', '2031-05-04T00:30:00+05:45'],
    ['2031-05-04T12:00', '400'],
    ['2031-05-04', '400'],
    ['2030-12-31T23:59Z', '422'],
    ['2031-01-01T01:00+02', '422'],
    ['2031-02-30T12:00Z', '422'],
    ['2031-05-04T24:00Z', '422'],
    ['2031-05-04T12:00+25', '422'],
    ['2031-05-04T12:00+0261', '422'],
    ['2031-0504T12:00Z', '422'],
    ['04.05.2031 12:00 UTC', '422'],
    ['5/4/2031 12:00+02', '422'],
    ['tomorrow', '422'],
    ['now', '422'],
    [1_935_000_000, '422'],
    [{}, '422'],
  ];
  for (const [value, expected] of cases) assert.equal(outcome(value), expected, String(value));
});
