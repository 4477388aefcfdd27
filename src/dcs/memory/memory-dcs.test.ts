import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DcsHarness, dcsContract } from '../../../test/contract/dcs.js';
import { ManualClock } from '../../../test/support/manual-clock.js';
import { milliseconds, seconds } from '../../base/duration.js';
import { DcsUnavailable } from '../../ports/dcs.js';
import { clusterPath } from '../shared/key-path.js';
import { MemoryDcs } from './memory-dcs.js';
import { MemoryNetwork } from './network.js';
import { MemoryStore } from './store.js';

const timings = { ttlMs: seconds(30), loopWaitMs: seconds(10), retryTimeoutMs: seconds(10) };
const call = { timeoutMs: seconds(10) };

function world(): { clock: ManualClock; store: MemoryStore; network: MemoryNetwork; member: (name: string) => Promise<MemoryDcs> } {
  const clock = new ManualClock();
  const store = new MemoryStore(clock);
  const network = new MemoryNetwork(clock);
  const member = async (name: string): Promise<MemoryDcs> => {
    const dcs = new MemoryDcs({ store, network, scope: 'demo', name, timings });
    await dcs.start();
    return dcs;
  };
  return { clock, store, network, member };
}

async function makeHarness(): Promise<DcsHarness> {
  const { clock, store, network } = world();
  const until = async (condition: () => boolean, ms: number): Promise<void> => {
    for (let waited = 0; !condition(); waited += 50) {
      assert.ok(waited <= ms, `not within ${ms} ms`);
      await clock.advance(50);
    }
  };
  return {
    timings,
    expirySlackMs: 0,
    pass: (ms) => clock.advance(ms),
    until,
    within: async (ms, promise) => {
      let isSettled = false;
      const settled = promise.finally(() => {
        isSettled = true;
      });
      settled.catch(() => undefined);
      await until(() => isSettled, ms);
      return settled;
    },
    client: async (name, scope) => {
      const dcs = new MemoryDcs({ store, network, scope, name, timings });
      await dcs.start();
      return dcs;
    },
    writeRaw: async (scope, key, value) => {
      store.put(`${clusterPath('service', scope)}${key}`, value);
    },
    setAvailable: async (isAvailable) => {
      if (isAvailable) network.heal();
      else network.outage = 'hang';
    },
    close: async () => store.close(),
  };
}

dcsContract('memory', makeHarness);

test('an answer that is lost leaves the write applied', async () => {
  const { clock, network, member } = world();
  const [a, b] = [await member('a'), await member('b')];
  network.faultsOf('a').lostAnswers = 1;
  const attempt = assert.rejects(a.acquireLeaderLock(call), DcsUnavailable);
  await clock.advance(call.timeoutMs);
  await attempt;
  assert.equal((await b.load(call)).leader?.name, 'a');
});

test('a request may arrive after its caller gave up', async () => {
  const { clock, network, member } = world();
  const [a, b] = [await member('a'), await member('b')];
  network.faultsOf('a').requestDelayMs = 15_000;
  const attempt = assert.rejects(a.writeStatus('{"optime":5}', call), DcsUnavailable);
  await clock.advance(10_000);
  await attempt;
  assert.equal((await b.load(call)).status.lastLsn, 0n);
  await clock.advance(5_000);
  assert.equal((await b.load(call)).status.lastLsn, 5n);
});

test('a partitioned member loses its lock to another and is told to look again when healed', async () => {
  const { clock, network, member } = world();
  const [a, b] = [await member('a'), await member('b')];
  await a.acquireLeaderLock(call);
  const { leader } = await a.load(call);
  network.faultsOf('a').isPartitioned = true;
  const events: string[] = [];
  a.subscribe((event) => events.push(event.kind));
  const renewal = assert.rejects(a.renewLeaderLock(leader, call), DcsUnavailable);
  await clock.advance(timings.ttlMs);
  await renewal;
  assert.equal(await b.acquireLeaderLock(call), 'acquired');
  assert.deepEqual(events, []);
  network.heal('a');
  assert.deepEqual(events, ['reconnected']);
  assert.equal(await a.renewLeaderLock(leader, call), 'lost');
});

test('a store that refuses fails at once', async () => {
  const { network, member } = world();
  const a = await member('a');
  network.outage = 'refuse';
  await assert.rejects(a.load({ timeoutMs: milliseconds(10_000) }), /connection refused/);
});
