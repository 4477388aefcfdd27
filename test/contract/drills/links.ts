import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeClock } from '../../../src/platform/node-clock.js';
import type { Dcs } from '../../../src/ports/dcs.js';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.js';
import { answerOf, BRIEF, CALL, type DrillHarness, Opened, TIMINGS, until, watchTells } from './harness.js';
import type { SharedServer } from './shared-server.js';

interface Linked {
  /** Straight at the server. */
  readonly a: Dcs;
  /** Behind the proxy. */
  readonly b: Dcs;
  readonly proxy: TcpProxy;
}

/** Connections break, fall silent and become slow. */
export function linkDrills(harness: DrillHarness, shared: SharedServer): void {
  const linked = async (opened: Opened): Promise<Linked> => {
    const { server } = shared;
    const proxy = opened.add(await startTcpProxy(server.port));
    const options = { timings: TIMINGS, scope: shared.newScope() };
    const a = opened.add(harness.client('a', [server.port], options));
    const b = opened.add(harness.client('b', [proxy.port], options));
    await a.start();
    await b.start();
    await watchTells(a, b);
    return { a, b, proxy };
  };

  test('connections are reset again and again: a lock is kept, and the watch tells of changes', async (t) => {
    const opened = new Opened();
    t.after(() => opened.end());
    const { a, b, proxy } = await linked(opened);
    assert.equal(await b.acquireLeaderLock(CALL), 'acquired');
    for (let n = 0; n < 20; n += 1) {
      const view = await answerOf(b.load(CALL));
      const renewing = answerOf(b.renewLeaderLock(view === 'unknown' ? undefined : view.leader, CALL));
      if (n % 2 === 0) await nodeClock.sleep(n / 4);
      proxy.reset();
      assert.notEqual(await renewing, 'lost');
      assert.equal(await a.acquireLeaderLock(CALL), 'held-by-other');
    }
    assert.equal(await b.renewLeaderLock((await b.load(CALL)).leader, CALL), 'renewed');
    await watchTells(a, b);
  });

  test('a half-open connection, silent without an error: calls end in their budget, and the watch is opened anew', async (t) => {
    const opened = new Opened();
    t.after(() => opened.end());
    const { a, b, proxy } = await linked(opened);
    const events: string[] = [];
    b.subscribe((event) => events.push(event.kind));
    proxy.freezeExisting();
    assert.equal(await a.acquireLeaderLock(CALL), 'acquired');
    await until('the new leader is read', async () => {
      // Whoever writes hears of the store's progress; its connection is frozen too.
      await answerOf(b.touchMember(`{"n":${Date.now()}}`, undefined, CALL));
      const view = await answerOf(b.load(CALL));
      return view !== 'unknown' && view.leader?.name === 'a';
    });
    await until('the silent watch was given up', () => events.includes('reconnected') || events.includes('leader-changed'));
    await watchTells(a, b);
  });

  test('answers that come after retry_timeout: unknown, in time; never a lock that is kept or taken without the word of the store', async (t) => {
    const opened = new Opened();
    t.after(() => opened.end());
    const { a, b, proxy } = await linked(opened);
    assert.equal(await b.acquireLeaderLock(CALL), 'acquired');
    const { leader } = await b.load(CALL);
    proxy.delayAnswers(2500);
    for (let n = 0; n < 2; n += 1) {
      assert.equal(await answerOf(b.renewLeaderLock(leader, BRIEF), BRIEF.timeoutMs), 'unknown');
      assert.equal(await answerOf(b.acquireLeaderLock(BRIEF), BRIEF.timeoutMs), 'unknown');
    }
    assert.equal(await a.acquireLeaderLock(CALL), 'held-by-other');
    proxy.delayAnswers(0);
    // What is still on its way arrives late; a new attempt must not be confused by it.
    await until('it answers again', async () => (await answerOf(b.load(CALL))) !== 'unknown');
    assert.equal(await b.renewLeaderLock((await b.load(CALL)).leader, CALL), 'renewed');
    assert.equal(await b.releaseLeaderLock((await b.load(CALL)).leader, CALL), true);
    proxy.delayAnswers(2500);
    // The store may have done it all the same: nobody may believe so.
    assert.equal(await answerOf(b.acquireLeaderLock(BRIEF), BRIEF.timeoutMs), 'unknown');
    proxy.delayAnswers(0);
    const outcome = await a.acquireLeaderLock(CALL);
    await until('it answers again', async () => (await answerOf(b.load(CALL))) !== 'unknown');
    const holder = (await a.load(CALL)).leader?.name;
    assert.equal(holder, outcome === 'acquired' ? 'a' : 'b');
    assert.equal(await b.renewLeaderLock((await b.load(CALL)).leader, CALL), holder === 'b' ? 'renewed' : 'lost');
  });
}
