import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scene } from './scene.js';

test('cnpg-7407: an isolated leader stops writing before anybody else may begin, and comes back as a standby', async () => {
  const scene = await Scene.begin();
  const former = scene.leader;
  scene.isolate(former);
  await scene.newLeaderThan(former);
  assert.equal(former.server.isWritable, false);
  await scene.end();
});

test('a restart asked of an isolated former primary does not make it writable (seeds 2033, 3343)', async () => {
  const scene = await Scene.begin();
  const former = scene.leader;
  scene.isolate(former);
  await scene.newLeaderThan(former);
  former.server.kill();
  former.server.hasStandbySignal = false;
  void former.agent?.control.restart({});
  await scene.run.pass(2 * scene.world.timings.ttlMs);
  assert.equal(former.server.isWritable, false);
  await scene.end();
});

test('a raised ttl does not stretch a lease that the store granted with the old one (seed 1546)', async () => {
  const scene = await Scene.begin();
  const former = scene.leader;
  scene.world.configure({ ttl: 40 });
  // The new value has been read and the lock renewed with it, and nothing more gets through.
  await scene.run.pass(15);
  scene.isolate(former);
  await scene.newLeaderThan(former);
  await scene.end();
});

test('a restart asked during the shutdown of a leader is refused (seed 6360)', async () => {
  const scene = await Scene.begin();
  const former = scene.leader;
  former.server.freeze();
  former.stopAgent();
  await scene.run.pass(1000);
  void former.agent?.control.restart({});
  await scene.run.pass(3000);
  former.server.thaw();
  await scene.newLeaderThan(former);
  await scene.run.pass(5000);
  assert.equal(former.server.isWritable, false);
  await scene.end();
});

test('a frozen agent beside a living server finds out by its own clock that it leads no more', async () => {
  const scene = await Scene.begin();
  const former = scene.leader;
  former.freeze(2 * scene.world.timings.ttlMs);
  await scene.newLeaderThan(former).catch(() => undefined);
  await scene.run.pass(2 * scene.world.timings.ttlMs + 2000);
  assert.equal(scene.world.members.filter((member) => member.server.isWritable).length, 1);
  await scene.end();
});

test('a promotion whose member is lost at once does not give its timeline to another history (seed 351)', async () => {
  const scene = await Scene.begin();
  const [first] = scene.world.members;
  assert.ok(first !== undefined);
  for (let round = 0; round < 3; round++) {
    const former = scene.leader;
    former.crashAgent();
    former.server.kill();
    const next = await scene.newLeaderThan(former);
    // Promoted, writable, and gone before anything was published.
    next.crashAgent();
    next.server.kill();
    former.startAgent();
    await scene.run.pass(2 * scene.world.timings.ttlMs);
    next.startAgent();
    await scene.run.until('somebody leads', 3 * scene.world.timings.ttlMs, () => scene.world.holder !== undefined);
  }
  await scene.end();
});
