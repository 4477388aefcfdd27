import assert from 'node:assert/strict';
import { test } from 'node:test';
import { milliseconds } from '../../../src/base/duration.js';
import { memberNamed } from '../../../src/cluster/view.js';
import { nodeClock } from '../../../src/platform/node-clock.js';
import type { Dcs } from '../../../src/ports/dcs.js';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.js';
import { Contender } from './contender.js';
import { answerOf, CALL, type DrillHarness, Opened, TIMINGS, until } from './harness.js';
import type { SharedServer } from './shared-server.js';

/** The lock and what holds it. */
export function lockDrills(harness: DrillHarness, shared: SharedServer): void {
  const pair = async (opened: Opened): Promise<{ readonly a: Dcs; readonly b: Dcs; readonly scope: string }> => {
    const scope = shared.newScope();
    const [a, b] = ['a', 'b'].map((name) => opened.add(harness.client(name, [shared.server.port], { timings: TIMINGS, scope }))) as [
      Dcs,
      Dcs,
    ];
    await a.start();
    await b.start();
    return { a, b, scope };
  };

  test('the lease is lost while its agent is alive: the lock comes back only while nobody has it', async (t) => {
    const opened = new Opened();
    t.after(() => opened.end());
    const { a, b, scope } = await pair(opened);
    const renew = async (mayCreate = true): Promise<string> => a.renewLeaderLock((await a.load(CALL)).leader, { ...CALL, mayCreate });
    assert.equal(await a.acquireLeaderLock(CALL), 'acquired');
    await harness.endLease(shared.server, scope);
    assert.equal(await renew(false), 'lost');
    assert.equal(await renew(), 'renewed');
    assert.equal(await a.touchMember('{"state":"running"}', memberNamed(await a.load(CALL), 'a'), CALL), true);
    await harness.endLease(shared.server, scope);
    // Consul keeps a lock for a moment from everybody after its session has ended.
    await until('the other one gets it', async () => (await b.acquireLeaderLock(CALL)) === 'acquired', 1000);
    assert.equal(await renew(), 'lost');
    assert.equal(await a.acquireLeaderLock(CALL), 'held-by-other');
    assert.equal(await a.releaseLeaderLock((await a.load(CALL)).leader, CALL), false);
    assert.equal((await b.load(CALL)).leader?.name, 'b');
  });

  test('the ttl is made shorter at run time: the lock is kept, and what is not renewed any more ends by the new one', async (t) => {
    const opened = new Opened();
    t.after(() => opened.end());
    const { a, b } = await pair(opened);
    const cycle = async (): Promise<void> => {
      assert.equal(await a.renewLeaderLock((await a.load(CALL)).leader, CALL), 'renewed');
      assert.equal(await a.touchMember('{"state":"running"}', memberNamed(await a.load(CALL), 'a'), CALL), true);
    };
    assert.equal(await a.acquireLeaderLock(CALL), 'acquired');
    await cycle();
    const ttlMs = milliseconds(3000);
    await a.configure({ ...TIMINGS, ttlMs }, {});
    assert.equal(await b.acquireLeaderLock(CALL), 'held-by-other');
    await cycle();
    const renewedAt = performance.now();
    assert.equal((await b.load(CALL)).leader?.name, 'a');
    await until(
      'the keys have ended',
      async () => {
        const { leader, members } = await b.load(CALL);
        return leader === undefined && (harness.keepsMembers === true || members.length === 0);
      },
      ttlMs + harness.expirySlackMs,
    );
    assert.ok(performance.now() - renewedAt > ttlMs / 2, 'it ended too soon');
    assert.equal(await b.acquireLeaderLock(CALL), 'acquired');
  });

  test('two members contend while their links are cut, slow and reset: never do both hold the lock by their own clocks', async (t) => {
    const opened = new Opened();
    t.after(() => opened.end());
    const timings = { ttlMs: milliseconds(3000), loopWaitMs: milliseconds(500), retryTimeoutMs: milliseconds(1200) };
    const scope = shared.newScope();
    const open = async (name: string): Promise<{ readonly proxy: TcpProxy; readonly contender: Contender }> => {
      const proxy = opened.add(await startTcpProxy(shared.server.port));
      const dcs = opened.add(harness.client(name, [proxy.port], { timings, scope }));
      await dcs.start();
      return { proxy, contender: opened.add(new Contender(dcs, timings, name)) };
    };
    const both = [await open('a'), await open('b')] as const;
    let overlaps = 0;
    const watching = setInterval(() => {
      if (both.every(({ contender }) => contender.isHolder)) overlaps += 1;
    }, 2);
    t.after(() => clearInterval(watching));
    for (const { contender } of both) contender.start();
    const leader = async (): Promise<(typeof both)[number]> => {
      await until('somebody leads', () => both.some(({ contender }) => contender.isHolder), timings.ttlMs + harness.expirySlackMs + 5000);
      return both[0].contender.isHolder ? both[0] : both[1];
    };
    const expiryMs = timings.ttlMs + harness.expirySlackMs + 3000;
    for (const trouble of ['cut', 'slow', 'reset', 'cut'] as const) {
      const { proxy, contender } = await leader();
      const [other] = both.filter((each) => each.contender !== contender);
      if (trouble === 'reset') {
        for (let n = 0; n < 30; n += 1) {
          proxy.reset();
          other?.proxy.reset();
          await nodeClock.sleep(50);
        }
        continue;
      }
      if (trouble === 'cut') proxy.setMute(true);
      else proxy.delayAnswers(2 * timings.retryTimeoutMs);
      // Without the store's word it gives up by its own clock, and the other one gets what the store has freed.
      await until(`${trouble}: the holder gave up`, () => !contender.isHolder, timings.ttlMs + 1000);
      await until(`${trouble}: the other one leads`, () => other?.contender.isHolder === true, expiryMs);
      proxy.setMute(false);
      proxy.delayAnswers(0);
      proxy.reset();
    }
    await leader();
    // A copy that a watch keeps may be a moment behind; taking the lock asks the store itself.
    await until('the store names the holder', async () => {
      const word = await answerOf(both[0].contender.word());
      return word === (both[0].contender.isHolder ? 'a' : 'b');
    });
    assert.equal(overlaps, 0);
  });
}
