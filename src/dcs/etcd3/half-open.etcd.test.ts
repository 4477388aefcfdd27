import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startEtcd } from '../../../test/support/etcd-server.js';
import { silentLog } from '../../../test/support/silent-log.js';
import { startTcpProxy } from '../../../test/support/tcp-proxy.js';
import { milliseconds } from '../../base/duration.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import { createEtcd3 } from './etcd3-dcs.js';

test('a watch that falls silent without an error is noticed by a renewal, and opened anew', async (t) => {
  const server = await startEtcd();
  const proxy = await startTcpProxy(server.port);
  const timings = { ttlMs: milliseconds(20_000), loopWaitMs: milliseconds(100), retryTimeoutMs: milliseconds(6000) };
  const call = { timeoutMs: milliseconds(6000) };
  const member = (name: string, port: number) => {
    const section = { hosts: [`127.0.0.1:${port}`], use_proxies: true };
    return createEtcd3({
      section,
      scope: 'demo',
      name,
      namespace: 'service',
      timings,
      clock: nodeClock,
      random: nodeRandom,
      log: silentLog,
    });
  };
  const [a, b] = [member('a', server.port), member('b', proxy.port)];
  t.after(async () => {
    await a.close();
    await b.close();
    await proxy.close();
    await server.stop();
  });
  await a.start();
  await b.start();
  assert.equal(await b.touchMember('{"state":"running"}', undefined, call), true);
  await nodeClock.sleep(500);
  const events: string[] = [];
  b.subscribe((event) => events.push(event.kind));
  proxy.freezeExisting();
  assert.equal(await a.acquireLeaderLock(call), 'acquired');
  for (const end = Date.now() + 15_000; (await b.load(call)).leader?.name !== 'a'; await nodeClock.sleep(200)) {
    assert.ok(Date.now() < end, 'the new leader was not seen');
    // The first ones may be refused or unknown: their connection is frozen too.
    await b.touchMember(`{"n":${Date.now()}}`, undefined, call).catch(() => false);
  }
  for (const end = Date.now() + 5000; !events.includes('reconnected'); await nodeClock.sleep(50)) assert.ok(Date.now() < end);
});
