// Troubles that users of such systems met (docs/troubles.md), acted out.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJsonObject } from '../../base/json.js';
import { CLUSTER } from '../environment.js';
import type { SimMember } from '../member.js';
import { Scene } from './scene.js';

function voters(scene: Scene): readonly string[] {
  const names = parseJsonObject(scene.world.store.get(`${CLUSTER}sync`)?.value ?? '{}')?.['sync_standby'];
  return typeof names === 'string' ? names.split(',') : [];
}

/** The whole machine is gone: agent and server. */
function lose(member: SimMember): void {
  member.crashAgent();
  member.server.kill();
}

test('repmgr-766: the machine of a primary stands still and comes back: it stops within moments, and follows', async () => {
  const scene = await Scene.begin();
  const former = scene.leader;
  const asleepMs = 2 * scene.world.timings.ttlMs;
  former.freeze(asleepMs);
  former.server.freeze();
  const next = await scene.newLeaderThan(former);
  await scene.run.until('it wakes up', 2 * asleepMs, () => former.life?.isFrozen === false);
  former.server.thaw();
  await scene.run.pass(1000);
  assert.equal(former.server.isWritable, false);
  assert.equal(scene.world.holder, next.name);
  await scene.end();
});

test('patroni-1412: synchronous members fail and return in the wrong order: the outdated one does not lead', async () => {
  const scene = await Scene.begin({ config: { synchronous_mode: true, synchronous_mode_strict: true }, watchdog: 'off' });
  const { run, world } = scene;
  await run.until('a standby is synchronous', 60_000, () => voters(scene).length === 1);
  const leader = scene.leader;
  const synchronous = world.member(voters(scene)[0] ?? '');
  const outdated = world.members.find((member) => member !== leader && member !== synchronous);
  assert.ok(synchronous !== undefined && outdated !== undefined);
  lose(outdated);
  const before = leader.server.wal.length;
  await run.until('the others go on without it', 60_000, () => synchronous.server.wal.length > before + 5);
  lose(synchronous);
  lose(leader);
  outdated.startAgent();
  // Nobody who has everything is there: waiting is right, for as long as it takes.
  for (let seconds = 0; seconds < 120; seconds += 5) {
    await run.pass(5000);
    assert.equal(world.holder === outdated.name || outdated.server.isWritable, false, `it leads after ${seconds} s`);
  }
  synchronous.startAgent();
  await run.until('who has everything leads', 3 * world.timings.ttlMs, () => world.holder === synchronous.name);
  leader.startAgent();
  await scene.end();
});

test('autofailover-883: a voter that is lost for good does not keep the next election waiting', async () => {
  const scene = await Scene.begin({ config: { synchronous_mode: 'quorum' }, watchdog: 'off' });
  const { run, world } = scene;
  await run.until('both standbys vote', 60_000, () => voters(scene).length === 2);
  const former = scene.leader;
  const gone = world.member(voters(scene)[0] ?? '');
  assert.ok(gone !== undefined);
  lose(gone);
  await run.until('it is no voter any more', 60_000, () => voters(scene).length === 1 && !voters(scene).includes(gone.name));
  lose(former);
  const next = await scene.newLeaderThan(former);
  assert.notEqual(next, gone);
  gone.startAgent();
  former.startAgent();
  await scene.end();
});

test('patroni-3477: a store that tells of changes without end does not make the loop run without pause', async () => {
  const scene = await Scene.begin();
  const { run, world } = scene;
  const cycles = new Map<string, number>();
  world.decided.push((member) => cycles.set(member, (cycles.get(member) ?? 0) + 1));
  const seconds = 2;
  for (let ms = 0; ms < 1000 * seconds; ms += 2) {
    world.store.put(`${CLUSTER}failover`, ms % 4 === 0 ? '{}' : '{"member":"nobody"}', { writer: 'operator' });
    await run.pass(2);
  }
  for (const [member, count] of cycles) assert.ok(count > seconds && count <= (1000 * seconds) / 25 + 1, `${member}: ${count} cycles`);
  assert.equal(cycles.size, world.members.length);
  world.store.put(`${CLUSTER}failover`, '{}', { writer: 'operator' });
  await scene.end();
});
