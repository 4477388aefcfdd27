import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scene } from './scene.js';

const FENCED = 'the leader lock was not confirmed in time, demoting self';
/** Before the first cycle the store gets retry_timeout; then the deadline begins. */
const [TTL_MS, RETRY_MS] = [20_000, 8000];

test('a primary beside which an agent starts late, whose requests to the store are slow: it stops in time', async () => {
  const scene = await Scene.begin({ timings: [20, 4, 8] });
  const { run, world, leader } = scene;
  leader.crashAgent();
  // The lock is still there when it starts, and ends before it is read.
  await run.pass(0.8 * TTL_MS);
  world.storeNetwork.faultsOf(leader.name).requestDelayMs = 0.6 * RETRY_MS;
  // One more request before that for the lock.
  world.deleteInitialize();
  leader.startAgent();
  await run.until('it is stopped', 2 * RETRY_MS + 3000, () => !leader.server.isWritable);
  assert.ok(
    world.lines.some((line) => line.includes(FENCED)),
    world.lines.slice(-30).join('\n'),
  );
  await scene.end();
});

test('beside it: it gets its lock back, and whatever it does later is no matter of that deadline', async () => {
  const scene = await Scene.begin({ timings: [20, 4, 8] });
  const { run, world, leader } = scene;
  const { timeline } = leader.server;
  leader.crashAgent();
  await run.pass(1000);
  leader.startAgent();
  await run.pass(5 * TTL_MS);
  assert.equal(scene.leader, leader);
  assert.equal(leader.server.timeline, timeline);
  assert.ok(!world.lines.some((line) => line.includes(FENCED)));
  await scene.end();
});
