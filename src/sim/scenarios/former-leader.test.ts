import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scene } from './scene.js';

test('a thawed leader does not take back a key that another had meanwhile (seed 1255)', async () => {
  const scene = await Scene.begin();
  const former = scene.leader;
  former.freeze(100_000);
  former.server.kill();
  const next = await scene.newLeaderThan(former);
  // The second leader writes, and gives the key up; everybody else is gone when the first one wakes up.
  await scene.run.pass(5000);
  const { timeline } = next.server;
  for (const member of scene.world.members) if (member !== former) member.crashAgent();
  for (const member of scene.world.members) member.server.kill();
  scene.world.store.delete('/service/sim/leader', `/service/sim/${next.name}`);
  former.thaw();
  await scene.run.pass(500);
  assert.equal(former.server.isWritable && former.server.timeline < timeline, false);
  for (const member of scene.world.members) member.startAgent();
  await scene.end();
});

test('a restart that is under way when the lease ends does not end writable (seed 1312)', async () => {
  const scene = await Scene.begin();
  const former = scene.leader;
  scene.isolate(former);
  const { ledger, life } = former;
  assert.ok(ledger !== undefined && life !== undefined);
  await scene.run.until('the lease is nearly over', 30_000, () => ledger.endsAt - life.clock.monotonic() < 700);
  former.server.slowness = 10;
  former.server.kill();
  former.server.hasStandbySignal = false;
  void former.agent?.control.restart({});
  await scene.newLeaderThan(former);
  await scene.run.pass(10_000);
  assert.equal(former.server.isWritable, false);
  former.server.slowness = 1;
  await scene.end();
});
