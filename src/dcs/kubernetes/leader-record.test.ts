import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../../test/support/manual-clock.js';
import { LeaderRecord } from './leader-record.js';
import { type KubeObject, parseObject } from './objects.js';
import { RenewTime } from './renew-time.js';

function leaderObject(annotations: Readonly<Record<string, string>>, resourceVersion = '1'): KubeObject {
  return parseObject({ metadata: { name: 'demo-leader', resourceVersion, annotations } });
}

const RECORD = { leader: 'a', ttl: '10', renewTime: '1', acquireTime: '1', transitions: '0' };

function world(): { clock: ManualClock; record: LeaderRecord; ends: () => number } {
  const clock = new ManualClock();
  let ends = 0;
  const record = new LeaderRecord(clock, 30_000, () => {
    ends += 1;
  });
  return { clock, record, ends: () => ends };
}

test('a record that is seen for the first time counts as fresh, whatever time it names', async () => {
  const { clock, record, ends } = world();
  record.observe(leaderObject({ ...RECORD, renewTime: '1999-01-01T00:00:00+00:00' }));
  await clock.advance(9_999);
  assert.deepEqual([record.isValid, record.owner, ends()], [true, 'a', 0]);
  await clock.advance(10);
  assert.deepEqual([record.isValid, record.owner, ends()], [false, 'a', 1]);
});

test('each change of one of the five prolongs it; nothing else does', async () => {
  for (const key of ['leader', 'ttl', 'renewTime', 'acquireTime', 'transitions']) {
    const { clock, record, ends } = world();
    record.observe(leaderObject(RECORD));
    await clock.advance(8_000);
    record.observe(leaderObject({ ...RECORD, [key]: '12' }, '2'));
    await clock.advance(8_000);
    assert.deepEqual([record.isValid, ends()], [true, 0], key);
  }
  const { clock, record } = world();
  record.observe(leaderObject(RECORD));
  await clock.advance(8_000);
  record.observe(leaderObject({ ...RECORD, optime: '7' }, '2'));
  await clock.advance(3_000);
  assert.equal(record.isValid, false);
});

test("the owner's ttl counts; ours where it can't be used", async () => {
  for (const [ttl, validMs] of [
    ['5', 5_000],
    ['0', 30_000],
    ['-3', 30_000],
    ['x', 30_000],
    ['', 30_000],
  ] as const) {
    const { clock, record } = world();
    record.observe(leaderObject({ ...RECORD, ttl }));
    await clock.advance(validMs - 1);
    assert.equal(record.isValid, true, ttl);
    await clock.advance(2);
    assert.equal(record.isValid, false, ttl);
  }
});

test('without object or without name there is no owner, and nobody is told of an end', async () => {
  const { clock, record, ends } = world();
  record.observe(leaderObject({ ...RECORD, leader: '' }));
  assert.deepEqual([record.owner, record.isValid], [undefined, false]);
  record.observe(leaderObject(RECORD, '2'));
  record.observe(undefined);
  assert.deepEqual([record.owner, record.isValid], [undefined, false]);
  await clock.advance(60_000);
  assert.equal(ends(), 0);
});

test('no two renewals have the same time, also within a millisecond or when the wall clock goes back', () => {
  let wall = Date.UTC(2031, 1, 1, 10, 11, 12, 345);
  const clock = Object.assign(new ManualClock(), { wall: () => wall });
  const times = new RenewTime(clock);
  const first = times.next();
  assert.equal(first, '2031-02-01T10:11:12.345000+00:00');
  const second = times.next();
  assert.equal(second, '2031-02-01T10:11:12.345001+00:00');
  wall -= 3_600_000;
  assert.equal(times.next(), '2031-02-01T10:11:12.345002+00:00');
});
