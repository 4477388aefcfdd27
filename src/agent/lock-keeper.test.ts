import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.js';
import { silentLog } from '../../test/support/silent-log.js';
import { seconds } from '../base/duration.js';
import type { Dcs } from '../ports/dcs.js';
import { LockKeeper } from './lock-keeper.js';
import { noWatchdog } from './no-watchdog.js';

const TTL_MS = seconds(30);

function keeper(
  clock: ManualClock,
  dcs: Pick<Dcs, 'acquireLeaderLock' | 'renewLeaderLock' | 'grantedLeaseMs'>,
  onExpired: () => void = () => undefined,
  onHeld: () => void = () => undefined,
): LockKeeper {
  const timings = () => ({ ttlMs: TTL_MS, loopWaitMs: seconds(10), retryTimeoutMs: seconds(10) });
  const nothing = (): void => undefined;
  // Of the store only its lock is used.
  const store = dcs as Dcs;
  const common = { clock, dcs: store, log: silentLog, watchdog: noWatchdog, timings, budget: () => seconds(10) };
  return new LockKeeper({ ...common, onHeld, onExpired, onLost: nothing });
}

const lock: Pick<Dcs, 'acquireLeaderLock' | 'renewLeaderLock'> = {
  acquireLeaderLock: async () => 'acquired',
  renewLeaderLock: async () => 'renewed',
};

test('a lease is as long as the ttl, or as the store grants where that is less; the word of the members counts in full', async () => {
  for (const [grantedLeaseMs, expected] of [
    [undefined, TTL_MS],
    [seconds(27), seconds(27)],
    [seconds(40), TTL_MS],
  ] as const) {
    const clock = new ManualClock();
    const held = keeper(clock, { ...lock, ...(grantedLeaseMs === undefined ? {} : { grantedLeaseMs }) });
    await held.acquire();
    assert.equal(held.leaseEnd, expected);
    await clock.advance(1000);
    await held.renew(undefined, clock.monotonic());
    assert.equal(held.leaseEnd, 1000 + expected);
    assert.equal(held.extend(clock.monotonic()), true);
    assert.equal(held.leaseEnd, 1000 + TTL_MS);
  }
});

test('what the store grants is asked after it has answered', async () => {
  let granted = seconds(30);
  const acquireLeaderLock = async (): Promise<'acquired'> => {
    granted = seconds(12);
    return 'acquired';
  };
  const held = keeper(new ManualClock(), {
    ...lock,
    acquireLeaderLock,
    get grantedLeaseMs() {
      return granted;
    },
  });
  await held.acquire();
  assert.equal(held.leaseEnd, seconds(12));
});

test('a lock that the store says is lost: the loop has retry_timeout to get it back or to stop the server, and never beyond the lease', async () => {
  for (const [lostAt, expected] of [
    [seconds(5), seconds(15)],
    [seconds(25), seconds(30)],
  ] as const) {
    const clock = new ManualClock();
    const fenced: number[] = [];
    const held = keeper(clock, { ...lock, renewLeaderLock: async () => 'lost' }, () => fenced.push(clock.monotonic()));
    await held.acquire();
    await clock.advance(lostAt);
    assert.equal(await held.renew(undefined, clock.monotonic()), 'lost');
    assert.equal(held.isHeld, false);
    await clock.advance(seconds(60));
    assert.deepEqual(fenced, [expected]);
  }
});

test('a lock that was lost and is held again, or given away, needs no fence', async () => {
  for (const end of ['acquire', 'drop'] as const) {
    const clock = new ManualClock();
    let fences = 0;
    const held = keeper(clock, { ...lock, renewLeaderLock: async () => 'lost' }, () => {
      fences += 1;
    });
    await held.acquire();
    await held.renew(undefined, clock.monotonic());
    await held[end]();
    await clock.advance(seconds(25));
    assert.equal(fences, 0);
  }
});
