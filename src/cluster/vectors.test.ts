import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseJson, stringifyJson } from '../base/json.js';
import { parseFailoverRequest, parseScheduledAt } from './failover-request.js';
import { clusterTimeline, historyDocument, parseHistory } from './history.js';
import { addressOf, apiUrlOf, connUrlOf, parseMemberData, stateOf } from './member.js';
import { isValidSlotName, slotNameOf } from './slot-name.js';
import { parseStatus, statusDocument } from './status.js';
import { isSyncEmpty, isSyncMember, isSyncVoter, parseSyncState } from './sync-state.js';
import { tagConflicts, traitsOf } from './tags.js';
import { parseClusterView } from './view.js';

const member = (value: string) => ({ name: 'm', version: '1', session: undefined, data: parseMemberData(value) });

describe('values of the store (dcs.md §18)', () => {
  test('status', () => {
    assert.deepEqual(parseStatus('67395656'), { lastLsn: 67395656n, slots: undefined, retainSlots: [] });
    assert.deepEqual(parseStatus('{"optime":"12","slots":"{\\"a\\":5}","retain_slots":"x"}'), {
      lastLsn: 12n,
      slots: new Map([['a', 5n]]),
      retainSlots: [],
    });
    assert.equal(parseClusterView([{ key: 'optime/leader', value: '99', version: '1' }]).status.lastLsn, 99n);
    assert.equal(parseStatus('{"optime":18446744073709551615}').lastLsn, 18446744073709551615n);
    for (const text of ['', '[]', 'x', '{"optime":-5}', '{"optime":null}']) assert.equal(parseStatus(text).lastLsn, 0n, text);
  });

  test('a status that was written reads the same', () =>
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
        fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.maxSafeInteger().map(Math.abs)),
        (optime, slots) => {
          const written = stringifyJson(statusDocument(parseStatus(stringifyJson({ optime, slots, retain_slots: ['b', 'a'] }))));
          const read = parseStatus(written);
          assert.equal(read.lastLsn, optime);
          assert.deepEqual(
            Object.fromEntries(read.slots ?? []),
            Object.fromEntries(Object.entries(slots).map(([name, lsn]) => [name, BigInt(lsn)])),
          );
          assert.deepEqual(read.retainSlots, ['a', 'b']);
        },
      ),
    ));

  test('sync', () => {
    assert.ok(isSyncEmpty(parseSyncState('{"leader":null,"sync_standby":null,"quorum":null}', '1')));
    const sync = parseSyncState('{"leader":"A","sync_standby":" b ,C,","quorum":"1"}', '1');
    assert.deepEqual([sync.voters, sync.quorum], [['b', 'C'], 1]);
    assert.deepEqual([isSyncVoter(sync, 'B'), isSyncVoter(sync, 'a'), isSyncMember(sync, 'a')], [true, false, true]);
  });

  test('failover', () => {
    assert.deepEqual(parseFailoverRequest('pg1:pg2', '1'), { version: '1', leader: 'pg1', candidate: 'pg2', scheduledAt: undefined });
    for (const text of ['{}', 'null', '[]', '"x:y"', '', ':', '{"leader":"","member":""}', '{"scheduled_at":"2031-01-01T00:00:00Z"}'])
      assert.equal(parseFailoverRequest(text, '1'), undefined, text);
  });

  test('a request with an unusable schedule is none', () => {
    for (const at of [
      'tomorrow',
      '2031-13-01T00:00:00Z',
      '2031-02-29T00:00:00Z',
      '2031-01-01T24:00:00Z',
      '2031-01-01T00:60:00Z',
      '12:00',
      '2031-01-01T00:00:00+1',
      '2031-01-01T00:00:00 Europe/Berlin',
    ]) {
      assert.equal(parseScheduledAt(at), undefined, at);
      assert.equal(parseFailoverRequest(JSON.stringify({ leader: 'a', member: 'b', scheduled_at: at }), '1'), undefined, at);
    }
  });

  test('schedules', () => {
    const at = Date.UTC(2031, 4, 4, 3, 0, 0);
    for (const [text, offsetMinutes] of [
      ['2031-05-04T03:00:00Z', 0],
      ['2031-05-04T03:00:00+00:00', 0],
      ['2031-05-04 05:00+02:00', 120],
      ['2031-05-04T05:00:00+0200', 120],
      ['2031-05-04 05:00:00+02', 120],
      ['2031-05-03T21:30:00-05:30', -330],
      ['2031-05-04T03:00:00 UTC', 0],
      ['2031-05-04T030000Z', 0],
      ['20310504T030000Z', 0],
    ] as const)
      assert.deepEqual(parseScheduledAt(text), { at, hasTimezone: true, offsetMinutes }, text);
    assert.deepEqual(parseScheduledAt('2031-05-04T03:00:00'), { at, hasTimezone: false, offsetMinutes: 0 });
    assert.deepEqual(parseScheduledAt('2032-02-29'), { at: Date.UTC(2032, 1, 29), hasTimezone: false, offsetMinutes: 0 });
    fc.assert(
      fc.property(fc.date({ min: new Date('2000-01-01T00:00:00Z'), max: new Date('2099-12-31T00:00:00Z'), noInvalidDate: true }), (date) =>
        assert.deepEqual(parseScheduledAt(date.toISOString()), { at: date.getTime(), hasTimezone: true, offsetMinutes: 0 }),
      ),
    );
    fc.assert(fc.property(fc.string(), (text) => void parseScheduledAt(text)));
  });

  test('history', () => {
    const timeline = (text: string) => clusterTimeline(parseHistory(text, '1'));
    assert.deepEqual(
      [timeline('[[3,1,"r"]]'), timeline('[]'), clusterTimeline(undefined), timeline('[["a"]]'), timeline('x')],
      [4, 1, 0, 0, 0],
    );
    const damaged = parseHistory('[[1,5,"r"],["x"],[3,7,"r"]]', '1');
    assert.deepEqual([damaged.lines.map((line) => line.timeline), damaged.isMalformed, clusterTimeline(damaged)], [[1, 3], true, 0]);
    const text = '[[1,25165984,"no recovery target specified","2031-02-01T10:11:12.345678+00:00","a"],[2,18446744073709551615,"r"]]';
    assert.deepEqual(parseJson(stringifyJson(historyDocument(parseHistory(text, '1').lines))), parseJson(text));
  });

  test('members', () => {
    const legacy = member('postgres://u:p@h:5433/postgres?application_name=http://h:8008/patroni');
    assert.deepEqual([connUrlOf(legacy), apiUrlOf(legacy)], ['postgres://u:p@h:5433/postgres', 'http://h:8008/patroni']);
    assert.deepEqual(addressOf(connUrlOf(legacy) ?? ''), { host: 'h', port: 5433 });
    assert.deepEqual([member('[1]').data, stateOf(member('[1]'))], [{}, 'unknown']);
    assert.deepEqual(addressOf('postgres://[::1]:5433/postgres'), { host: '::1', port: 5433 });
  });

  test('tags', () => {
    const low = traitsOf({ failover_priority: 0 });
    assert.deepEqual([low.nofailover, low.failoverPriority], [true, 0]);
    const both = traitsOf({ nofailover: false, failover_priority: 0 });
    assert.deepEqual([both.nofailover, both.failoverPriority], [false, 0]);
    assert.deepEqual([traitsOf({}).failoverPriority, traitsOf({ nofailover: true, failover_priority: 5 }).failoverPriority], [1, 0]);
    assert.equal(traitsOf({ failover_priority: -3 }).failoverPriority, -3);
  });

  test('T16: tags that contradict each other are told, and the flag counts', () => {
    assert.deepEqual(tagConflicts({ nofailover: false, failover_priority: 0 }), [
      'Conflicting configuration between nofailover: False and failover_priority: 0. Defaulting to nofailover: False',
    ]);
    assert.deepEqual(tagConflicts({ nosync: true, sync_priority: 2 }), [
      'Conflicting configuration between nosync: True and sync_priority: 2. Defaulting to nosync: True',
    ]);
    assert.deepEqual(tagConflicts({ nofailover: true, failover_priority: 0, nosync: false, sync_priority: 1 }), []);
  });

  test('T160: slot names', () => {
    const table: readonly (readonly [string, string])[] = [
      ['DB-1.example', 'db_1_example'],
      ['ä', 'u0228'],
      ['a'.repeat(70), 'a'.repeat(63)],
      ['Node-1.eu', 'node_1_eu'],
      ['pg@1', 'pgu00641'],
      ['My-Node.1', 'my_node_1'],
      ['ü', 'u0252'],
    ];
    for (const [name, slot] of table) assert.equal(slotNameOf(name), slot);
    fc.assert(fc.property(fc.string({ minLength: 1, unit: 'binary' }), (name) => assert.ok(isValidSlotName(slotNameOf(name)))));
  });

  test('whatever stands in the store, the view can be read', () =>
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            key: fc.constantFrom(
              'leader',
              'config',
              'status',
              'optime/leader',
              'failover',
              'sync',
              'history',
              'failsafe',
              'initialize',
              'members/a',
              'members/b',
              'other',
            ),
            value: fc.oneof(fc.string(), fc.json()),
            version: fc.constant('1'),
          }),
        ),
        (keys) => {
          const view = parseClusterView(keys);
          assert.ok(view.leader === undefined || view.leader.name !== '');
          assert.ok(view.status.lastLsn >= 0n);
        },
      ),
    ));
});
