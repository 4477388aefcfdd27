import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startEtcdCluster } from '../../../test/support/etcd-server.js';
import { silentLog } from '../../../test/support/silent-log.js';
import { milliseconds } from '../../base/duration.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import { DcsUnavailable } from '../../ports/dcs.js';
import { createEtcd3 } from './etcd3-dcs.js';

test('patroni-3420: one of three members after the other stands still: each call ends in its budget, and the lock is never lost', async (t) => {
  const servers = await startEtcdCluster();
  const call = { timeoutMs: milliseconds(4000) };
  const dcs = createEtcd3({
    section: { hosts: servers.map(({ port }) => `127.0.0.1:${port}`) },
    scope: 'demo',
    name: 'a',
    namespace: 'service',
    timings: { ttlMs: milliseconds(15_000), loopWaitMs: milliseconds(500), retryTimeoutMs: milliseconds(4000) },
    clock: nodeClock,
    random: nodeRandom,
    log: silentLog,
  });
  t.after(async () => {
    for (const server of servers) server.thaw();
    await dcs.close();
    for (const server of servers) await server.stop();
  });
  await dcs.start();
  assert.equal(await dcs.acquireLeaderLock(call), 'acquired');
  const timed = async <T>(operation: Promise<T>): Promise<T | 'unknown'> => {
    const started = performance.now();
    const result = await operation.catch((error: unknown) => {
      assert.ok(error instanceof DcsUnavailable, String(error));
      return 'unknown' as const;
    });
    assert.ok(performance.now() - started < 4200, `took ${performance.now() - started} ms`);
    return result;
  };
  for (const frozen of servers) {
    frozen.freeze();
    for (let renewed = 0, tries = 0; renewed < 5; tries += 1) {
      assert.ok(tries < 15, 'not renewed five times');
      const view = await timed(dcs.load(call));
      const outcome = await timed(dcs.renewLeaderLock(view === 'unknown' ? undefined : view.leader, call));
      assert.notEqual(outcome, 'lost');
      if (outcome === 'renewed') renewed += 1;
      await timed(dcs.writeStatus(`{"optime":${tries}}`, call));
    }
    frozen.thaw();
    await nodeClock.sleep(1000);
  }
});
