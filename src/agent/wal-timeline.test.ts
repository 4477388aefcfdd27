import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { healthyStandby } from '../../test/support/builders.js';
import type { Lsn } from '../base/lsn.js';
import type { Postgres, ServerStatus } from '../ports/postgres.js';
import { initialState } from './state.js';
import { receivedOf, walTimeline } from './wal-timeline.js';

const START = '2031-04-01 10:00:00+00';

/** What is told of a standby that replays `replayed`, given two looks at it: one with a receiver, one without. */
async function told(before: Partial<ServerStatus>, now: Partial<ServerStatus>, replayed: number | undefined): Promise<number | undefined> {
  const { config, postgres } = healthyStandby().observation;
  assert.ok(postgres.status.kind === 'known');
  const status = { ...postgres.status.value, postmasterStartTime: START };
  const state = initialState(
    config,
    {},
    { ...postgres, status: { kind: 'known', value: { ...status, receivedTimeline: undefined, ...now } } },
  );
  state.received = receivedOf({ ...status, ...before });
  // Of the server only its answer to IDENTIFY_SYSTEM is used.
  const { timeline, isClear } = await walTimeline(state, { replicaTimeline: async () => replayed } as unknown as Postgres);
  return isClear ? timeline : undefined;
}

const at = (receive: number, replay: number): Partial<ServerStatus> => ({
  receiveLsn: BigInt(receive) as Lsn,
  replayLsn: BigInt(replay) as Lsn,
});

describe('the timeline of the last WAL of a standby', () => {
  test('is that of the receiver while it works', async () => {
    assert.equal(await told({}, { ...at(1200, 900), receivedTimeline: 2 }, 1), 2);
  });

  test('is the replayed one when nothing is left to replay', async () => {
    assert.equal(await told({ receivedTimeline: undefined }, at(1200, 1200), 2), 2);
  });

  test('is what the receiver said of the last position, when replay is behind: IDENTIFY_SYSTEM tells the replayed one', async () => {
    assert.equal(await told({ ...at(1200, 800), receivedTimeline: 2 }, at(1200, 900), 1), 2);
  });

  test('is not known when more was received since the receiver was seen, or by another life of the server', async () => {
    assert.equal(await told({ ...at(1100, 800), receivedTimeline: 1 }, at(1200, 900), 1), undefined);
    assert.equal(await told({ ...at(1200, 800), receivedTimeline: 2, postmasterStartTime: 'before' }, at(1200, 900), 1), undefined);
    assert.equal(await told({ receivedTimeline: undefined }, at(1200, 900), 1), undefined);
  });
});
