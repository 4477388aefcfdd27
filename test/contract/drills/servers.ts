import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { nodeClock } from '../../../src/platform/node-clock.js';
import type { Dcs } from '../../../src/ports/dcs.js';
import type { StoreServer } from '../../support/store-server.js';
import { answerOf, BRIEF, CALL, type DrillHarness, keepsItsLock, Opened, TIMINGS, until, watchTells } from './harness.js';

const options = { timings: TIMINGS, scope: 'demo' };

/** Servers die, come back and stand still. */
export function serverDrills(harness: DrillHarness): void {
  test('the server is killed and started again: unknown meanwhile; then the lock is still ours, and the watch tells of changes', async (t) => {
    const opened = openFor(t);
    const server = opened.add(await harness.startServer());
    const [a, b] = ['a', 'b'].map((name) => opened.add(harness.client(name, [server.port], options))) as [Dcs, Dcs];
    await a.start();
    await b.start();
    assert.equal(await a.acquireLeaderLock(CALL), 'acquired');
    await watchTells(a, b);
    const events: string[] = [];
    b.subscribe((event) => events.push(event.kind));
    await server.kill();
    const { leader } = await b.load(BRIEF).catch(() => ({ leader: undefined }));
    for (const outcome of [
      answerOf(a.renewLeaderLock(leader, BRIEF), BRIEF.timeoutMs),
      answerOf(b.acquireLeaderLock(BRIEF), BRIEF.timeoutMs),
      answerOf(a.writeStatus('{"optime":2}', BRIEF), BRIEF.timeoutMs),
    ])
      assert.equal(await outcome, 'unknown');
    assert.equal(await answerOf(a.load(BRIEF), BRIEF.timeoutMs), 'unknown');
    await server.restart();
    await until('the watch is open again', () => events.includes('reconnected'));
    assert.equal(await a.renewLeaderLock((await a.load(CALL)).leader, CALL), 'renewed');
    assert.equal(await b.acquireLeaderLock(CALL), 'held-by-other');
    await watchTells(a, b);
  });

  test('one of three servers is killed, the leader of them: the lock is kept, each call ends in its budget', async (t) => {
    const { dcs, victim } = await ensemble(t, harness);
    await victim.kill();
    await keepsItsLock(dcs);
    await victim.restart();
    await keepsItsLock(dcs);
  });

  test('the leader of three servers stands still under load: the lock is kept, each call ends in its budget', async (t) => {
    const { dcs, victim, other } = await ensemble(t, harness);
    let isLoaded = true;
    const load = Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        for (let n = 0; isLoaded; n += 1) {
          await answerOf(other.writeHistory(`[[${i},${n},"load"]]`, CALL));
          await nodeClock.sleep(5);
        }
      }),
    );
    try {
      victim.freeze();
      await keepsItsLock(dcs);
      victim.thaw();
      await keepsItsLock(dcs);
    } finally {
      isLoaded = false;
      await load;
    }
    assert.equal(await other.acquireLeaderLock(CALL), 'held-by-other');
  });
}

interface Ensemble {
  /** Holds the lock. */
  readonly dcs: Dcs;
  readonly other: Dcs;
  /** The leader of the three. */
  readonly victim: StoreServer;
}

async function ensemble(t: TestContext, harness: DrillHarness): Promise<Ensemble> {
  const opened = openFor(t);
  const servers = (await harness.startEnsemble()).map((server) => opened.add(server));
  const victim = servers[await harness.leaderAmong(servers)];
  assert.ok(victim !== undefined, 'no leader among the servers');
  t.after(() => victim.thaw());
  // Where a client has one server only, it is one that stays.
  const ports = [...servers.filter((server) => server !== victim), victim].map(({ port }) => port);
  const [dcs, other] = ['a', 'b'].map((name) => opened.add(harness.client(name, ports, options))) as [Dcs, Dcs];
  await dcs.start();
  await other.start();
  assert.equal(await dcs.acquireLeaderLock(CALL), 'acquired');
  return { dcs, other, victim };
}

function openFor(t: TestContext): Opened {
  const opened = new Opened();
  t.after(() => opened.end());
  return opened;
}
