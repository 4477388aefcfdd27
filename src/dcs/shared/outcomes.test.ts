import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LogLine, recordingLog } from '../../../test/support/recording-log.js';
import { DcsUnavailable } from '../../ports/dcs.js';
import { Outcomes, type Verdict } from './outcomes.js';

class StoreError extends Error {
  readonly verdict: Verdict;

  constructor(verdict: Verdict) {
    super('no');
    this.verdict = verdict;
  }
}

function outcomesTo(lines: LogLine[]): Outcomes {
  const verdictOf = (error: unknown): Verdict | undefined => (error instanceof StoreError ? error.verdict : undefined);
  return new Outcomes({ store: 'Shelf', log: recordingLog(lines), verdictOf });
}

const failing = (error: Error) => (): Promise<never> => Promise.reject(error);
const isUnavailable = (error: unknown): boolean =>
  error instanceof DcsUnavailable &&
  error.message === 'Shelf is not responding properly: write /x: no' &&
  error.cause instanceof StoreError;

test('a refused write is false, and said; a result is passed on', async () => {
  const lines: LogLine[] = [];
  assert.equal(await outcomesTo(lines).write('write /x', failing(new StoreError('refused'))), false);
  assert.deepEqual(
    lines.map(({ text }) => text),
    ['Shelf refused to write /x: no'],
  );
  for (const result of [true, false]) assert.equal(await outcomesTo([]).write('write /x', async () => result), result);
});

test('an error that does not tell is unknown, never a refusal', async () => {
  await assert.rejects(outcomesTo([]).write('write /x', failing(new StoreError('unknown'))), isUnavailable);
});

test('where only results count, a refusal is unknown as well', async () => {
  for (const verdict of ['refused', 'unknown'] as const)
    await assert.rejects(outcomesTo([]).trusted('write /x', failing(new StoreError(verdict))), isUnavailable);
  assert.equal(await outcomesTo([]).trusted('read', async () => 7), 7);
});

test("what is none of the store's errors passes unchanged", async () => {
  for (const error of [new TypeError('ours'), new DcsUnavailable('no answer')]) {
    await assert.rejects(outcomesTo([]).write('write /x', failing(error)), (caught) => caught === error);
    await assert.rejects(outcomesTo([]).trusted('read', failing(error)), (caught) => caught === error);
  }
});
