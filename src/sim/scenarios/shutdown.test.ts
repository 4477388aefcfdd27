// An agent that is ordered to stop while its store does not answer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SimMember } from '../member.js';
import { Scene } from './scene.js';

/** A primary stops within this time; a reading of the store may take ten seconds. */
const AT_ONCE_MS = 3000;

async function stopInReading(member: SimMember, scene: Scene): Promise<number> {
  scene.world.storeNetwork.faultsOf(member.name).isPartitioned = true;
  member.agent?.wake();
  await scene.run.pass(1000);
  const orderedAt = scene.world.scheduler.now;
  member.stopAgent();
  await scene.run.until('its server has stopped', 60_000, () => !member.server.isRunning);
  return scene.world.scheduler.now - orderedAt;
}

test('a leader whose store is silent stops its server at once, and somebody else leads when the lease has ended', async () => {
  const scene = await Scene.begin({ timings: [30, 10, 10] });
  const { leader, world } = scene;
  const tookMs = await stopInReading(leader, scene);
  assert.ok(tookMs < AT_ONCE_MS, `${tookMs} ms`);
  // The key could not be given away, and nobody took it before its lease ended.
  assert.equal(world.holder, leader.name);
  await scene.newLeaderThan(leader);
  leader.startAgent();
  await scene.end();
});

test('a replica whose store is silent stops its server at once', async () => {
  const scene = await Scene.begin({ timings: [30, 10, 10] });
  const replica = scene.world.members.find((member) => member !== scene.leader);
  assert.ok(replica !== undefined);
  const tookMs = await stopInReading(replica, scene);
  assert.ok(tookMs < AT_ONCE_MS, `${tookMs} ms`);
  replica.startAgent();
  await scene.end();
});

test('beside it: with a store that answers slowly, a leader that stops gives its lock away', async () => {
  const scene = await Scene.begin({ timings: [30, 10, 10] });
  const { leader, world } = scene;
  const faults = world.storeNetwork.faultsOf(leader.name);
  faults.requestDelayMs = 2000;
  leader.agent?.wake();
  await scene.run.pass(1000);
  leader.stopAgent();
  await scene.run.until('the lock is free or another’s', 12_000, () => world.holder !== leader.name);
  assert.equal(leader.server.isRunning, false);
  faults.requestDelayMs = 1;
  await scene.newLeaderThan(leader);
  leader.startAgent();
  await scene.end();
});
